/* The table of paths. */
#include "test.h"

#include "route.h"

static enum err find(enum http_method method, const char *path, struct route_match *match)
{
    return route_find(method, slice_of(path), match);
}

static void path_parts_are_cut_out(void **state)
{
    (void)state;
    struct route_match match;
    assert_int_equal(find(HTTP_GET, "/v2/my-ep/status/abc-u1", &match), ERR_OK);
    assert_slice(match.ep, "my-ep");
    assert_slice(match.id, "abc-u1");
}

static void status_takes_get_and_post(void **state)
{
    (void)state;
    struct route_match match;
    assert_int_equal(find(HTTP_GET, "/v2/e/status/x", &match), ERR_OK);
    assert_int_equal(find(HTTP_POST, "/v2/e/status/x", &match), ERR_OK);
    assert_int_equal(find(HTTP_DELETE, "/v2/e/status/x", &match), ERR_METHOD_NOT_ALLOWED);
}

static void wrong_method_names_all_methods_of_the_path(void **state)
{
    (void)state;
    struct route_match match;
    struct buf names = BUF_INIT;
    assert_int_equal(find(HTTP_PUT, "/v1/endpoints/e", &match), ERR_METHOD_NOT_ALLOWED);
    route_allow(match.allowed, &names);
    assert_slice(buf_slice(&names), "GET, PATCH, DELETE");
    buf_done(&names);
}

static void other_paths_are_not_found(void **state)
{
    (void)state;
    static const char *const paths[] = {"/",
                                        "/v2",
                                        "/v2/e",
                                        "/v2/e/runs",
                                        "/v2/e/run/x",
                                        "/v2/e/status",
                                        "/v2//run",
                                        "/v2/e/status/x/y",
                                        "",
                                        "*",
                                        "/v2/e/ru",
                                        "/v2/e/run//",
                                        "/v2/e/status/",
                                        "/lb",
                                        "/lb/",
                                        "/v2/e/openai"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct route_match match;
        assert_int_equal(find(HTTP_POST, paths[i], &match), ERR_NOT_FOUND);
    }
}

static void a_slash_behind_the_last_part_does_not_count(void **state)
{
    (void)state;
    struct route_match match;
    assert_int_equal(find(HTTP_POST, "/v2/e/run/", &match), ERR_OK);
    assert_slice(match.ep, "e");
    assert_int_equal(find(HTTP_GET, "/v2/e/status/j/", &match), ERR_OK);
    assert_slice(match.id, "j");
}

static void a_star_takes_all_the_rest(void **state)
{
    (void)state;
    struct route_match match;
    assert_int_equal(find(HTTP_GET, "/lb/e", &match), ERR_OK);
    assert_int_equal(find(HTTP_GET, "/lb/e/", &match), ERR_OK);
    assert_int_equal(find(HTTP_GET, "/lb/e/x/y/", &match), ERR_OK);
    assert_slice(match.ep, "e");
    assert_int_equal(find(HTTP_POST, "/v2/e/openai/v1/models", &match), ERR_OK);
}

static void each_path_names_what_it_needs(void **state)
{
    (void)state;
    static const struct {
        enum http_method method;
        const char *path;
        enum permit needs;
    } cases[] = {
        {HTTP_POST, "/v2/e/run", PERMIT_RUN},
        {HTTP_POST, "/v2/e/runsync", PERMIT_RUN},
        {HTTP_POST, "/v2/e/retry/j", PERMIT_RUN},
        {HTTP_GET, "/v2/e/status/j", PERMIT_READ},
        {HTTP_POST, "/v2/e/status-sync/j", PERMIT_READ},
        {HTTP_GET, "/v2/e/stream/j", PERMIT_READ},
        {HTTP_GET, "/v2/e/health", PERMIT_READ},
        {HTTP_GET, "/v2/e/requests", PERMIT_READ},
        {HTTP_POST, "/v2/e/cancel/j", PERMIT_CANCEL},
        {HTTP_POST, "/v2/e/purge-queue", PERMIT_PURGE},
        {HTTP_GET, "/v1/endpoints", PERMIT_MANAGE},
        {HTTP_POST, "/v1/endpoints", PERMIT_MANAGE},
        {HTTP_GET, "/v1/endpoints/e", PERMIT_ADMIN},
        {HTTP_PATCH, "/v1/endpoints/e", PERMIT_ADMIN},
        {HTTP_POST, "/v1/endpoints/e/update", PERMIT_ADMIN},
        {HTTP_DELETE, "/v1/endpoints/e", PERMIT_ADMIN},
        {HTTP_GET, "/v1/agents", PERMIT_MANAGE},
        {HTTP_GET, "/v1/keys", PERMIT_MANAGE},
        {HTTP_POST, "/v1/keys", PERMIT_MANAGE},
        {HTTP_GET, "/v1/keys/k", PERMIT_MANAGE},
        {HTTP_DELETE, "/v1/keys/k", PERMIT_MANAGE},
        {HTTP_GET, "/healthz", PERMIT_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct route_match match;
        assert_int_equal(find(cases[i].method, cases[i].path, &match), ERR_OK);
        assert_int_equal(match.route->needs, cases[i].needs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_parts_are_cut_out),
        cmocka_unit_test(status_takes_get_and_post),
        cmocka_unit_test(wrong_method_names_all_methods_of_the_path),
        cmocka_unit_test(other_paths_are_not_found),
        cmocka_unit_test(a_slash_behind_the_last_part_does_not_count),
        cmocka_unit_test(a_star_takes_all_the_rest),
        cmocka_unit_test(each_path_names_what_it_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
