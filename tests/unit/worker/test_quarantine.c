/* When a process is singled out for its failures. */
#include "test.h"

#include "quarantine.h"

struct scene {
    struct tally all;
    struct streak ill, well;
};

static void fail_times(struct scene *scene, struct streak *who, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        quarantine_failure(who, &scene->all);
    }
}

static void succeed_times(struct scene *scene, struct streak *who, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        quarantine_success(who, &scene->all);
    }
}

static void three_failures_while_siblings_complete_are_enough(void **state)
{
    (void)state;
    struct scene scene = {0};
    fail_times(&scene, &scene.ill, 2);
    succeed_times(&scene, &scene.well, 3);
    assert_false(quarantine_is_due(&scene.ill, &scene.all));
    fail_times(&scene, &scene.ill, 1);
    assert_true(quarantine_is_due(&scene.ill, &scene.all));
    assert_false(quarantine_is_due(&scene.well, &scene.all));
}

static void without_siblings_nobody_is_singled_out(void **state)
{
    (void)state;
    struct scene scene = {0};
    succeed_times(&scene, &scene.well, 9); /* before the streak */
    fail_times(&scene, &scene.ill, 50);
    assert_false(quarantine_is_due(&scene.ill, &scene.all));
}

static void siblings_that_fail_too_are_an_excuse(void **state)
{
    (void)state;
    struct scene scene = {0};
    fail_times(&scene, &scene.ill, 1);
    succeed_times(&scene, &scene.well, 9);
    fail_times(&scene, &scene.well, 1);
    fail_times(&scene, &scene.ill, 5);
    assert_false(quarantine_is_due(&scene.ill, &scene.all));
}

static void a_success_begins_anew(void **state)
{
    (void)state;
    struct scene scene = {0};
    fail_times(&scene, &scene.ill, 2);
    succeed_times(&scene, &scene.well, 9);
    succeed_times(&scene, &scene.ill, 1);
    fail_times(&scene, &scene.ill, 2);
    assert_false(quarantine_is_due(&scene.ill, &scene.all));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_failures_while_siblings_complete_are_enough),
        cmocka_unit_test(without_siblings_nobody_is_singled_out),
        cmocka_unit_test(siblings_that_fail_too_are_an_excuse),
        cmocka_unit_test(a_success_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
