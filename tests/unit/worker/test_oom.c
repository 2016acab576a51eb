/* The kernel's counts of processes killed for want of memory, and where they stand. */
#include "test.h"

#include "oom.h"

static void reads_the_count_of_either_version(void **state)
{
    (void)state;
    assert_int_equal(oom_parse(SLICE("low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\n")), 2);
    assert_int_equal(oom_parse(SLICE("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n")), 5);
    assert_int_equal(oom_parse(SLICE("oom_kill_disable 0\nunder_oom 0\n")), -1);
    assert_int_equal(oom_parse(SLICE_NONE), -1);
}

static void finds_its_own_group(void **state)
{
    (void)state;
    static const struct slice v2 = SLICE("0::/user.slice/a\n");
    static const struct slice v1 = SLICE("9:name=systemd:/\n4:memory:/box/1\n0::/\n");
    assert_slice(oom_group(v2, ""), "/user.slice/a");
    assert_slice(oom_group(v1, "memory"), "/box/1");
    assert_slice(oom_group(v1, ""), "");
    assert_slice(oom_group(v2, "memory"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_count_of_either_version),
        cmocka_unit_test(finds_its_own_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
