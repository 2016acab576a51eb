/* What pods count as, and which are wanted, from a roster that was filled by hand. */
#include <stdio.h>

#include "test.h"

#include "podplan.h"

#define NOW_MS 1000000
#define RELEASE "0123abcd"

struct fixture {
    struct loop *loop;
    struct roster roster;
    struct pods pods;
    struct plan plan;
    struct roster_endpoint *endpoint;
};

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    f->loop = loop_new();
    roster_init(&f->roster, f->loop, NULL);
    pods_init(&f->pods);
    f->pods.is_synced = true;
    f->roster.pods = &f->pods;
    f->roster.now_ms = NOW_MS;
    struct table_item *item = table_list(&f->roster.endpoints, SLICE("e"));
    f->endpoint = container_of(item, struct roster_endpoint, item);
    f->endpoint->conf = xcalloc(1, sizeof(*f->endpoint->conf));
    f->endpoint->conf->workers_max = 3;
    f->endpoint->conf->idle_timeout_s = 5;
    f->endpoint->conf->scaler_value = 4;
    f->endpoint->version = f->endpoint->conf->version = 1;
    f->endpoint->is_read = f->endpoint->is_clustered = true;
    (void)snprintf(f->endpoint->release, sizeof(f->endpoint->release), RELEASE);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    plan_done(&f->plan);
    roster_done(&f->roster);
    pods_done(&f->pods);
    loop_free(f->loop);
    free(f);
    return 0;
}

static struct pod *add_pod(struct fixture *f, const char *name, const char *release)
{
    struct table_item *item = table_list(&f->pods.table, slice_of(name));
    struct pod *pod = container_of(item, struct pod, item);
    pod->uid = xstrdup(name);
    pod->release = xstrdup(release);
    f->endpoint->pods_there += strcmp(release, RELEASE) == 0;
    f->endpoint->pods_asked = f->endpoint->pods_there;
    return pod;
}

/* wish: 0 told to take no more, 1 to serve. */
static struct roster_agent *add_agent(struct fixture *f, const char *name, int64_t wish)
{
    struct table_item *item = table_list(&f->roster.agents, slice_of(name));
    struct roster_agent *agent = container_of(item, struct roster_agent, item);
    struct roster_wish *wishes = xcalloc(1, sizeof(*wishes));
    wishes[0] = (struct roster_wish){{xstrdup("e"), 1}, wish};
    roster_agent_set_wishes(agent, wishes, 1);
    agent->value.is_pod = agent->is_live = agent->is_known = true;
    agent->value.endpoint = SLICE("e");
    return agent;
}

static void add_worker(struct fixture *f, const char *name, enum worker_state state, int64_t age_ms)
{
    struct worker_value value = {
        .state = state, .since_ms = NOW_MS - age_ms, .agent = slice_of(name)};
    roster_endpoint_add_worker(f->endpoint, slice_of(name), &value);
}

static void a_pod_told_to_stop_does_not_count_as_starting(void **state)
{
    struct fixture *f = *state;
    struct pod *pod = add_pod(f, "p", RELEASE);
    (void)add_agent(f, "p", 0); /* its worker is gone, its agent has not said that it is drained */
    plan_make(&f->plan, &f->roster);
    assert_int_equal(f->endpoint->input.starting, 0);
    assert_int_equal(f->endpoint->pods_wanted, 0);
    assert_false(pod->is_wanted || pod->is_free);
}

static void a_drained_pod_is_served_again_when_one_is_needed(void **state)
{
    struct fixture *f = *state;
    struct pod *pod = add_pod(f, "p", RELEASE);
    add_agent(f, "p", 0)->value.is_drained = true;
    f->endpoint->counts.queued = f->endpoint->waiting = 1;
    plan_make(&f->plan, &f->roster);
    assert_int_equal(f->endpoint->pods_wanted, 1);
    assert_true(pod->is_wanted);
}

static void a_doomed_pod_is_not_served_again(void **state)
{
    struct fixture *f = *state;
    struct pod *pod = add_pod(f, "p", RELEASE);
    add_agent(f, "p", 0)->value.is_drained = true;
    f->endpoint->counts.queued = f->endpoint->waiting = 1;
    pod->is_doomed = true;
    plan_make(&f->plan, &f->roster);
    assert_int_equal(f->endpoint->pods_wanted, 1); /* another one */
    assert_false(pod->is_wanted);
}

static void an_old_pod_that_is_busy_counts_and_is_not_wanted(void **state)
{
    struct fixture *f = *state;
    struct pod *busy = add_pod(f, "busy", "00000000"), *idle = add_pod(f, "idle", "00000000");
    (void)add_agent(f, "busy", 1);
    (void)add_agent(f, "idle", 1);
    add_worker(f, "busy", WORKER_BUSY, 1000);
    add_worker(f, "idle", WORKER_IDLE, 1000);
    f->endpoint->conf->workers_min = 2;
    plan_make(&f->plan, &f->roster);
    assert_int_equal(f->endpoint->input.busy, 1);
    assert_int_equal(f->endpoint->pods_wanted,
                     1); /* of the new release, in place of the idle one */
    assert_false(busy->is_wanted || idle->is_wanted);
    struct roster_wish *wishes;
    size_t count = plan_wishes(&f->plan, &f->roster, 0, &wishes);
    assert_int_equal(count, 1); /* it is told so, for silence would mean the opposite */
    assert_int_equal(wishes[0].count, 0);
    roster_wishes_free(wishes, count);
}

static void an_idle_pod_goes_and_the_busy_one_stays(void **state)
{
    struct fixture *f = *state;
    struct pod *busy = add_pod(f, "busy", RELEASE), *idle = add_pod(f, "idle", RELEASE);
    (void)add_agent(f, "busy", 1);
    (void)add_agent(f, "idle", 1);
    add_worker(f, "busy", WORKER_BUSY, 1000);
    add_worker(f, "idle", WORKER_IDLE, 60000);
    plan_make(&f->plan, &f->roster);
    assert_true(busy->is_wanted);
    assert_false(idle->is_wanted || idle->is_free || busy->is_free);
}

static void pods_without_trouble_stay_rather(void **state)
{
    struct fixture *f = *state;
    struct pod *stuck = add_pod(f, "a", RELEASE), *fine = add_pod(f, "b", RELEASE);
    stuck->trouble = POD_NO_ROOM;
    f->endpoint->conf->workers_max = 1;
    f->endpoint->counts.queued = f->endpoint->waiting = 5;
    plan_make(&f->plan, &f->roster);
    assert_int_equal(f->endpoint->pods_wanted, 1);
    assert_true(fine->is_wanted);
    assert_true(!stuck->is_wanted && stuck->is_free);
    assert_int_equal(f->endpoint->reason, REASON_NO_CAPACITY);
}

static void nothing_is_decided_while_the_pods_are_unknown(void **state)
{
    struct fixture *f = *state;
    f->pods.is_synced = false;
    f->endpoint->counts.queued = f->endpoint->waiting = 5;
    plan_make(&f->plan, &f->roster);
    assert_int_equal(f->endpoint->pods_wanted, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pod_told_to_stop_does_not_count_as_starting, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_drained_pod_is_served_again_when_one_is_needed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_doomed_pod_is_not_served_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_old_pod_that_is_busy_counts_and_is_not_wanted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_idle_pod_goes_and_the_busy_one_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pods_without_trouble_stay_rather, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_decided_while_the_pods_are_unknown, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
