/* Why a job waits. */
#include "test.h"

#include "reason.h"

static void assert_reason(struct reason_input input, enum reason expected)
{
    assert_string_equal(reason_name(reason(&input)), reason_name(expected));
}

static void an_endpoint_without_workers_allowed_is_paused(void **state)
{
    (void)state;
    assert_reason((struct reason_input){.breaker = BREAKER_OPEN}, REASON_PAUSED);
}

static void without_a_worker_it_starts_or_says_why_not(void **state)
{
    (void)state;
    struct reason_input in = {.max = 3, .want = 1, .placed = 1, .has_machine = true};
    assert_reason(in, REASON_STARTING);
    in.is_pulling = true;
    assert_reason(in, REASON_IMAGE_PULLING);
    in.is_pulling = false;
    in.placed = 0;
    assert_reason(in, REASON_NO_CAPACITY);
    in.has_machine = false;
    assert_reason(in, REASON_NO_CAPACITY);
    in.needs_gpu = true;
    assert_reason(in, REASON_NO_COMPATIBLE_GPU);
    in.breaker = BREAKER_CANARY;
    assert_reason(in, REASON_CRASH_LOOP);
}

static void low_priority_waits_for_its_turn(void **state)
{
    (void)state;
    assert_reason((struct reason_input){.max = 3, .is_low_only = true, .has_machine = true},
                  REASON_WAITING_TURN);
}

static void with_workers_it_waits_for_a_turn_or_for_more(void **state)
{
    (void)state;
    struct reason_input in = {
        .max = 3, .ready = 1, .want = 1, .placed = 1, .has_machine = true, .breaker = BREAKER_OPEN};
    assert_reason(in, REASON_WAITING_TURN);
    in.want = 2;
    assert_reason(in, REASON_NO_CAPACITY);
    in.starting = 1;
    assert_reason(in, REASON_STARTING);
    in.is_pulling = true;
    assert_reason(in, REASON_IMAGE_PULLING);
    in.ready = 3;
    assert_reason(in, REASON_AT_MAX_WORKERS);
}

static void names_are_found(void **state)
{
    (void)state;
    for (int i = 0; i < REASON_COUNT; i++) {
        assert_int_equal(reason_find(slice_of(reason_name((enum reason)i))), i);
    }
    assert_int_equal(reason_find(SLICE("")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_endpoint_without_workers_allowed_is_paused),
        cmocka_unit_test(without_a_worker_it_starts_or_says_why_not),
        cmocka_unit_test(low_priority_waits_for_its_turn),
        cmocka_unit_test(with_workers_it_waits_for_a_turn_or_for_more),
        cmocka_unit_test(names_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
