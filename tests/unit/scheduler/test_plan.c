/* Decisions from a roster that was filled by hand: what counts as what. */
#include "test.h"

#include <time.h>

#include "plan.h"

#define NOW_MS 1000000

struct fixture {
    struct roster roster;
    struct plan plan;
};

static struct table_item *create_endpoint(void)
{
    struct roster_endpoint *endpoint = xcalloc(1, sizeof(*endpoint));
    return &endpoint->item;
}

static void destroy_endpoint(struct table_item *item)
{
    struct roster_endpoint *endpoint = container_of(item, struct roster_endpoint, item);
    roster_endpoint_drop_workers(endpoint);
    endpoint_free(endpoint->conf);
    free(endpoint->workers);
    free(endpoint);
}

static struct table_item *create_agent(void)
{
    struct roster_agent *agent = xcalloc(1, sizeof(*agent));
    agent->value.slots = 4;
    agent->is_live = agent->is_known = true;
    return &agent->item;
}

static void destroy_agent(struct table_item *item)
{
    struct roster_agent *agent = container_of(item, struct roster_agent, item);
    roster_wishes_free(agent->wishes, agent->wish_count);
    free(agent);
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    f->roster.now_ms = NOW_MS;
    table_init(&f->roster.endpoints, create_endpoint, destroy_endpoint);
    table_init(&f->roster.agents, create_agent, destroy_agent);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    plan_done(&f->plan);
    table_done(&f->roster.endpoints);
    table_done(&f->roster.agents);
    free(f);
    return 0;
}

static struct roster_endpoint *add_endpoint(struct fixture *f, const char *id)
{
    struct table_item *item = table_list(&f->roster.endpoints, slice_of(id));
    struct roster_endpoint *endpoint = container_of(item, struct roster_endpoint, item);
    endpoint->conf = xcalloc(1, sizeof(*endpoint->conf));
    endpoint->conf->workers_max = 3;
    endpoint->conf->idle_timeout_s = 5;
    endpoint->conf->scaler_value = 4;
    endpoint->is_read = true;
    return endpoint;
}

static struct roster_agent *add_agent(struct fixture *f, const char *id)
{
    struct table_item *item = table_list(&f->roster.agents, slice_of(id));
    return container_of(item, struct roster_agent, item);
}

static void add_worker(struct roster_endpoint *endpoint, enum worker_state state, int64_t age_ms)
{
    struct worker_value value = {.state = state, .since_ms = NOW_MS - age_ms, .agent = SLICE("a")};
    roster_endpoint_add_worker(endpoint, SLICE("w"), &value);
}

static void wish(struct roster_agent *agent, const char *endpoint, int64_t count)
{
    struct roster_wish *wishes = xcalloc(1, sizeof(*wishes));
    wishes[0] = (struct roster_wish){slice_of(xstrdup(endpoint)), count};
    roster_agent_set_wishes(agent, wishes, 1);
}

static void make(struct fixture *f)
{
    plan_done(&f->plan);
    plan_make(&f->plan, &f->roster);
}

#define FLEET_ENDPOINTS 100
#define FLEET_AGENTS 50

/* Each endpoint has three busy workers and jobs for more; each machine eight slots, four cards. */
static void fill_fleet(struct fixture *f)
{
    for (int a = 0; a < FLEET_AGENTS; a++) {
        AUTO_STR id = xasprintf("agent-%02d", a);
        struct roster_agent *agent = add_agent(f, id);
        agent->value.slots = 8;
        agent->cards[a % 2] = 4;
    }
    f->roster.type_count = 2;
    for (int e = 0; e < FLEET_ENDPOINTS; e++) {
        AUTO_STR id = xasprintf("endpoint-%02d", e);
        struct roster_endpoint *endpoint = add_endpoint(f, id);
        endpoint->conf->workers_max = 10;
        endpoint->conf->gpu_count = e % 3;
        endpoint->waiting = endpoint->counts.queued = endpoint->late = 50;
        endpoint->counts.running = 3;
        for (int i = 0; i < 3; i++) {
            AUTO_STR agent = xasprintf("agent-%02d", (e + i * 7) % FLEET_AGENTS);
            AUTO_STR worker = xasprintf("w-%d-%d", e, i);
            struct worker_value value = {
                .state = WORKER_BUSY, .since_ms = NOW_MS - 4000, .agent = slice_of(agent)};
            roster_endpoint_add_worker(endpoint, slice_of(worker), &value);
        }
    }
}

#ifdef __SANITIZE_ADDRESS__
#define SANITIZER_FACTOR 4 /* what the checks of memory cost at least */
#else
#define SANITIZER_FACTOR 1
#endif

/* Of this process: other programs do not count. */
static uint64_t cpu_us(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void a_round_for_a_large_fleet_is_short(void **state)
{
    struct fixture *f = *state;
    uint64_t best_us = UINT64_MAX;
    fill_fleet(f);
    for (int i = 0; i < 5; i++) {
        uint64_t begin_us = cpu_us();
        make(f);
        uint64_t took_us = cpu_us() - begin_us;
        best_us = took_us < best_us ? took_us : best_us;
        f->roster.now_ms += 1000;
    }
    print_message("100 endpoints, 50 machines: %.1f ms\n", (double)best_us / 1000);
    /* and so less than 5 % of a core, once a second */
    assert_true(best_us <= 50000 * SANITIZER_FACTOR);
}

static void idle_workers_expire_after_the_idle_timeout(void **state)
{
    struct fixture *f = *state;
    (void)add_agent(f, "a");
    struct roster_endpoint *endpoint = add_endpoint(f, "ep");
    add_worker(endpoint, WORKER_IDLE, 4999);
    add_worker(endpoint, WORKER_IDLE, 5000);
    make(f);
    assert_int_equal(endpoint->input.idle, 2);
    assert_int_equal(endpoint->input.expired, 1);
    assert_int_equal(endpoint->placed, 1);
    assert_int_equal(endpoint->ready, 2);
}

static void workers_of_a_gone_agent_do_not_count(void **state)
{
    struct fixture *f = *state;
    struct roster_agent *agent = add_agent(f, "a");
    (void)add_agent(f, "b");
    struct roster_endpoint *endpoint = add_endpoint(f, "ep");
    endpoint->conf->workers_min = 1;
    add_worker(endpoint, WORKER_BUSY, 0);
    wish(agent, "ep", 1);
    agent->is_live = false;
    agent->is_gone = true;
    make(f);
    assert_int_equal(endpoint->ready, 0);
    assert_int_equal(place_cell(&f->plan.place, 0, 0)->wish, 0);
    assert_int_equal(place_cell(&f->plan.place, 0, 1)->wish, 1);
}

static void a_worker_that_pulls_its_image_starts_without_counting_as_a_slow_start(void **state)
{
    struct fixture *f = *state;
    (void)add_agent(f, "a");
    struct roster_endpoint *endpoint = add_endpoint(f, "ep");
    endpoint->counts.queued = endpoint->waiting = 1;
    add_worker(endpoint, WORKER_PULLING, 600000);
    make(f);
    assert_int_equal(endpoint->input.starting, 1);
    assert_int_equal(endpoint->placed, 1);
    assert_true(endpoint->load.start_s < 600);
    assert_int_equal(endpoint->reason, REASON_IMAGE_PULLING);
    add_worker(endpoint, WORKER_STARTING, 0);
    make(f);
    assert_int_equal(endpoint->reason, REASON_STARTING);
}

static void an_unhealthy_worker_is_no_capacity_but_fills_its_wish(void **state)
{
    struct fixture *f = *state;
    (void)add_agent(f, "a");
    struct roster_endpoint *endpoint = add_endpoint(f, "ep");
    endpoint->counts.queued = endpoint->waiting = 1;
    add_worker(endpoint, WORKER_UNHEALTHY, 0);
    make(f);
    assert_int_equal(endpoint->decision.reason, SCALE_FIRST_JOB);
    assert_int_equal(endpoint->ready, 0);
    assert_int_equal(place_cell(&f->plan.place, 0, 0)->wish, 1);
}

static void a_worker_not_reported_yet_is_not_taken_back(void **state)
{
    struct fixture *f = *state;
    struct roster_agent *agent = add_agent(f, "a");
    struct roster_endpoint *endpoint = add_endpoint(f, "ep");
    endpoint->counts.queued = endpoint->waiting = 1;
    make(f);
    assert_int_equal(endpoint->placed, 1);
    wish(agent, "ep", 1);
    endpoint->counts.queued = endpoint->waiting = 0; /* it has taken the job already */
    endpoint->counts.running = 1;
    f->roster.now_ms += 4999;
    make(f);
    assert_int_equal(endpoint->placed, 1);
    f->roster.now_ms += 1;
    make(f);
    assert_int_equal(endpoint->placed, 0);
}

static void an_endpoint_that_could_not_be_read_keeps_its_wishes(void **state)
{
    struct fixture *f = *state;
    struct roster_agent *agent = add_agent(f, "a");
    struct roster_endpoint *endpoint = add_endpoint(f, "ep");
    endpoint->is_read = false;
    wish(agent, "ep", 2);
    make(f);
    assert_int_equal(endpoint->decision.reason, SCALE_UNKNOWN);
    assert_int_equal(place_cell(&f->plan.place, 0, 0)->wish, 2);
}

static void a_deleted_endpoint_gets_nothing(void **state)
{
    struct fixture *f = *state;
    struct roster_agent *agent = add_agent(f, "a");
    struct roster_endpoint *endpoint = add_endpoint(f, "ep");
    endpoint_free(steal(endpoint->conf));
    wish(agent, "ep", 2);
    make(f);
    assert_int_equal(place_cell(&f->plan.place, 0, 0)->wish, 0);
}

static void what_finds_no_slot_is_throttled(void **state)
{
    struct fixture *f = *state;
    add_agent(f, "a")->value.slots = 1;
    struct roster_endpoint *endpoint = add_endpoint(f, "ep");
    endpoint->conf->workers_min = 3;
    make(f);
    assert_int_equal(endpoint->placed, 1);
    assert_int_equal(endpoint->throttled, 2);
}

static void idle_timeout_zero_stays_warm_until_others_need_the_slot(void **state)
{
    struct fixture *f = *state;
    add_agent(f, "a")->value.slots = 2;
    struct roster_endpoint *warm = add_endpoint(f, "warm"), *other = add_endpoint(f, "other");
    warm->conf->idle_timeout_s = 0;
    add_worker(warm, WORKER_IDLE, NOW_MS);
    add_worker(warm, WORKER_IDLE, NOW_MS);
    make(f);
    assert_int_equal(warm->placed, 2);
    other->counts.queued = other->waiting = 1;
    make(f);
    assert_int_equal(warm->placed, 1);
    assert_int_equal(other->placed, 1);
}

static void wishes_of_an_agent_leave_out_zeros(void **state)
{
    struct fixture *f = *state;
    (void)add_agent(f, "a");
    (void)add_endpoint(f, "none");
    add_endpoint(f, "some")->conf->workers_min = 2;
    make(f);
    struct roster_wish *wishes;
    size_t count = plan_wishes(&f->plan, &f->roster, 0, &wishes);
    bool is_right = count == 1 && slice_is(wishes[0].endpoint, "some") && wishes[0].count == 2;
    roster_wishes_free(wishes, count);
    assert_true(is_right);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_round_for_a_large_fleet_is_short),
        TEST(idle_workers_expire_after_the_idle_timeout),
        TEST(workers_of_a_gone_agent_do_not_count),
        TEST(a_worker_that_pulls_its_image_starts_without_counting_as_a_slow_start),
        TEST(an_unhealthy_worker_is_no_capacity_but_fills_its_wish),
        TEST(a_worker_not_reported_yet_is_not_taken_back),
        TEST(an_endpoint_that_could_not_be_read_keeps_its_wishes),
        TEST(a_deleted_endpoint_gets_nothing),
        TEST(what_finds_no_slot_is_throttled),
        TEST(idle_timeout_zero_stays_warm_until_others_need_the_slot),
        TEST(wishes_of_an_agent_leave_out_zeros),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
