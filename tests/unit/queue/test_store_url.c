/* Redis URLs. */
#include "test.h"

#include "queue/store_url.h"

static enum err parse(const char *text, struct store_url *url)
{
    struct buf problem = BUF_INIT;
    enum err err = store_url_parse(text, url, &problem);
    assert_int_equal(err != ERR_OK, problem.len > 0);
    buf_done(&problem);
    return err;
}

static void tcp_with_everything(void **state)
{
    (void)state;
    struct store_url url;
    assert_int_equal(parse("redis://me:s@cret@[::1]:7000/3", &url), ERR_OK);
    assert_string_equal(url.host, "::1");
    assert_int_equal(url.port, 7000);
    assert_int_equal(url.db, 3);
    assert_string_equal(url.user, "me");
    assert_string_equal(url.password, "s@cret");
    store_url_done(&url);
}

static void tcp_defaults(void **state)
{
    (void)state;
    struct store_url url;
    assert_int_equal(parse("redis://redis.local", &url), ERR_OK);
    assert_string_equal(url.host, "redis.local");
    assert_int_equal(url.port, 6379);
    assert_null(url.password);
    store_url_done(&url);
}

static void unix_socket_with_database(void **state)
{
    (void)state;
    struct store_url url;
    assert_int_equal(parse("unix:///run/r.sock?db=2", &url), ERR_OK);
    assert_string_equal(url.path, "/run/r.sock");
    assert_int_equal(url.db, 2);
    store_url_done(&url);
}

static void bad_urls_are_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {"",
                                       "http://x",
                                       "redis://",
                                       "redis://h:0",
                                       "redis://h:99999",
                                       "redis://h:x",
                                       "redis://h/x",
                                       "redis://h/-1",
                                       "unix://relative",
                                       "unix:///a?x=1",
                                       "redis+sentinel://h"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct store_url url;
        assert_int_equal(parse(urls[i], &url), ERR_BAD_REQUEST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_with_everything),
        cmocka_unit_test(tcp_defaults),
        cmocka_unit_test(unix_socket_with_database),
        cmocka_unit_test(bad_urls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
