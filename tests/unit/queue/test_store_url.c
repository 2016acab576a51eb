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
    assert_string_equal(url.seeds[0].host, "::1");
    assert_int_equal(url.seeds[0].port, 7000);
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
    assert_string_equal(url.seeds[0].host, "redis.local");
    assert_int_equal(url.seeds[0].port, 6379);
    assert_null(url.password);
    store_url_done(&url);
}

static void unix_socket_with_database(void **state)
{
    (void)state;
    struct store_url url;
    assert_int_equal(parse("unix:///run/r.sock?db=2", &url), ERR_OK);
    assert_string_equal(url.seeds[0].host, "/run/r.sock");
    assert_int_equal(url.seeds[0].port, 0);
    assert_int_equal(url.db, 2);
    store_url_done(&url);
}

static void sentinels_with_everything(void **state)
{
    (void)state;
    struct store_url url;
    assert_int_equal(parse("redis+sentinel://u:p/w@a:1,[fe80::1]:2,c/prime/4?sentinel-user=s&"
                           "sentinel-password=x%40y%26",
                           &url),
                     ERR_OK);
    assert_int_equal(url.kind, STORE_SENTINEL);
    assert_int_equal(url.seed_count, 3);
    assert_string_equal(url.seeds[1].host, "fe80::1");
    assert_int_equal(url.seeds[1].port, 2);
    assert_string_equal(url.seeds[2].host, "c");
    assert_int_equal(url.seeds[2].port, 26379);
    assert_string_equal(url.master, "prime");
    assert_int_equal(url.db, 4);
    assert_string_equal(url.user, "u");
    assert_string_equal(url.password, "p/w");
    assert_string_equal(url.sentinel_user, "s");
    assert_string_equal(url.sentinel_password, "x@y&");
    assert_false(url.is_tls);
    store_url_done(&url);
}

static void cluster_with_tls(void **state)
{
    (void)state;
    struct store_url url;
    assert_int_equal(
        parse("rediss+cluster://:pw@a:1,b?cacert=/ca.pem&cert=/c.pem&key=/k.pem", &url), ERR_OK);
    assert_int_equal(url.kind, STORE_CLUSTER);
    assert_int_equal(url.seed_count, 2);
    assert_int_equal(url.seeds[1].port, 6379);
    assert_null(url.user);
    assert_string_equal(url.password, "pw");
    assert_true(url.is_tls);
    assert_string_equal(url.cacert, "/ca.pem");
    assert_string_equal(url.key, "/k.pem");
    store_url_done(&url);
}

static void a_refusal_shows_no_password(void **state)
{
    (void)state;
    static const char *const urls[] = {"redis://u:secret@h:0", "redis+sentinel://u:secret@h",
                                       "redis+sentinel://h/m?sentinel-password=secret&x=1",
                                       "redis+cluster://:secret@h/7", "rediss://:secret@h?cert=x"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct store_url url;
        AUTO(buf_done) struct buf problem = BUF_INIT;
        assert_int_equal(store_url_parse(urls[i], &url, &problem), ERR_BAD_REQUEST);
        assert_null(memmem(problem.ptr, problem.len, "secret", 6));
    }
}

static void what_is_shown_has_no_password(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"redis://h:1/2", "redis://h:1/2"},
        {"redis://u:p@w@h:1", "redis://***@h:1"},
        {"redis+sentinel://:p@a,b/m?sentinel-password=q", "redis+sentinel://***@a,b/m?***"},
        {"redis+sentinel://a,b/m?sentinel-password=q@r", "redis+sentinel://***"},
        {"redis://u:p?q@h", "redis://***"},
        {"secret@h", "***@h"},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        AUTO_STR shown = store_url_shown(pairs[i][0]);
        assert_string_equal(shown, pairs[i][1]);
    }
}

static void bad_urls_are_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "",
        "http://x",
        "redis://",
        "redis://h:0",
        "redis://h:99999",
        "redis://h:x",
        "redis://h/x",
        "redis://h/-1",
        "unix://relative",
        "unix:///a?x=1",
        "redis+sentinel://h",
        "redis+sentinel://h,,i/m",
        "redis+sentinel://h:1/",
        "redis+sentinel://h/m/x",
        "redis+sentinel://h/m?cacert=x",
        "redis+sentinel://h/m?sentinel-password=",
        "redis+sentinel://h/m?sentinel-password=%4",
        "redis+sentinel://h/m?sentinel-password=%zz",
        "redis+sentinel://h/m?sentinel-password=%00",
        "redis+cluster://h/1",
        "redis+cluster://",
        "redis+cluster://h?sentinel-password=x",
        "redis+cluster://[::1",
        "redis+cluster://[::1]x:1",
        "redis+cluster://1,2,3,4,5,6,7,8,9,a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y",
        "rediss://h?cert=x",
        "rediss://h?nonsense=1"};
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
        cmocka_unit_test(sentinels_with_everything),
        cmocka_unit_test(cluster_with_tls),
        cmocka_unit_test(a_refusal_shows_no_password),
        cmocka_unit_test(what_is_shown_has_no_password),
        cmocka_unit_test(bad_urls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
