/* Jobs as requests of an HTTP server, its answers as their results. */
#include "test.h"

#include "server_reply.h"
#include "server_request.h"

static void read_as(const char *input, struct server_request *ret_request)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    AUTO_STR members = xasprintf("\"input\":%s,\"webhook\":\"http://x\"", input);
    assert_int_equal(server_request_read(slice_of(members), ret_request, &problem), ERR_OK);
}

static void assert_refused(const char *input)
{
    struct server_request request = {0};
    AUTO(buf_done) struct buf problem = BUF_INIT;
    AUTO_STR members = xasprintf("\"input\":%s", input);
    enum err err = server_request_read(slice_of(members), &request, &problem);
    if (err == ERR_OK) {
        print_error("%s\n", input);
    }
    assert_int_not_equal(err, ERR_OK);
    assert_true(problem.len > 0);
    assert_null(request.path);
}

static void a_path_alone_is_a_get(void **state)
{
    (void)state;
    AUTO(server_request_done) struct server_request request = {0};
    read_as("{\"path\":\"/a?b=c\"}", &request);
    assert_string_equal(request.method, "GET");
    assert_string_equal(request.path, "/a?b=c");
    assert_false(request.has_body);
    assert_false(request.is_openai);
}

static void bodies_keep_their_bytes(void **state)
{
    (void)state;
    AUTO(server_request_done) struct server_request request = {0};
    read_as("{\"path\":\"/\",\"body\":{\"n\": 1.0e2}}", &request);
    assert_string_equal(request.method, "POST");
    assert_true(slice_is(buf_slice(&request.body), "{\"n\": 1.0e2}"));
    assert_string_equal(request.headers[0], "Content-Type: application/json");
    server_request_done(&request);
    read_as("{\"path\":\"/\",\"body\":\"a\\nb\",\"method\":\"put\"}", &request);
    assert_string_equal(request.method, "PUT");
    assert_true(slice_is(buf_slice(&request.body), "a\nb"));
    assert_string_equal(request.headers[0], "Content-Type:");
}

static void headers_of_the_connection_are_ours(void **state)
{
    (void)state;
    AUTO(server_request_done) struct server_request request = {0};
    read_as("{\"path\":\"/\",\"headers\":{\"HOST\":\"x\",\"content-length\":\"9\",\"X-A\":\"1\","
            "\"X-B\":\"\",\"content-type\":\"text/x\"}}",
            &request);
    assert_string_equal(request.headers[0], "X-A: 1");
    assert_string_equal(request.headers[1], "X-B;");
    assert_string_equal(request.headers[2], "content-type: text/x");
    assert_null(request.headers[3]);
}

static void the_openai_form_wins(void **state)
{
    (void)state;
    AUTO(server_request_done) struct server_request request = {0};
    read_as("{\"openai_route\":\"/v1/x\",\"openai_input\":{\"a\": 1},\"path\":\"/y\"}", &request);
    assert_string_equal(request.path, "/v1/x");
    assert_true(request.is_openai);
    assert_true(slice_is(buf_slice(&request.body), "{\"a\": 1}"));
    server_request_done(&request);
    read_as("{\"openai_route\":\"/v1/models\"}", &request);
    assert_string_equal(request.method, "GET");
}

static void what_is_no_request_is_refused(void **state)
{
    (void)state;
    static const char *const inputs[] = {
        "{}",
        "1",
        "\"/\"",
        "{\"path\":\"\"}",
        "{\"path\":\"a\"}",
        "{\"path\":\"//evil\\r\\nX: y\"}",
        "{\"path\":\"/a b\"}",
        "{\"path\":\"/#x\"}",
        "{\"path\":1}",
        "{\"path\":\"/\",\"method\":\"GET /\"}",
        "{\"path\":\"/\",\"method\":1}",
        "{\"path\":\"/\",\"headers\":[]}",
        "{\"path\":\"/\",\"headers\":{\"A\":1}}",
        "{\"path\":\"/\",\"headers\":{\"A\":\"b\\nC: d\"}}",
        "{\"path\":\"/\",\"headers\":{\"A B\":\"c\"}}",
        "{\"openai_route\":\"v1\"}",
    };
    for (size_t i = 0; i < COUNT_OF(inputs); i++) {
        assert_refused(inputs[i]);
    }
}

static void streams_are_told_by_their_head(void **state)
{
    (void)state;
    assert_true(server_reply_is_stream(SLICE("Content-Type: text/event-stream; x\r\n")));
    assert_true(server_reply_is_stream(
        SLICE("content-type: text/plain\r\ntransfer-encoding: chunked\r\n")));
    assert_false(server_reply_is_stream(
        SLICE("content-type: application/json\r\ntransfer-encoding: chunked\r\n")));
    assert_false(server_reply_is_stream(SLICE("Content-Type: text/plain\r\n")));
    assert_false(server_reply_is_stream(SLICE("")));
}

static void torn_characters_wait(void **state)
{
    (void)state;
    assert_int_equal(server_reply_whole(SLICE("")), 0);
    assert_int_equal(server_reply_whole(SLICE("abc")), 3);
    assert_int_equal(server_reply_whole(SLICE("a\xe2\x82")), 1);
    assert_int_equal(server_reply_whole(SLICE("a\xe2\x82\xac")), 4);
    assert_int_equal(server_reply_whole(SLICE("\xf0\x9f\x98")), 0);
    assert_int_equal(server_reply_whole(SLICE("\xf0\x9f\x98\x80")), 4);
    assert_int_equal(server_reply_whole(SLICE("a\x80\x80\x80\x80")),
                     5); /* no UTF-8: goes as it is */
}

static void assert_members(struct slice body, const char *whole)
{
    AUTO(buf_done) struct buf out = BUF_INIT;
    server_reply_put_whole(&out, 200, SLICE("A: 1\r\nB: 2\r\na: 3\r\n"), body);
    AUTO_STR text = buf_take_str(&out);
    AUTO_STR expected =
        xasprintf("\"output\":{\"status\":200,\"headers\":{\"A\":\"1, 3\",\"B\":\"2\"},%s}", whole);
    assert_string_equal(text, expected);
}

static void bodies_are_json_text_or_base64(void **state)
{
    (void)state;
    assert_members(SLICE("{\"n\": 1.0}"), "\"body\":{\"n\": 1.0}");
    assert_members(SLICE("a\"b"), "\"text\":\"a\\\"b\"");
    assert_members(SLICE("\xff\x00"), "\"base64\":\"/wA=\"");
    assert_members(SLICE(""), "\"text\":\"\"");
}

static void errors_name_the_status(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf out = BUF_INIT;
    server_reply_put_error(&out, 404, SLICE("{\"error\":1}"));
    assert_true(slice_is(buf_slice(&out), "the server answered HTTP 404 Not Found: {\"error\":1}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_alone_is_a_get),
        cmocka_unit_test(bodies_keep_their_bytes),
        cmocka_unit_test(headers_of_the_connection_are_ours),
        cmocka_unit_test(the_openai_form_wins),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(streams_are_told_by_their_head),
        cmocka_unit_test(torn_characters_wait),
        cmocka_unit_test(bodies_are_json_text_or_base64),
        cmocka_unit_test(errors_name_the_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
