/* What is measured from counters that only grow. */
#include "test.h"

#include <math.h>

#include "load.h"

#define NEAR(a, b) assert_true(fabs((a) - (b)) < 0.001)

static void the_rate_is_that_of_the_last_minute(void **state)
{
    (void)state;
    struct load load = {0};
    for (int64_t s = 0; s <= 120; s++) {
        load_read(&load, &(struct load_reading){.now_ms = s * 1000, .arrivals = 7 + 2 * s});
    }
    NEAR(load.rate, 2);
    for (int64_t s = 121; s <= 181; s++) {
        load_read(&load, &(struct load_reading){.now_ms = s * 1000, .arrivals = 247});
    }
    NEAR(load.rate, 0);
}

static void what_was_there_before_the_first_look_is_no_rate(void **state)
{
    (void)state;
    struct load load = {0};
    load_read(&load, &(struct load_reading){.now_ms = 5000, .arrivals = 1000000});
    NEAR(load.rate, 0);
}

static void many_looks_a_second_are_one_sample(void **state)
{
    (void)state;
    struct load load = {0};
    for (int64_t ms = 0; ms <= 60000; ms += 50) {
        load_read(&load, &(struct load_reading){.now_ms = ms, .arrivals = ms / 100, .jobs = 1});
    }
    NEAR(load.rate, 10);
    assert_int_equal(load.peak, 1);
}

static void a_job_takes_what_those_of_the_window_took(void **state)
{
    (void)state;
    struct load load = {0};
    load_read(&load, &(struct load_reading){.now_ms = 0, .finished = 10, .work_ms = 10000});
    NEAR(load.job_s, 1); /* the mean of all, until some finish */
    load_read(&load, &(struct load_reading){.now_ms = 1000, .finished = 12, .work_ms = 30000});
    NEAR(load.job_s, 10);
    load_read(&load, &(struct load_reading){.now_ms = 70000, .finished = 12, .work_ms = 30000});
    NEAR(load.job_s, 10);
}

static void jobs_that_run_on_say_that_it_takes_longer(void **state)
{
    (void)state;
    struct load load = {0};
    load_read(&load, &(struct load_reading){.now_ms = 0, .running_ms = 90000});
    NEAR(load.job_s, 90);
}

static void the_cold_start_is_remembered(void **state)
{
    (void)state;
    struct load load = {0};
    load_remember(&load, 30000);
    load_read(&load, &(struct load_reading){.now_ms = 0});
    NEAR(load.start_s, 30);
    load_read(&load, &(struct load_reading){.now_ms = 1, .start_ms = 5000});
    load_read(&load, &(struct load_reading){.now_ms = 2});
    NEAR(load.start_s, 5);
    load_read(&load, &(struct load_reading){.now_ms = 3, .start_floor_ms = 8000});
    NEAR(load.start_s, 8);
    load_read(&load, &(struct load_reading){.now_ms = 4});
    NEAR(load.start_s, 5);
}

static void spare_is_what_was_idle_all_the_time(void **state)
{
    (void)state;
    struct load load = {0};
    int64_t now = 100000;
    for (int64_t s = 0; s < 10; s++) {
        assert_int_equal(load_spare(&load, now + s * 1000, 10000, 5), 0);
    }
    (void)load_spare(&load, now + 10000, 10000, 3);
    (void)load_spare(&load, now + 15000, 10000, 7);
    assert_int_equal(load_spare(&load, now + 20000, 10000, 6), 3);
    assert_int_equal(load_spare(&load, now + 21000, 10000, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_is_that_of_the_last_minute),
        cmocka_unit_test(what_was_there_before_the_first_look_is_no_rate),
        cmocka_unit_test(many_looks_a_second_are_one_sample),
        cmocka_unit_test(a_job_takes_what_those_of_the_window_took),
        cmocka_unit_test(jobs_that_run_on_say_that_it_takes_longer),
        cmocka_unit_test(the_cold_start_is_remembered),
        cmocka_unit_test(spare_is_what_was_idle_all_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
