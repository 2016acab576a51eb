/* `image` handlers in the endpoint document. */
#include "test.h"

#include "queue/endpoint.h"

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static enum err parse(const char *rest, struct endpoint **ret_endpoint, struct buf *problem)
{
    AUTO_STR text = xasprintf("{\"id\":\"e\",%s}", rest);
    return endpoint_parse(slice_of(text), ret_endpoint, problem);
}

static void an_image_needs_nothing_else(void **state)
{
    (void)state;
    AUTO(endpoint_free) struct endpoint *endpoint = NULL;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    assert_int_equal(parse("\"handler\":{\"image\":\"alpine\"}", &endpoint, &problem), ERR_OK);
    assert_int_equal(endpoint->handler, HANDLER_IMAGE);
    assert_string_equal(endpoint->image.name, "alpine");
    assert_null(endpoint->image.command);
    assert_null(endpoint->image.volumes);
    assert_int_equal(endpoint->image.shm_bytes, 1 << 30);
    assert_null(endpoint->cwd);
    assert_false(endpoint_is_server(endpoint));
}

static void all_of_it_can_be_set(void **state)
{
    (void)state;
    AUTO(endpoint_free) struct endpoint *endpoint = NULL;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    assert_int_equal(
        parse("\"handler\":{\"image\":\"reg.example:5000/a/b:1.0@" DIGEST "\","
              "\"command\":[\"python\",\"-u\",\"h.py\"],\"env\":{\"A\":\"b\"},\"cwd\":\"/app\","
              "\"volumes\":[\"/m:/models:ro\",\"/x y:/y\"],\"shmSize\":65536}",
              &endpoint, &problem),
        ERR_OK);
    assert_string_equal(endpoint->image.name, "reg.example:5000/a/b:1.0@" DIGEST);
    assert_null(endpoint->command);
    assert_string_equal(endpoint->image.command[2], "h.py");
    assert_string_equal(endpoint->image.volumes[0], "/m:/models:ro");
    assert_string_equal(endpoint->image.volumes[1], "/x y:/y");
    assert_null(endpoint->image.volumes[2]);
    assert_int_equal(endpoint->image.shm_bytes, 65536);
    assert_string_equal(endpoint->cwd, "/app");
    assert_int_equal(endpoint->env_count, 1);
}

static void an_image_may_serve_http(void **state)
{
    (void)state;
    AUTO(endpoint_free) struct endpoint *endpoint = NULL;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    assert_int_equal(parse("\"type\":\"LOAD_BALANCER\",\"handler\":{\"image\":\"vllm:1\","
                           "\"server\":{\"port\":8000,\"healthPath\":\"/ping\"}}",
                           &endpoint, &problem),
                     ERR_OK);
    assert_int_equal(endpoint->handler, HANDLER_IMAGE);
    assert_true(endpoint_is_server(endpoint));
    assert_null(endpoint->server.command);
    assert_int_equal(endpoint->server.port, 8000);
    assert_int_equal(endpoint->server.concurrency, 8);
    assert_string_equal(endpoint->server.health_path, "/ping");
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *handler, *word;
    } cases[] = {
        {"\"image\":\"\"", "handler.image"},
        {"\"image\":7", "handler.image is 7"},
        {"\"image\":\"--privileged\"", "handler.image"},
        {"\"image\":\"a b\"", "handler.image"},
        {"\"image\":\"a:\"", "handler.image"},
        {"\"image\":\"a@sha256:12\"", "handler.image"},
        {"\"image\":\"a@" DIGEST "0\"", "handler.image"},
        {"\"image\":\"@" DIGEST "\"", "handler.image"},
        {"\"image\":\"a@md5:0123\"", "@sha256:DIGEST"},
        {"\"image\":\"a\",\"library\":\"b\"", "\"library\""},
        {"\"image\":\"a\",\"server\":{\"command\":[\"b\"]}", "server.command"},
        {"\"image\":\"a\",\"command\":[]", "handler.command"},
        {"\"image\":\"a\",\"volumes\":\"/a:/b\"", "handler.volumes"},
        {"\"image\":\"a\",\"volumes\":[\"/a\"]", "handler.volumes"},
        {"\"image\":\"a\",\"volumes\":[\"a:/b\"]", "handler.volumes"},
        {"\"image\":\"a\",\"volumes\":[\"/a:b\"]", "handler.volumes"},
        {"\"image\":\"a\",\"volumes\":[\"/a:/\"]", "handler.volumes"},
        {"\"image\":\"a\",\"volumes\":[\"/a:/b:\"]", "handler.volumes"},
        {"\"image\":\"a\",\"volumes\":[\"/a:/b:rx\"]", ":ro"},
        {"\"image\":\"a\",\"volumes\":[\"/a:/b:ro:ro\"]", "handler.volumes"},
        {"\"image\":\"a\",\"volumes\":[\"/a,b:/b\"]", "commas"},
        {"\"image\":\"a\",\"shmSize\":65535", "shmSize is 65535: use a whole number from 65536"},
        {"\"image\":\"a\",\"shmSize\":\"1g\"", "shmSize"},
        {"\"image\":\"a\",\"pull\":true", "handler.pull"},
        {"\"command\":[\"a\"],\"volumes\":[]", "handler.volumes"},
        {"\"command\":[\"a\"],\"shmSize\":65536", "handler.shmSize"},
        {"\"cwd\":\"/\"", "\"image\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(endpoint_free) struct endpoint *endpoint = NULL;
        AUTO(buf_done) struct buf problem = BUF_INIT;
        AUTO_STR rest = xasprintf("\"handler\":{%s}", cases[i].handler);
        assert_int_not_equal(parse(rest, &endpoint, &problem), ERR_OK);
        AUTO_STR text = buf_take_str(&problem);
        if (strstr(text, cases[i].word) == NULL) {
            print_error("%s: %s\n", cases[i].handler, text);
            fail();
        }
    }
}

static void a_load_balancer_needs_an_image_that_serves(void **state)
{
    (void)state;
    AUTO(endpoint_free) struct endpoint *endpoint = NULL;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    assert_int_not_equal(
        parse("\"type\":\"LOAD_BALANCER\",\"handler\":{\"image\":\"a\"}", &endpoint, &problem),
        ERR_OK);
    AUTO_STR text = buf_take_str(&problem);
    assert_non_null(strstr(text, "\"server\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_needs_nothing_else),
        cmocka_unit_test(all_of_it_can_be_set),
        cmocka_unit_test(an_image_may_serve_http),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(a_load_balancer_needs_an_image_that_serves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
