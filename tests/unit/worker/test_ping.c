/* Which SDK versions are believed when their pings leave a job out. */
#include "test.h"

#include "ping.h"

static void lists_of_sdks_with_their_own_memory_are_sound(void **state)
{
    (void)state;
    assert_true(ping_lists_are_sound(SLICE("1.6.2")));
    assert_true(ping_lists_are_sound(SLICE("1.7.10")));
    assert_true(ping_lists_are_sound(SLICE("1.10.1")));
    assert_true(ping_lists_are_sound(SLICE("1.12.0")));
    assert_true(ping_lists_are_sound(SLICE("2.0")));
}

static void lists_from_a_shared_file_are_not(void **state)
{
    (void)state;
    assert_false(ping_lists_are_sound(SLICE("1.7.11")));
    assert_false(ping_lists_are_sound(SLICE("1.7.12")));
    assert_false(ping_lists_are_sound(SLICE("1.9.1")));
    assert_false(ping_lists_are_sound(SLICE("1.10.0")));
}

static void what_is_no_version_is_not(void **state)
{
    (void)state;
    assert_false(ping_lists_are_sound(SLICE_NONE));
    assert_false(ping_lists_are_sound(SLICE("dev")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_sdks_with_their_own_memory_are_sound),
        cmocka_unit_test(lists_from_a_shared_file_are_not),
        cmocka_unit_test(what_is_no_version_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
