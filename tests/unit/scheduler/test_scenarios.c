/* The scheduler in simulated time: what jobs wait, what workers cost, who gets the cards. */
#include "test.h"

#include "sim.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define MOST_ENDPOINTS 4

struct fixture {
    struct sim_endpoint endpoints[MOST_ENDPOINTS];
    struct sim_trace traces[MOST_ENDPOINTS];
    size_t count;
    struct sim_agent agents[3];
    struct sim *sim;
};

static int set_up(void **state)
{
    *state = xcalloc(1, sizeof(struct fixture));
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->sim != NULL) {
        sim_free(f->sim);
    }
    for (size_t i = 0; i < MOST_ENDPOINTS; i++) {
        sim_endpoint_done(&f->endpoints[i]);
        free(f->traces[i].jobs);
    }
    free(f);
    return 0;
}

/* workersMax 20, idleTimeout 5, scalerValue 4, no GPU. */
static struct sim_endpoint *add(struct fixture *f, int64_t start_s)
{
    static const char *const ids[] = {"a", "b", "c", "d"};
    struct sim_endpoint *endpoint = &f->endpoints[f->count];
    *endpoint = (struct sim_endpoint){.id = ids[f->count++], .start_ms = start_s * 1000};
    endpoint->conf =
        (struct endpoint){.workers_max = 20, .idle_timeout_s = 5, .scaler_value = 4, .weight = 1};
    return endpoint;
}

static void load(struct fixture *f, size_t index, enum sim_arrivals arrivals, double rate,
                 int64_t begin_ms, int64_t end_ms, int64_t work_ms)
{
    sim_trace_add(&f->traces[index], arrivals, rate, begin_ms, end_ms, work_ms);
    f->endpoints[index].jobs = f->traces[index].jobs;
    f->endpoints[index].job_count = f->traces[index].count;
}

static void run(struct fixture *f, size_t agents, int64_t slots, int64_t until_ms)
{
    for (size_t a = 0; a < agents; a++) {
        f->agents[a].slots = slots;
    }
    f->sim = sim_new(f->endpoints, f->count, f->agents, agents);
    sim_run(f->sim, until_ms);
    for (size_t e = 0; e < f->count; e++) {
        assert_false(f->endpoints[e].was_above_max);
        assert_false(f->endpoints[e].was_stopped_busy);
    }
}

/* --- what must be shown --- */

static void check_steady(struct fixture *f, enum sim_arrivals arrivals, uint64_t seed)
{
    struct sim_endpoint *endpoint = add(f, 60);
    f->traces[0].seed = seed;
    load(f, 0, arrivals, 0.8, 0, 2 * HOUR, 8000);
    run(f, 1, 100, 2 * HOUR);
    assert_true(sim_wait(endpoint, 0.95) <= 5000);
    assert_true(endpoint->worker_ms <= 22 * HOUR);
    assert_true(endpoint->start_count <= 100);
    assert_true(endpoint->taken + 10 > endpoint->job_count);
}

static void a_steady_load_waits_little_and_costs_little(void **state)
{
    check_steady(*state, SIM_EVEN, 0);
}

static void a_random_load_waits_little_and_costs_little(void **state)
{
    check_steady(*state, SIM_POISSON, 1);
}

static void another_random_load_does_so_too(void **state)
{
    check_steady(*state, SIM_POISSON, 2);
}

static void one_job_is_one_start(void **state)
{
    struct fixture *f = *state;
    struct sim_endpoint *endpoint = add(f, 60);
    load(f, 0, SIM_EVEN, 1, 0, 1, 8000);
    run(f, 1, 100, 10 * MINUTE);
    assert_int_equal(endpoint->start_count, 1);
    assert_int_equal(endpoint->stop_count, 1);
    assert_int_equal(endpoint->finished, 1);
    assert_true(endpoint->worker_ms <= 60000 + 8000 + 5000 + 2000);
}

static void one_long_job_is_one_start(void **state)
{
    struct fixture *f = *state;
    struct sim_endpoint *endpoint = add(f, 5);
    load(f, 0, SIM_EVEN, 1, 0, 1, 10 * MINUTE);
    run(f, 1, 100, 20 * MINUTE);
    assert_int_equal(endpoint->start_count, 1);
    assert_int_equal(endpoint->finished, 1);
}

static void a_start_longer_than_the_idle_timeout_serves(void **state)
{
    struct fixture *f = *state;
    struct sim_endpoint *endpoint = add(f, 300);
    load(f, 0, SIM_EVEN, 1, 0, 1, 3000);
    run(f, 1, 100, 20 * MINUTE);
    assert_int_equal(endpoint->finished, 1);
    assert_int_equal(endpoint->start_count, 1);
    assert_int_equal(endpoint->stop_count, 1);
}

static size_t count_within(const int64_t *times, size_t count, int64_t begin_ms, int64_t end_ms)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += times[i] >= begin_ms && times[i] < end_ms;
    }
    return found;
}

static void a_square_wave_starts_and_stops_each_worker_once(void **state)
{
    struct fixture *f = *state;
    struct sim_endpoint *endpoint = add(f, 30);
    for (int64_t period = 0; period < 6; period++) {
        load(f, 0, SIM_EVEN, 1, period * 20 * MINUTE, (period * 20 + 10) * MINUTE, 8000);
    }
    run(f, 1, 100, 2 * HOUR);
    for (int64_t at = 0; at < 2 * HOUR; at += 20 * MINUTE) {
        size_t starts =
            count_within(endpoint->starts_ms, endpoint->start_count, at, at + 20 * MINUTE);
        size_t stops = count_within(endpoint->stops_ms, endpoint->stop_count, at, at + 20 * MINUTE);
        assert_true(starts > 0 && starts <= (size_t)endpoint->most);
        assert_int_equal(stops, starts);
    }
}

static void a_crash_loop_starts_five_times_in_ten_minutes(void **state)
{
    struct fixture *f = *state;
    struct sim_endpoint *broken = add(f, 1), *other = add(f, 1);
    broken->dies = true;
    load(f, 0, SIM_EVEN, 0.1, 0, 10 * MINUTE, 1000);
    load(f, 1, SIM_EVEN, 0.1, 0, 10 * MINUTE, 1000);
    run(f, 2, 8, 10 * MINUTE);
    assert_in_range(broken->start_count, 4, 5);
    assert_true(broken->starts_ms[2] <= 5000);
    assert_int_equal(broken->taken, 0);
    assert_true(sim_wait(other, 1) <= 2000);
}

/* --- more rules --- */

static void short_jobs_dealt_out_in_turns_do_not_keep_all_workers(void **state)
{
    struct fixture *f = *state;
    struct sim_endpoint *endpoint = add(f, 10);
    load(f, 0, SIM_POISSON, 20, 0, 10 * MINUTE, 100);
    run(f, 1, 100, 10 * MINUTE);
    assert_true(sim_workers(f->sim, 0) <= 4);
    assert_true(sim_wait(endpoint, 0.9) <= 500);
}

static void a_worker_of_many_slots_is_counted_as_many(void **state)
{
    struct fixture *f = *state;
    struct sim_endpoint *endpoint = add(f, 60);
    endpoint->slots = 8;
    load(f, 0, SIM_EVEN, 2, 0, 30 * MINUTE, 4000);
    run(f, 1, 100, 30 * MINUTE);
    assert_true(sim_workers(f->sim, 0) <= 9); /* of the 20 that came before a first one was seen */
    assert_int_equal(count_within(endpoint->starts_ms, endpoint->start_count, 10 * MINUTE, HOUR),
                     0);
}

static void keep_warm_lasts_until_another_endpoint_needs_the_slot(void **state)
{
    struct fixture *f = *state;
    struct sim_endpoint *warm = add(f, 1), *other = add(f, 1);
    warm->conf.idle_timeout_s = 0;
    load(f, 0, SIM_EVEN, 1, 0, 1, 1000);
    load(f, 1, SIM_EVEN, 1, 30 * MINUTE, 30 * MINUTE + 1, 1000);
    run(f, 1, 1, 29 * MINUTE);
    assert_int_equal(sim_workers(f->sim, 0), 1);
    sim_run(f->sim, 31 * MINUTE);
    assert_int_equal(warm->stop_count, 1);
    assert_int_equal(other->finished, 1);
    assert_true(sim_wait(other, 1) <= 3000);
}

/* --- sharing --- */

static void saturate(struct fixture *f, size_t index, int64_t until_ms)
{
    load(f, index, SIM_EVEN, 5, 0, until_ms, 5000);
}

static void slots_are_shared_by_weight(void **state)
{
    struct fixture *f = *state;
    (void)add(f, 2);
    add(f, 2)->conf.weight = 3;
    saturate(f, 0, HOUR);
    saturate(f, 1, HOUR);
    run(f, 2, 4, HOUR);
    double ratio = (double)f->endpoints[1].worker_ms / (double)f->endpoints[0].worker_ms;
    assert_true(ratio > 2.7 && ratio < 3.3);
}

static void a_late_comer_gets_its_share_from_whoever_has_all(void **state)
{
    struct fixture *f = *state;
    (void)add(f, 2);
    (void)add(f, 2);
    saturate(f, 0, HOUR);
    load(f, 1, SIM_EVEN, 5, 10 * MINUTE, HOUR, 5000);
    run(f, 2, 4, 11 * MINUTE);
    assert_int_equal(sim_workers(f->sim, 0), 4);
    assert_int_equal(sim_workers(f->sim, 1), 4);
    assert_true(f->endpoints[1].waits_ms[0] <= 20000);
}

static void more_endpoints_than_slots_take_turns(void **state)
{
    struct fixture *f = *state;
    for (size_t e = 0; e < 4; e++) {
        (void)add(f, 5);
        saturate(f, e, 2 * HOUR);
    }
    run(f, 1, 2, 2 * HOUR);
    for (size_t e = 0; e < 4; e++) {
        assert_true(f->endpoints[e].worker_ms > 2 * HOUR * 2 / 4 * 7 / 10);
        assert_true(sim_wait(&f->endpoints[e], 0) < 10 * MINUTE);
    }
}

static void a_worker_that_needs_a_whole_machine_gets_it_in_the_end(void **state)
{
    struct fixture *f = *state;
    add(f, 2)->conf.gpu_count = 1;
    struct sim_endpoint *large = add(f, 2);
    large->conf.gpu_count = 4;
    f->agents[0] = f->agents[1] = (struct sim_agent){.cards = {"A", "A", "A", "A"}};
    saturate(f, 0, HOUR);
    load(f, 1, SIM_EVEN, 0.01, 10 * MINUTE, HOUR, 5000);
    run(f, 2, 8, HOUR);
    assert_true(large->finished >= 10);
}

static void nothing_is_broken_by_random_fleets(void **state)
{
    struct fixture *f = *state;
    for (size_t e = 0; e < 4; e++) {
        struct sim_endpoint *endpoint = add(f, (int64_t)(1 + 7 * e));
        endpoint->conf.workers_max = (int64_t)(2 + 3 * e);
        endpoint->conf.workers_min = e == 1;
        endpoint->conf.gpu_count = e == 3 ? 2 : e % 2;
        endpoint->slots = e == 2 ? 4 : 1;
        endpoint->conf.scaler = e == 3 ? SCALER_REQUEST_COUNT : SCALER_QUEUE_DELAY;
        f->traces[e].seed = e;
        load(f, e, SIM_POISSON, 0.2, 0, 20 * MINUTE, (int64_t)(2000 + 1000 * e));
        load(f, e, SIM_POISSON, 1, 30 * MINUTE, 40 * MINUTE, (int64_t)(2000 + 1000 * e));
    }
    f->agents[0] = (struct sim_agent){.cards = {"A", "A", "B", "B"}};
    f->agents[1] = (struct sim_agent){.cards = {"B", "B", "B", "B"}};
    run(f, 3, 5, 2 * HOUR);
    for (size_t e = 0; e < 4; e++) {
        assert_int_equal(f->endpoints[e].finished, f->endpoints[e].job_count);
        assert_int_equal(sim_workers(f->sim, e), e == 1);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_steady_load_waits_little_and_costs_little),
        TEST(a_random_load_waits_little_and_costs_little),
        TEST(another_random_load_does_so_too),
        TEST(one_job_is_one_start),
        TEST(one_long_job_is_one_start),
        TEST(a_start_longer_than_the_idle_timeout_serves),
        TEST(a_square_wave_starts_and_stops_each_worker_once),
        TEST(a_crash_loop_starts_five_times_in_ten_minutes),
        TEST(short_jobs_dealt_out_in_turns_do_not_keep_all_workers),
        TEST(a_worker_of_many_slots_is_counted_as_many),
        TEST(keep_warm_lasts_until_another_endpoint_needs_the_slot),
        TEST(slots_are_shared_by_weight),
        TEST(a_late_comer_gets_its_share_from_whoever_has_all),
        TEST(more_endpoints_than_slots_take_turns),
        TEST(a_worker_that_needs_a_whole_machine_gets_it_in_the_end),
        TEST(nothing_is_broken_by_random_fleets),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
