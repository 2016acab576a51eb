/* When a card goes out of the pool and when it comes back, trouble by trouble. */
#include "test.h"

#include "gpu/health.h"

#define MB (INT64_C(1) << 20)

static const struct health_rules rules = {.held_max = 100 * MB, .retry_ms = 1000};

static struct gpu_health checked(void)
{
    struct gpu_health health = {0};
    health_pass(&health);
    return health;
}

static bool read_free(struct gpu_health *health, struct gpu_reading reading, uint64_t now_ms)
{
    return health_read(health, &rules, &reading, false, now_ms);
}

static void a_new_card_is_checked_before_its_first_use(void **state)
{
    (void)state;
    struct gpu_health health = {0};
    assert_true(health_wants_check(&health, 0));
    assert_false(health_is_usable(&health));
    assert_false(read_free(&health, (struct gpu_reading){0}, 0));
    health_pass(&health);
    assert_true(health_is_usable(&health));
    assert_false(health_wants_check(&health, 0));
}

static void a_lost_card_is_checked_anew_when_it_answers(void **state)
{
    (void)state;
    struct gpu_health health = checked();
    assert_true(read_free(&health, (struct gpu_reading){.is_lost = true}, 10));
    assert_int_equal(health.trouble, HEALTH_LOST);
    assert_true(health.since_ms > 0);
    assert_false(read_free(&health, (struct gpu_reading){.is_lost = true}, 20));
    assert_false(health_wants_check(&health, 1000000));
    assert_true(read_free(&health, (struct gpu_reading){0}, 30));
    assert_int_equal(health.trouble, HEALTH_WELL);
    assert_true(health_wants_check(&health, 30));
}

static void an_xid_of_the_card_takes_it_out_one_of_a_program_does_not(void **state)
{
    (void)state;
    struct gpu_health health = checked();
    assert_false(read_free(&health, (struct gpu_reading){.xid = 31}, 0));
    assert_true(health_is_usable(&health));
    assert_true(read_free(&health, (struct gpu_reading){.xid = 48}, 0));
    assert_string_equal(health.reason, "the driver reported Xid 48");
    assert_false(read_free(&health, (struct gpu_reading){0}, 500));
    assert_false(health_wants_check(&health, 999));
    assert_true(health_wants_check(&health, 1000));
}

static void memory_errors_count_from_what_was_there(void **state)
{
    (void)state;
    struct gpu_health health = checked();
    assert_false(read_free(&health, (struct gpu_reading){.ecc = 7}, 0));
    assert_false(read_free(&health, (struct gpu_reading){.ecc = 7}, 0));
    assert_true(read_free(&health, (struct gpu_reading){.ecc = 9}, 0));
    assert_string_equal(health.reason, "2 memory errors that could not be corrected");
    health_pass(&health);
    assert_false(read_free(&health, (struct gpu_reading){.ecc = 9}, 0));
    assert_false(read_free(&health, (struct gpu_reading){.ecc = -1}, 0)); /* not told */
    assert_false(read_free(&health, (struct gpu_reading){.ecc = 9}, 0));
    assert_true(health_is_usable(&health));
}

static void memory_held_by_nobody_keeps_a_card_out_until_it_is_free(void **state)
{
    (void)state;
    struct gpu_health health = checked();
    struct gpu_reading held = {.held = 101 * MB};
    assert_false(health_read(&health, &rules, &held, true, 0)); /* a process of ours */
    assert_false(read_free(&health, (struct gpu_reading){.held = 101 * MB, .processes = 1}, 0));
    assert_false(read_free(&health, (struct gpu_reading){.held = 101 * MB, .processes = -1}, 0));
    assert_true(read_free(&health, held, 0));
    assert_string_equal(health.reason, "101 MB of its memory are held by nobody");
    assert_false(health_wants_check(&health, 100000));
    assert_true(read_free(&health, (struct gpu_reading){.held = 99 * MB}, 0));
    assert_true(health_is_usable(&health)); /* it was checked before */
}

static void after_a_process_the_driver_gets_its_time_to_free(void **state)
{
    (void)state;
    struct gpu_health health = checked();
    struct gpu_reading held = {.held = 101 * MB, .round = 5};
    health_settle(&health, 5, 0);
    assert_false(read_free(&health, (struct gpu_reading){.round = 4}, 1)); /* began before */
    assert_false(health_is_usable(&health));
    assert_false(read_free(&health, held, 2999));
    assert_false(health_is_usable(&health));
    assert_true(read_free(&health, held, 3000));
    assert_int_equal(health.trouble, HEALTH_HELD);
    health = checked();
    health_settle(&health, 5, 0);
    assert_false(read_free(&health, (struct gpu_reading){.round = 5}, 1));
    assert_true(health_is_usable(&health));
}

static void each_failure_doubles_the_pause(void **state)
{
    (void)state;
    struct gpu_health health = {0};
    uint64_t now_ms = 0;
    for (unsigned i = 0; i < 9; i++) {
        uint64_t pause_ms = UINT64_C(1000) << (i < 6 ? i : 6);
        health_fail(&health, &rules, HEALTH_UNFIT, "wrong words", now_ms);
        assert_false(health_wants_check(&health, now_ms + pause_ms - 1));
        now_ms += pause_ms;
        assert_true(health_wants_check(&health, now_ms));
    }
    health_pass(&health);
    health_fail(&health, &rules, HEALTH_UNFIT, "wrong words", now_ms + 3600001 + 64000);
    assert_true(health_wants_check(&health, now_ms + 3600001 + 65000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_card_is_checked_before_its_first_use),
        cmocka_unit_test(a_lost_card_is_checked_anew_when_it_answers),
        cmocka_unit_test(an_xid_of_the_card_takes_it_out_one_of_a_program_does_not),
        cmocka_unit_test(memory_errors_count_from_what_was_there),
        cmocka_unit_test(memory_held_by_nobody_keeps_a_card_out_until_it_is_free),
        cmocka_unit_test(after_a_process_the_driver_gets_its_time_to_free),
        cmocka_unit_test(each_failure_doubles_the_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
