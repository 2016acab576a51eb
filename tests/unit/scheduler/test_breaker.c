/* When an endpoint whose starts die may try again. */
#include "test.h"

#include "breaker.h"

static void assert_breaker(struct breaker_input input, enum breaker expected)
{
    assert_int_equal(breaker(&input), expected);
}

static void two_deaths_change_nothing(void **state)
{
    (void)state;
    assert_breaker((struct breaker_input){.deaths = 2, .last_ms = 5, .now_ms = 6}, BREAKER_CLOSED);
}

static void the_third_death_stops_starts(void **state)
{
    (void)state;
    assert_breaker((struct breaker_input){.deaths = 3, .last_ms = 5, .now_ms = 6}, BREAKER_OPEN);
}

static void one_may_try_after_the_pause(void **state)
{
    (void)state;
    struct breaker_input input = {.deaths = 3, .last_ms = 1000, .now_ms = 1000 + 160000 - 1};
    assert_breaker(input, BREAKER_OPEN);
    input.now_ms++;
    assert_breaker(input, BREAKER_CANARY);
}

static void pauses_grow_to_five_minutes(void **state)
{
    (void)state;
    assert_int_equal(breaker_pause_ms(3), 160000);
    assert_int_equal(breaker_pause_ms(4), 300000);
    assert_int_equal(breaker_pause_ms(1000000), 300000);
}

static void a_worker_that_became_ready_later_closes_it(void **state)
{
    (void)state;
    struct breaker_input input = {.deaths = 9, .last_ms = 1000, .now_ms = 2000};
    input.ready_ms = 1000;
    assert_breaker(input, BREAKER_OPEN);
    input.ready_ms = 1001;
    assert_breaker(input, BREAKER_CLOSED);
}

static void applying_the_document_again_allows_one_try(void **state)
{
    (void)state;
    assert_breaker(
        (struct breaker_input){.deaths = 3, .last_ms = 1000, .now_ms = 1500, .pardon_ms = 1400},
        BREAKER_CANARY);
    assert_breaker(/* in the same millisecond: whoever applies it has heard of the death */
                   (struct breaker_input){
                       .deaths = 3, .last_ms = 1400, .now_ms = 1500, .pardon_ms = 1400},
                   BREAKER_CANARY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_deaths_change_nothing),
        cmocka_unit_test(the_third_death_stops_starts),
        cmocka_unit_test(one_may_try_after_the_pause),
        cmocka_unit_test(pauses_grow_to_five_minutes),
        cmocka_unit_test(a_worker_that_became_ready_later_closes_it),
        cmocka_unit_test(applying_the_document_again_allows_one_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
