/* Where webhooks may go, and which URLs are refused at once. */
#include "hook_address.h"

#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

static struct hook_policy policy_of(const char *text)
{
    struct hook_policy policy;
    const char *bad = NULL;
    struct config_strings ranges = {.items = &text, .count = text != NULL ? 1 : 0};
    assert_int_equal(hook_policy_init(&policy, &ranges, &bad), ERR_OK);
    return policy;
}

static bool allows(const char *ranges, const char *address, enum hook_scheme scheme)
{
    struct hook_policy policy = policy_of(ranges);
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    const void *found = &v4;
    if (inet_pton(AF_INET, address, &v4.sin_addr) != 1) {
        assert_int_equal(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
        found = &v6;
    }
    AUTO(buf_done) struct buf problem = BUF_INIT;
    bool is_allowed = hook_policy_allows(&policy, found, scheme, &problem);
    assert_int_equal(is_allowed, problem.len == 0);
    hook_policy_done(&policy);
    return is_allowed;
}

static void https_reaches_public_addresses(void **state)
{
    (void)state;
    static const char *const addresses[] = {"1.1.1.1",      "8.8.8.8",         "172.15.255.255",
                                            "172.32.0.0",   "192.167.1.1",     "11.0.0.0",
                                            "100.128.0.0",  "223.255.255.255", "2606:4700::1111",
                                            "2a00:1450::1", "::ffff:8.8.8.8"};
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        assert_true(allows(NULL, addresses[i], HOOK_HTTPS));
        assert_false(allows(NULL, addresses[i], HOOK_HTTP));
    }
}

static void special_addresses_are_refused(void **state)
{
    (void)state;
    static const char *const addresses[] = {"0.0.0.0",
                                            "127.0.0.1",
                                            "127.255.255.255",
                                            "10.0.0.1",
                                            "100.64.0.1",
                                            "169.254.169.254",
                                            "172.16.0.1",
                                            "172.31.255.255",
                                            "192.168.1.1",
                                            "198.18.0.1",
                                            "224.0.0.1",
                                            "255.255.255.255",
                                            "::",
                                            "::1",
                                            "::ffff:127.0.0.1",
                                            "::ffff:10.1.2.3",
                                            "::7f00:1",
                                            "fe80::1",
                                            "fc00::1",
                                            "fdff::1",
                                            "fec0::1",
                                            "ff02::1",
                                            "64:ff9b::7f00:1",
                                            "2002:7f00:1::",
                                            "2001::1",
                                            "2001:db8::1",
                                            "::ffff:169.254.169.254"};
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        assert_false(allows(NULL, addresses[i], HOOK_HTTPS));
        assert_false(allows(NULL, addresses[i], HOOK_HTTP));
    }
}

static void listed_ranges_are_reached_in_plain_too(void **state)
{
    (void)state;
    static const char ranges[] = "127.0.0.0/8, ::1/128,10.1.0.0/17,fd00::/9,203.0.113.7";
    static const struct {
        const char *address;
        bool is_allowed;
    } cases[] = {
        {"127.0.0.1", true},   {"127.9.9.9", true},   {"::ffff:127.0.0.1", true},
        {"::1", true},         {"::2", false},        {"10.1.127.255", true},
        {"10.1.128.0", false}, {"10.2.0.1", false},   {"fd7f::1", true},
        {"fd80::1", false},    {"203.0.113.7", true}, {"203.0.113.8", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(allows(ranges, cases[i].address, HOOK_HTTP), cases[i].is_allowed);
    }
    assert_false(allows(ranges, "8.8.8.8", HOOK_HTTP));
    assert_true(allows(ranges, "8.8.8.8", HOOK_HTTPS));
}

static void everything_can_be_listed(void **state)
{
    (void)state;
    assert_true(allows("0.0.0.0/0", "8.8.8.8", HOOK_HTTP));
    assert_true(allows("0.0.0.0/0", "169.254.169.254", HOOK_HTTP));
    assert_false(allows("0.0.0.0/0", "fc00::1", HOOK_HTTP));
    assert_true(allows("::/0", "fc00::1", HOOK_HTTP));
}

static void other_families_are_refused(void **state)
{
    (void)state;
    struct hook_policy policy = policy_of("::/0");
    const struct sockaddr_un local = {.sun_family = AF_UNIX};
    AUTO(buf_done) struct buf problem = BUF_INIT;
    assert_false(hook_policy_allows(&policy, (const void *)&local, HOOK_HTTPS, &problem));
    hook_policy_done(&policy);
}

static void bad_ranges_are_named(void **state)
{
    (void)state;
    static const char *const texts[] = {"10.0.0.0/33", "10.0.0/8",    "localhost", "::1/129",
                                        "10.0.0.0/",   "10.0.0.0/-1", "/8",        "1.2.3.4,x"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct hook_policy policy;
        struct config_strings ranges = {.items = (const char **)&texts[i], .count = 1};
        const char *bad = NULL;
        assert_int_equal(hook_policy_init(&policy, &ranges, &bad), ERR_BAD_REQUEST);
        assert_ptr_equal(bad, texts[i]);
        hook_policy_done(&policy);
    }
}

static enum err check(const char *ranges, const char *url)
{
    struct hook_policy policy = policy_of(ranges);
    AUTO(buf_done) struct buf problem = BUF_INIT;
    enum err err = hook_url_check(&policy, slice_of(url), &problem);
    assert_int_equal(err == ERR_OK, problem.len == 0);
    hook_policy_done(&policy);
    return err;
}

static void urls_that_could_be_delivered_pass(void **state)
{
    (void)state;
    static const char *const urls[] = {"https://example.com",
                                       "HTTPS://example.com:8443/a?b#c",
                                       "https://user:pw@example.com/",
                                       "https://[2606:4700::1]:443/x",
                                       "https://1.2.3.4/",
                                       "https://example.com?x"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        assert_int_equal(check(NULL, urls[i]), ERR_OK);
    }
    assert_int_equal(check("127.0.0.0/8", "http://localhost:80/"), ERR_OK);
}

static void other_urls_are_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {"",
                                       "x",
                                       "http://example.com/",
                                       "ftp://example.com/",
                                       "file:///etc/passwd",
                                       "https://",
                                       "https:///x",
                                       "https://:80/",
                                       "https://user@/",
                                       "https://example.com:/",
                                       "https://example.com:0/",
                                       "https://example.com:65536/",
                                       "https://example.com:x/",
                                       "https://[::1/",
                                       "https://exa mple.com/",
                                       "https://example.com/\r\nX: y",
                                       "https://ex\xc3\xa4mple.com/",
                                       " https://example.com/"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        assert_int_equal(check(NULL, urls[i]), ERR_BAD_REQUEST);
    }
    char long_url[HOOK_URL_MAX + 2];
    memset(long_url, 'a', sizeof(long_url) - 1);
    long_url[sizeof(long_url) - 1] = '\0';
    memcpy(long_url, "https://a/", 10);
    assert_int_equal(check(NULL, long_url), ERR_BAD_REQUEST);
    long_url[HOOK_URL_MAX] = '\0';
    assert_int_equal(check(NULL, long_url), ERR_OK);
}

/* What was wrong, and what is allowed. */
static void a_refused_url_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *ranges, *url, *wrong, *allowed;
    } cases[] = {
        {NULL, "ftp://a/", "begins with another scheme", "use https://"},
        {"::1", "ftp://a/", "begins with another scheme", "use https:// or http://"},
        {NULL, "http://a/", "plain http", "use https, or have --webhook-allow list the addresses"},
        {NULL, "https://a b/", "blank, control or non-ASCII character", "use percent-encoding"},
        {NULL, "https://", "has no host", "https://HOST"},
        {NULL, "https://[::1/", "has no host", "https://HOST"},
        {NULL, "https://a:0/", "port", "use 1 to 65535"},
        {NULL, "https://a:x/", "port", "use 1 to 65535"},
        {NULL, "https://127.0.0.1/", "a loopback address", "--webhook-allow lists"},
        {NULL, "https://[::1]:80/", "a loopback address", "--webhook-allow lists"},
        {NULL, "https://[::ffff:10.0.0.1]/", "a private address", "--webhook-allow lists"},
        {NULL, "https://169.254.169.254/", "a link-local address", "public ones over https"},
        {"127.0.0.0/8", "http://10.0.0.1/", "a private address", "--webhook-allow lists"},
        {"127.0.0.0/8", "http://8.8.8.8/", "plain http to a public address", "use https"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct hook_policy policy = policy_of(cases[i].ranges);
        struct buf problem = BUF_INIT;
        enum err err = hook_url_check(&policy, slice_of(cases[i].url), &problem);
        hook_policy_done(&policy);
        AUTO_STR text = buf_take_str(&problem);
        assert_int_equal(err, ERR_BAD_REQUEST);
        if (!slice_starts(slice_of(text), SLICE("webhook")) ||
            strstr(text, cases[i].wrong) == NULL || strstr(text, cases[i].allowed) == NULL) {
            fail_msg("%s: %s", cases[i].url, text);
        }
    }
}

static void the_host_is_what_is_connected_to(void **state)
{
    (void)state;
    assert_slice(hook_url_host(SLICE("https://u:p@example.com:1/a@b")), "example.com:1");
    assert_slice(hook_url_host(SLICE("http://[::1]:80?x")), "[::1]:80");
    assert_slice(hook_url_host(SLICE("https://a.b")), "a.b");
    assert_slice(hook_url_host(SLICE("x")), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(https_reaches_public_addresses),
        cmocka_unit_test(special_addresses_are_refused),
        cmocka_unit_test(listed_ranges_are_reached_in_plain_too),
        cmocka_unit_test(everything_can_be_listed),
        cmocka_unit_test(other_families_are_refused),
        cmocka_unit_test(bad_ranges_are_named),
        cmocka_unit_test(urls_that_could_be_delivered_pass),
        cmocka_unit_test(other_urls_are_refused),
        cmocka_unit_test(a_refused_url_says_why),
        cmocka_unit_test(the_host_is_what_is_connected_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
