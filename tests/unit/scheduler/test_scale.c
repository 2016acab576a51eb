/* The autoscaler's rules, one by one, and its invariants over generated states. */
#include "test.h"

#include "scale.h"

#define ROUNDS 200000

static struct scale_input quiet(void)
{
    return (struct scale_input){.scaler = SCALER_QUEUE_DELAY, .scaler_value = 4, .max = 3};
}

static void assert_decision(struct scale_input input, int64_t want, enum scale_reason reason)
{
    struct scale_decision decision = scale(&input);
    assert_int_equal(decision.want, want);
    assert_string_equal(scale_reason_name(decision.reason), scale_reason_name(reason));
}

static void nothing_to_do_wants_nothing(void **state)
{
    (void)state;
    assert_decision(quiet(), 0, SCALE_KEEP);
}

static void first_job_starts_one_worker(void **state)
{
    (void)state;
    struct scale_input input = quiet();
    input.queued = input.waiting = 100;
    assert_decision(input, 1, SCALE_FIRST_JOB);
}

static void low_priority_jobs_start_nothing(void **state)
{
    (void)state;
    struct scale_input input = quiet();
    input.queued = 5;
    assert_decision(input, 0, SCALE_KEEP);
    input.scaler = SCALER_REQUEST_COUNT;
    assert_decision(input, 0, SCALE_KEEP);
}

static void waiting_but_not_late_adds_nothing(void **state)
{
    (void)state;
    struct scale_input input = quiet();
    input.queued = input.waiting = 2;
    input.busy = 1;
    assert_decision(input, 1, SCALE_KEEP);
}

static void late_jobs_add_one_worker_each(void **state)
{
    (void)state;
    struct scale_input input = quiet();
    input.max = 10;
    input.queued = input.waiting = 5;
    input.late = 2;
    input.busy = 1;
    assert_decision(input, 3, SCALE_LATE);
}

static void starting_workers_answer_late_jobs(void **state)
{
    (void)state;
    struct scale_input input = quiet();
    input.max = 10;
    input.queued = input.waiting = 5;
    input.late = 2;
    input.busy = 1;
    input.starting = 2;
    assert_decision(input, 3, SCALE_KEEP);
}

static void request_count_rounds_up(void **state)
{
    (void)state;
    struct scale_input input = quiet();
    input.scaler = SCALER_REQUEST_COUNT;
    input.scaler_value = 2;
    input.max = 10;
    input.queued = input.waiting = 4;
    input.running = 1;
    assert_decision(input, 3, SCALE_REQUEST_COUNT);
    input.waiting = input.queued = 3;
    assert_decision(input, 2, SCALE_REQUEST_COUNT);
}

static void max_bounds_every_wish(void **state)
{
    (void)state;
    struct scale_input input = quiet();
    input.queued = input.waiting = input.late = 50;
    assert_decision(input, 3, SCALE_MAX);
    input.max = 0;
    assert_decision(input, 0, SCALE_MAX);
}

static void lowered_max_drains_even_busy_workers(void **state)
{
    (void)state;
    struct scale_input input = quiet();
    input.max = 1;
    input.busy = 3;
    assert_decision(input, 1, SCALE_MAX);
}

static void min_is_kept_without_jobs(void **state)
{
    (void)state;
    struct scale_input input = quiet();
    input.min = 2;
    assert_decision(input, 2, SCALE_MIN);
    input.idle = input.expired = 3;
    assert_decision(input, 2, SCALE_MIN);
}

static void idle_workers_stay_until_they_expire(void **state)
{
    (void)state;
    struct scale_input input = quiet();
    input.idle = 2;
    assert_decision(input, 2, SCALE_KEEP);
    input.expired = 1;
    assert_decision(input, 1, SCALE_IDLE);
    input.expired = 2;
    assert_decision(input, 0, SCALE_IDLE);
}

static void expired_workers_stay_while_jobs_wait(void **state)
{
    (void)state;
    struct scale_input input = quiet();
    input.idle = input.expired = 2;
    input.queued = 1; /* of any class */
    assert_decision(input, 2, SCALE_KEEP);
}

static struct scale_input measured(double rate, double job_s, double start_s)
{
    struct scale_input input = quiet();
    input.max = 20;
    input.rate = input.rate_held = rate;
    input.job_s = job_s;
    input.start_s = start_s;
    input.peak = 100;
    return input;
}

static void the_rate_of_arrivals_wants_workers_with_a_reserve(void **state)
{
    (void)state;
    struct scale_input input = measured(0.8, 8, 60);
    assert_decision(input, 8, SCALE_RATE);
    input.slots = 4;
    assert_decision(input, 2, SCALE_RATE);
}

static void a_load_below_half_a_worker_holds_none(void **state)
{
    (void)state;
    assert_decision(measured(0.1, 4.9, 60), 0, SCALE_KEEP);
    assert_decision(measured(0.1, 5, 60), 1, SCALE_RATE);
}

static void one_long_job_wants_one_worker(void **state)
{
    (void)state;
    struct scale_input input = measured(1.0 / 60, 600, 60);
    input.peak = input.busy = input.running = 1;
    assert_decision(input, 1, SCALE_KEEP);
}

static void a_larger_rate_of_late_keeps_but_does_not_start(void **state)
{
    (void)state;
    struct scale_input input = measured(0.4, 8, 60);
    input.rate_held = 0.8;
    input.idle = input.expired = 6;
    assert_decision(input, 6, SCALE_RATE);
    input.idle = input.expired = 20;
    assert_decision(input, 8, SCALE_RATE);
    input.idle = input.expired = 0;
    assert_decision(input, 4, SCALE_RATE);
}

static void a_backlog_starts_what_clears_it_in_time(void **state)
{
    (void)state;
    struct scale_input input = measured(0, 8, 60);
    input.queued = input.waiting = 80; /* 640 s of work, 64 s to clear it */
    input.busy = 1;
    assert_decision(input, 10, SCALE_BACKLOG);
    input.starting = 9;
    assert_decision(input, 10, SCALE_KEEP);
    input.start_s = 0; /* unknown */
    input.starting = 0;
    assert_decision(input, 1, SCALE_KEEP);
}

static void the_breaker_allows_no_start_or_one(void **state)
{
    (void)state;
    struct scale_input input = quiet();
    input.queued = input.waiting = input.late = 5;
    input.breaker = BREAKER_OPEN;
    assert_decision(input, 0, SCALE_CRASH_LOOP);
    input.breaker = BREAKER_CANARY;
    assert_decision(input, 1, SCALE_CRASH_LOOP);
    input.unhealthy = 1; /* one rests after a crash: it goes first */
    assert_decision(input, 0, SCALE_CRASH_LOOP);
    input.unhealthy = 0;
    input.starting = 1;
    assert_decision(input, 1, SCALE_CRASH_LOOP);
    input.busy = 1;
    assert_decision(input, 2, SCALE_CRASH_LOOP);
}

/* --- properties --- */

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static int64_t below(uint64_t *seed, int64_t end)
{
    return (int64_t)(next_random(seed) % (uint64_t)end);
}

static struct scale_input any_input(uint64_t *seed)
{
    struct scale_input input = {
        .scaler = below(seed, 2) ? SCALER_QUEUE_DELAY : SCALER_REQUEST_COUNT,
        .scaler_value = (double)(1 + below(seed, 40)) / 2,
        .min = below(seed, 5),
        .running = below(seed, 20),
        .starting = below(seed, 4),
        .idle = below(seed, 4),
        .busy = below(seed, 4),
        .queued = below(seed, 2) ? below(seed, 30) : 0,
    };
    input.max = input.min + below(seed, 12);
    input.waiting = below(seed, input.queued + 1);
    input.late = below(seed, input.waiting + 1);
    input.expired = below(seed, input.idle + 1);
    input.rate = (double)below(seed, 40) / 10;
    input.rate_held = input.rate + (double)below(seed, 10) / 10;
    input.job_s = (double)below(seed, 20);
    input.start_s = below(seed, 2) ? (double)below(seed, 100) : 0;
    input.slots = (double)(1 + below(seed, 3));
    input.peak = below(seed, 30);
    return input;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void check_bounds(const struct scale_input *in, int64_t want)
{
    assert_true(want >= in->min && want <= in->max);
    assert_true(want >= least(in->busy + in->starting, in->max));
    assert_true(want >= least(in->busy + in->starting + in->idle - in->expired, in->max));
}

static void check_waiting(const struct scale_input *in, int64_t want)
{
    int64_t present = in->starting + in->idle + in->busy;
    if (in->queued > 0) {
        assert_true(want >= least(present, in->max));
    }
    if (in->waiting > 0 && in->max > 0) {
        assert_true(want > 0);
    }
    bool is_calm = in->rate_held * in->job_s < 0.4 && in->start_s <= 0;
    if (in->scaler == SCALER_QUEUE_DELAY && in->late <= in->starting && present > 0 && is_calm) {
        assert_true(want <= (present > in->min ? present : in->min));
    }
}

static void check_quiet(const struct scale_input *in, int64_t want)
{
    bool is_quiet = in->queued == 0 && in->running == 0 && in->busy == 0 && in->starting == 0 &&
                    in->expired == in->idle && in->rate_held * in->job_s < 0.4;
    if (is_quiet) {
        assert_int_equal(want, in->min);
    }
}

static void invariants_hold_for_generated_states(void **state)
{
    (void)state;
    uint64_t seed = 20260131;
    for (int i = 0; i < ROUNDS; i++) {
        struct scale_input input = any_input(&seed);
        struct scale_decision decision = scale(&input);
        check_bounds(&input, decision.want);
        check_waiting(&input, decision.want);
        check_quiet(&input, decision.want);
    }
}

static void more_late_jobs_never_want_fewer_workers(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < ROUNDS; i++) {
        struct scale_input input = any_input(&seed);
        struct scale_input more = input;
        more.late++;
        more.waiting++;
        more.queued++;
        assert_true(scale(&more).want >= scale(&input).want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_do_wants_nothing),
        cmocka_unit_test(first_job_starts_one_worker),
        cmocka_unit_test(low_priority_jobs_start_nothing),
        cmocka_unit_test(waiting_but_not_late_adds_nothing),
        cmocka_unit_test(late_jobs_add_one_worker_each),
        cmocka_unit_test(starting_workers_answer_late_jobs),
        cmocka_unit_test(request_count_rounds_up),
        cmocka_unit_test(max_bounds_every_wish),
        cmocka_unit_test(lowered_max_drains_even_busy_workers),
        cmocka_unit_test(min_is_kept_without_jobs),
        cmocka_unit_test(idle_workers_stay_until_they_expire),
        cmocka_unit_test(expired_workers_stay_while_jobs_wait),
        cmocka_unit_test(the_rate_of_arrivals_wants_workers_with_a_reserve),
        cmocka_unit_test(a_load_below_half_a_worker_holds_none),
        cmocka_unit_test(one_long_job_wants_one_worker),
        cmocka_unit_test(a_larger_rate_of_late_keeps_but_does_not_start),
        cmocka_unit_test(a_backlog_starts_what_clears_it_in_time),
        cmocka_unit_test(the_breaker_allows_no_start_or_one),
        cmocka_unit_test(invariants_hold_for_generated_states),
        cmocka_unit_test(more_late_jobs_never_want_fewer_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
