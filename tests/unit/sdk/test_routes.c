/* URLs from RunPod's environment: what replaces what, and what is refused. */
#include "test.h"

#include "routes.h"

static const char *const *environment; /* name, value, name, value, ..., NULL */

static char *fake_getenv(const char *name)
{
    for (const char *const *at = environment; *at != NULL; at += 2) {
        if (strcmp(*at, name) == 0) {
            return (char *)(uintptr_t)at[1];
        }
    }
    return NULL;
}

static const char *const whole[] = {"RUNPOD_WEBHOOK_GET_JOB",
                                    "http://a/v2/ep/job-take/$ID?gpu=x",
                                    "RUNPOD_WEBHOOK_POST_OUTPUT",
                                    "http://a/v2/ep/job-done/$RUNPOD_POD_ID/$ID?gpu=x",
                                    "RUNPOD_WEBHOOK_POST_STREAM",
                                    "http://a/v2/ep/job-stream/$RUNPOD_POD_ID/$ID?gpu=x",
                                    "RUNPOD_WEBHOOK_PING",
                                    "http://a/v2/ep/ping/$RUNPOD_POD_ID",
                                    "RUNPOD_PING_INTERVAL",
                                    "4000",
                                    "RUNPOD_POD_ID",
                                    "w1",
                                    NULL};

static void expansion_replaces_both_placeholders(void **state)
{
    (void)state;
    char *url = routes_expand("/done/$RUNPOD_POD_ID/$ID?a=$ID", "w1", "job-7");
    assert_string_equal(url, "/done/w1/job-7?a=job-7");
    free(url);
}

static void expansion_encodes_what_does_not_belong_in_a_path(void **state)
{
    (void)state;
    char *url = routes_expand("/x/$ID", "w", "a/b c?d\xc3\xa9.~-_");
    assert_string_equal(url, "/x/a%2Fb%20c%3Fd%C3%A9.~-_");
    free(url);
}

static void expansion_without_an_id_leaves_its_placeholder(void **state)
{
    (void)state;
    char *url = routes_expand("$RUNPOD_POD_ID$ID$", "w", NULL);
    assert_string_equal(url, "w$ID$");
    free(url);
}

static void queries_get_the_separator_they_need(void **state)
{
    (void)state;
    struct buf url = BUF_INIT;
    buf_put_str(&url, "http://a/b");
    routes_add_query(&url, "c=1");
    routes_add_query(&url, "d=2");
    assert_slice(buf_slice(&url), "http://a/b?c=1&d=2");
    buf_done(&url);
}

static void batch_and_stop_come_from_the_take_url(void **state)
{
    (void)state;
    environment = whole;
    struct buf problem = BUF_INIT;
    struct routes routes;
    assert_int_equal(routes_init(&routes, fake_getenv, &problem), ERR_OK);
    assert_string_equal(routes.take, "http://a/v2/ep/job-take/w1?gpu=x");
    assert_string_equal(routes.batch, "http://a/v2/ep/job-take-batch/w1?gpu=x");
    assert_string_equal(routes.stop, "http://a/v2/ep/job-stop/w1?gpu=x");
    assert_string_equal(routes.ping, "http://a/v2/ep/ping/w1");
    assert_string_equal(routes.done, "http://a/v2/ep/job-done/$RUNPOD_POD_ID/$ID?gpu=x");
    assert_int_equal(routes.ping_ms, 4000);
    routes_done(&routes);
}

static void take_url_of_another_shape_means_no_batch_and_no_stop(void **state)
{
    (void)state;
    const char *const odd[] = {"RUNPOD_WEBHOOK_GET_JOB",
                               "http://a/next/$ID",
                               "RUNPOD_WEBHOOK_POST_OUTPUT",
                               "http://a/done",
                               "RUNPOD_WEBHOOK_POST_STREAM",
                               "http://a/more",
                               "RUNPOD_POD_ID",
                               "w1",
                               NULL};
    environment = odd;
    struct buf problem = BUF_INIT;
    struct routes routes;
    assert_int_equal(routes_init(&routes, fake_getenv, &problem), ERR_OK);
    assert_null(routes.batch);
    assert_null(routes.stop);
    assert_null(routes.ping);
    assert_int_equal(routes.ping_ms, 10000);
    routes_done(&routes);
}

static void missing_variable_is_named(void **state)
{
    (void)state;
    const char *const without[] = {"RUNPOD_WEBHOOK_GET_JOB", "http://a/job-take/$ID", NULL};
    environment = without;
    struct buf problem = BUF_INIT;
    struct routes routes;
    assert_int_equal(routes_init(&routes, fake_getenv, &problem), ERR_BAD_REQUEST);
    buf_put_char(&problem, '\0');
    assert_non_null(strstr(problem.ptr, "RUNPOD_WEBHOOK_POST_OUTPUT is not set"));
    buf_done(&problem);
    routes_done(&routes);
}

static void bad_ping_interval_is_refused_with_its_value(void **state)
{
    (void)state;
    const char *bad[COUNT_OF(whole)];
    memcpy(bad, whole, sizeof(whole));
    bad[9] = "4s";
    environment = bad;
    struct buf problem = BUF_INIT;
    struct routes routes;
    assert_int_equal(routes_init(&routes, fake_getenv, &problem), ERR_BAD_REQUEST);
    buf_put_char(&problem, '\0');
    assert_non_null(strstr(problem.ptr, "'4s'"));
    buf_done(&problem);
    routes_done(&routes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expansion_replaces_both_placeholders),
        cmocka_unit_test(expansion_encodes_what_does_not_belong_in_a_path),
        cmocka_unit_test(expansion_without_an_id_leaves_its_placeholder),
        cmocka_unit_test(queries_get_the_separator_they_need),
        cmocka_unit_test(batch_and_stop_come_from_the_take_url),
        cmocka_unit_test(take_url_of_another_shape_means_no_batch_and_no_stop),
        cmocka_unit_test(missing_variable_is_named),
        cmocka_unit_test(bad_ping_interval_is_refused_with_its_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
