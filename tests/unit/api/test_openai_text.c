/* What goes into a job of OpenAI's API, and what comes out of it. */
#include "test.h"

#include "ops/openai_input.h"
#include "ops/openai_output.h"
#include "route.h"

static void every_path_below_openai_is_routed(void **state)
{
    (void)state;
    struct route_match match;
    assert_int_equal(route_find(HTTP_POST, SLICE("/v2/ep/openai/v1/chat/completions"), &match),
                     ERR_OK);
    assert_true(slice_is(match.ep, "ep"));
    assert_int_equal(match.id.len, 0);
    assert_int_equal(route_find(HTTP_GET, SLICE("/v2/ep/openai/v1/models"), &match), ERR_OK);
    assert_int_equal(route_find(HTTP_PUT, SLICE("/v2/ep/openai/v1/models"), &match),
                     ERR_METHOD_NOT_ALLOWED);
    assert_int_equal(route_find(HTTP_POST, SLICE("/v2/ep/openai"), &match), ERR_NOT_FOUND);
    assert_int_equal(route_find(HTTP_POST, SLICE("/v2/ep/other/v1"), &match), ERR_NOT_FOUND);
}

static void the_route_is_what_follows_openai(void **state)
{
    (void)state;
    assert_true(slice_is(openai_rest(SLICE("/v2/ep/openai/v1/models"), SLICE("ep")), "/v1/models"));
    assert_int_equal(openai_rest(SLICE("/v2/ep/openai"), SLICE("ep")).len, 0);
}

static void assert_input(const char *body, enum err err, bool is_stream, const char *members)
{
    AUTO(buf_done) struct buf out = BUF_INIT;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    bool got = false;
    assert_int_equal(
        openai_input_read(SLICE("/v1/x"), SLICE("q=1"), slice_of(body), &got, &out, &problem), err);
    assert_int_equal(got, is_stream);
    AUTO_STR text = buf_take_str(&out);
    assert_string_equal(text, members);
    assert_int_equal(problem.len > 0, err != ERR_OK);
}

static void the_body_is_carried_as_it_came(void **state)
{
    (void)state;
    assert_input(" {\"n\": 1.0e2, \"stream\": true}", ERR_OK, true,
                 "\"input\":{\"openai_route\":\"/v1/x?q=1\",\"openai_input\":"
                 "{\"n\": 1.0e2, \"stream\": true}}");
    assert_input("{\"stream\":false}", ERR_OK, false,
                 "\"input\":{\"openai_route\":\"/v1/x?q=1\",\"openai_input\":{\"stream\":false}}");
    assert_input("", ERR_BAD_JSON, false, "");
    assert_input("[1]", ERR_BAD_JSON, false, "");
    assert_input("{\"a\":1} {", ERR_BAD_JSON, false, "");
}

static void models_are_listed_and_found(void **state)
{
    (void)state;
    const char *const models[] = {"a", "org/b c+d", NULL};
    AUTO(buf_done) struct buf out = BUF_INIT;
    assert_int_equal(openai_models_put(SLICE("/v1/models"), models, &out), ERR_OK);
    assert_int_equal(openai_models_put(SLICE("/v1/models/org%2Fb%20c+d"), models, &out), ERR_OK);
    assert_int_equal(openai_models_put(SLICE("/v1/models/org/b c%2Bd"), models, &out), ERR_OK);
    assert_int_equal(openai_models_put(SLICE("/v1/models/c"), models, &out), ERR_NOT_FOUND);
    assert_int_equal(openai_models_put(SLICE("/v1/models/"), models, &out), ERR_NOT_FOUND);
    assert_int_equal(openai_models_put(SLICE("/v1/files"), models, &out), ERR_NOT_FOUND);
}

static void assert_piece(const char *value, bool is_wrapped, const char *bytes)
{
    AUTO(buf_done) struct buf out = BUF_INIT;
    bool got = false;
    openai_put_piece(&out, slice_of(value), &got);
    AUTO_STR text = buf_take_str(&out);
    assert_string_equal(text, bytes);
    assert_int_equal(got, is_wrapped);
}

static void strings_are_their_bytes_and_objects_are_events(void **state)
{
    (void)state;
    assert_piece("\"data: \\u00fc\\n\\n\"", false, "data: \xc3\xbc\n\n");
    assert_piece("{\"a\":\n1}", true, "data: {\"a\":1}\n\n");
    assert_piece("[{\"a\":1},{\"b\":2}]", true, "data: {\"a\":1}\n\ndata: {\"b\":2}\n\n");
    assert_piece("[\"x\",\"y\"]", false, "xy");
    assert_piece("[]", false, "");
    assert_piece("", false, "");
}

static void assert_whole(const char *output, const char *body)
{
    AUTO(buf_done) struct buf out = BUF_INIT;
    openai_put_whole(&out, slice_of(output));
    AUTO_STR text = buf_take_str(&out);
    assert_string_equal(text, body);
}

static void a_lone_element_is_unwrapped(void **state)
{
    (void)state;
    assert_whole("[{\"a\": 1}]", "{\"a\": 1}");
    assert_whole("{\"a\":1}", "{\"a\":1}");
    assert_whole("[1,2]", "[1,2]");
    assert_whole("[\"{\\\"a\\\":1}\"]", "{\"a\":1}");
    assert_whole("\"text\"", "\"text\"");
    assert_whole("", "null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_below_openai_is_routed),
        cmocka_unit_test(the_route_is_what_follows_openai),
        cmocka_unit_test(the_body_is_carried_as_it_came),
        cmocka_unit_test(models_are_listed_and_found),
        cmocka_unit_test(strings_are_their_bytes_and_objects_are_events),
        cmocka_unit_test(a_lone_element_is_unwrapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
