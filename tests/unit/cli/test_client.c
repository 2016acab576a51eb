/* Where the API is, from what people write. */
#include "test.h"

#include "client.h"

static void assert_root(const char *url, const char *expected)
{
    AUTO_STR root = client_root(url);
    assert_non_null(root);
    assert_string_equal(root, expected);
}

static void the_version_and_slashes_at_the_end_are_cut(void **state)
{
    (void)state;
    assert_root("http://127.0.0.1:8080/v2", "http://127.0.0.1:8080");
    assert_root("http://127.0.0.1:8080/v2/", "http://127.0.0.1:8080");
    assert_root("http://127.0.0.1:8080", "http://127.0.0.1:8080");
    assert_root("http://127.0.0.1:8080//", "http://127.0.0.1:8080");
}

static void a_prefix_before_the_version_stays(void **state)
{
    (void)state;
    assert_root("https://gpu.example/millrace/v2", "https://gpu.example/millrace");
}

static void what_is_no_web_address_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "127.0.0.1:8080", "ftp://x", "http://", "https:///"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_null(client_root(wrong[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version_and_slashes_at_the_end_are_cut),
        cmocka_unit_test(a_prefix_before_the_version_stays),
        cmocka_unit_test(what_is_no_web_address_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
