/* Errors of workers as OpenAI's clients get them. */
#include "test.h"

#include "base/json.h"
#include "ops/openai_error.h"

static void the_status_is_the_one_a_text_names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"the server answered HTTP 404 Not Found: {}", 404},
        {"Error code: 400 - {'object': 'error'}", 400},
        {"{'message': 'x', 'type': 'y', 'param': None, 'code': 422}", 422},
        {"{\"status_code\": 503}", 503},
        {"status=429", 429},
        {"HTTP/1.1 401", 0},
        {"openai.NotFoundError: no such model", 404},
        {"BadRequestError('temperature')", 400},
        {"asked for 404 tokens", 0},
        {"barcode 404", 0},
        {"code 4041", 0},
        {"code: 200", 0},
        {"code", 0},
        {"code: 40", 0},
        {"http 599", 599},
        {"", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int status = openai_error_status(slice_of(cases[i].text));
        if (status != cases[i].status) {
            print_error("%s: %d\n", cases[i].text, status);
        }
        assert_int_equal(status, cases[i].status);
    }
}

static void assert_error(const char *text, int status, const char *body)
{
    AUTO(buf_done) struct buf out = BUF_INIT;
    assert_int_equal(openai_error_of_job(&out, slice_of(text)), status);
    AUTO_STR got = buf_take_str(&out);
    assert_string_equal(got, body);
    assert_int_equal(json_check(slice_of(got), NULL, NULL), ERR_OK);
}

static void an_error_object_keeps_its_bytes(void **state)
{
    (void)state;
    assert_error(
        "the server answered HTTP 404 Not Found: {\"error\": {\"message\":\"no\",\"n\":1.0}}", 404,
        "{\"error\": {\"message\":\"no\",\"n\":1.0}}");
    assert_error("{\"error\":{\"message\":\"no\",\"code\":400}}", 400,
                 "{\"error\":{\"message\":\"no\",\"code\":400}}");
    assert_error("{\"object\":\"error\",\"message\":\"no\",\"code\":404}", 404,
                 "{\"error\":{\"object\":\"error\",\"message\":\"no\",\"code\":404}}");
}

static void a_python_dict_gives_its_message(void **state)
{
    (void)state;
    assert_error("{'message': \"it's `big`\", 'type': 'NotFoundError', 'param': None, 'code': 404}",
                 404,
                 "{\"error\":{\"message\":\"it's `big`\",\"type\":\"not_found_error\","
                 "\"param\":null,\"code\":404}}");
    assert_error("{'message': 'a \\'b\\'\\nc'}", 500,
                 "{\"error\":{\"message\":\"a 'b'\\nc\",\"type\":\"server_error\",\"param\":null,"
                 "\"code\":500}}");
}

static void an_exception_of_the_sdk_gives_its_message(void **state)
{
    (void)state;
    assert_error("{\"error_type\": \"<class 'ValueError'>\", \"error_message\": \"broken\", "
                 "\"error_traceback\": \"line 404\"}",
                 500,
                 "{\"error\":{\"message\":\"broken\",\"type\":\"server_error\",\"param\":null,"
                 "\"code\":500}}");
}

static void any_other_text_is_the_message(void **state)
{
    (void)state;
    assert_error(
        "worker lost: \"quoted\"", 500,
        "{\"error\":{\"message\":\"worker lost: \\\"quoted\\\"\",\"type\":\"server_error\","
        "\"param\":null,\"code\":500}}");
    assert_error("", 500,
                 "{\"error\":{\"message\":\"\",\"type\":\"server_error\",\"param\":null,"
                 "\"code\":500}}");
}

static void a_lost_worker_is_500_whatever_it_wrote_last(void **state)
{
    (void)state;
    assert_error("worker lost: x\nstatus_code=404 {\n{\"millrace\":{\"cause\":\"exit\"}}", 500,
                 "{\"error\":{\"message\":\"worker lost: x\\nstatus_code=404 {\","
                 "\"type\":\"server_error\",\"param\":null,\"code\":500}}");
}

static void an_output_is_an_error_only_when_it_says_so(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf out = BUF_INIT;
    assert_int_equal(openai_error_of_output(&out, SLICE("{\"id\":\"x\",\"code\":404}")), 0);
    assert_int_equal(openai_error_of_output(&out, SLICE("{\"error\":null,\"choices\":[]}")), 0);
    assert_int_equal(openai_error_of_output(&out, SLICE("[1]")), 0);
    assert_int_equal(openai_error_of_output(&out, SLICE("")), 0);
    assert_int_equal(out.len, 0);
    assert_int_equal(
        openai_error_of_output(
            &out, SLICE("{\"object\":\"error\",\"message\":\"m\",\"type\":\"t\",\"code\":404}")),
        404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_status_is_the_one_a_text_names),
        cmocka_unit_test(an_error_object_keeps_its_bytes),
        cmocka_unit_test(a_python_dict_gives_its_message),
        cmocka_unit_test(an_exception_of_the_sdk_gives_its_message),
        cmocka_unit_test(any_other_text_is_the_message),
        cmocka_unit_test(a_lost_worker_is_500_whatever_it_wrote_last),
        cmocka_unit_test(an_output_is_an_error_only_when_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
