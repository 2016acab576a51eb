/* `server` handlers, load-balancing endpoints and models in the endpoint document. */
#include "test.h"

#include "queue/endpoint.h"

static enum err parse(const char *rest, struct endpoint **ret_endpoint, struct buf *problem)
{
    AUTO_STR text = xasprintf("{\"id\":\"e\",%s}", rest);
    return endpoint_parse(slice_of(text), ret_endpoint, problem);
}

static void a_server_has_defaults(void **state)
{
    (void)state;
    AUTO(endpoint_free) struct endpoint *endpoint = NULL;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    assert_int_equal(parse("\"handler\":{\"server\":{\"command\":[\"a\",\"b\"]},\"cwd\":\"/x\"}",
                           &endpoint, &problem),
                     ERR_OK);
    assert_int_equal(endpoint->handler, HANDLER_SERVER);
    assert_int_equal(endpoint->type, ENDPOINT_QUEUE);
    assert_string_equal(endpoint->server.command[1], "b");
    assert_string_equal(endpoint->server.health_path, "/health");
    assert_int_equal(endpoint->server.port, 0);
    assert_int_equal(endpoint->server.concurrency, 8);
    assert_string_equal(endpoint->cwd, "/x");
    assert_null(endpoint->models);
}

static void all_of_it_can_be_set(void **state)
{
    (void)state;
    AUTO(endpoint_free) struct endpoint *endpoint = NULL;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    assert_int_equal(
        parse("\"type\":\"LOAD_BALANCER\",\"openai\":{\"models\":[\"m\"]},\"handler\":{\"server\":"
              "{\"command\":[\"a\"],\"port\":8000,\"healthPath\":\"/ok?x=1\",\"concurrency\":1}}",
              &endpoint, &problem),
        ERR_OK);
    assert_int_equal(endpoint->type, ENDPOINT_LOAD_BALANCER);
    assert_int_equal(endpoint->server.port, 8000);
    assert_int_equal(endpoint->server.concurrency, 1);
    assert_string_equal(endpoint->server.health_path, "/ok?x=1");
    assert_string_equal(endpoint->models[0], "m");
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *rest, *word;
    } cases[] = {
        {"\"handler\":{\"server\":{}}", "handler.server.command"},
        {"\"handler\":{\"server\":{\"command\":[]}}", "handler.server.command"},
        {"\"handler\":{\"server\":{\"command\":[\"a\"]},\"command\":[\"b\"]}", "exactly one"},
        {"\"handler\":{\"server\":{\"command\":[\"a\"],\"port\":65536}}", "port"},
        {"\"handler\":{\"server\":{\"command\":[\"a\"],\"concurrency\":0}}", "concurrency"},
        {"\"handler\":{\"server\":{\"command\":[\"a\"],\"healthPath\":\"health\"}}", "healthPath"},
        {"\"handler\":{\"server\":{\"command\":[\"a\"],\"healthPath\":\"/a b\"}}", "healthPath"},
        {"\"handler\":{\"server\":{\"command\":[\"a\"],\"cwd\":\"/\"}}", "handler.server.cwd"},
        {"\"handler\":{\"command\":[\"a\"]},\"type\":\"LOAD_BALANCER\"", "server"},
        {"\"handler\":{\"command\":[\"a\"]},\"openai\":{\"models\":[]}", "openai.models"},
        {"\"handler\":{\"command\":[\"a\"]},\"openai\":{\"names\":[]}", "openai.names"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(endpoint_free) struct endpoint *endpoint = NULL;
        AUTO(buf_done) struct buf problem = BUF_INIT;
        assert_int_not_equal(parse(cases[i].rest, &endpoint, &problem), ERR_OK);
        AUTO_STR text = buf_take_str(&problem);
        if (strstr(text, cases[i].word) == NULL) {
            print_error("%s: %s\n", cases[i].rest, text);
            fail();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_has_defaults),
        cmocka_unit_test(all_of_it_can_be_set),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
