/* How long `millrace up` waits before a child is started again. */
#include "test.h"

#include "backoff.h"

static void the_first_end_is_followed_at_once(void **state)
{
    (void)state;
    assert_int_equal(backoff_ms(0), 0);
    assert_int_equal(backoff_ms(1), 0);
}

static void the_wait_doubles_up_to_ten_seconds(void **state)
{
    (void)state;
    static const uint64_t expected[] = {500, 1000, 2000, 4000, 8000, 10000, 10000};
    for (unsigned i = 0; i < COUNT_OF(expected); i++) {
        assert_int_equal(backoff_ms(i + 2), expected[i]);
    }
}

static void no_number_of_ends_overflows(void **state)
{
    (void)state;
    assert_int_equal(backoff_ms(UINT32_MAX), BACKOFF_MAX_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_end_is_followed_at_once),
        cmocka_unit_test(the_wait_doubles_up_to_ten_seconds),
        cmocka_unit_test(no_number_of_ends_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
