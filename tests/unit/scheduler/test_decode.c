/* What agents wrote: good values, and everything else. */
#include "test.h"

#include "decode.h"

static void a_worker_is_decoded(void **state)
{
    (void)state;
    struct worker_value worker;
    assert_int_equal(decode_worker(SLICE("running 2 1767225600000 7 agent-0"), &worker), ERR_OK);
    assert_int_equal(worker.state, WORKER_BUSY);
    assert_int_equal(worker.held, 2);
    assert_int_equal(worker.since_ms, 1767225600000);
    assert_int_equal(worker.version, 7);
    assert_slice(worker.agent, "agent-0");
    assert_int_equal(worker.slots, 0);
}

static void a_worker_with_its_measures_is_decoded(void **state)
{
    (void)state;
    struct worker_value worker;
    assert_int_equal(decode_worker(SLICE("idle 0 1767225600000 7 agent-0 4 61000 99"), &worker),
                     ERR_OK);
    assert_slice(worker.agent, "agent-0");
    assert_int_equal(worker.slots, 4);
    assert_int_equal(worker.start_ms, 61000);
    assert_int_equal(worker.ready_ms, 99);
}

static void an_idle_worker_that_holds_a_job_is_busy(void **state)
{
    (void)state;
    struct worker_value worker;
    assert_int_equal(decode_worker(SLICE("idle 1 5 1 a"), &worker), ERR_OK);
    assert_int_equal(worker.state, WORKER_BUSY);
}

static void one_that_waits_for_its_image_is_decoded(void **state)
{
    (void)state;
    struct worker_value worker;
    assert_int_equal(decode_worker(SLICE("pulling 0 5 1 a"), &worker), ERR_OK);
    assert_int_equal(worker.state, WORKER_PULLING);
}

static void a_malformed_worker_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "idle",
        "idle 0",
        "idle 0 5",
        "idle 0 5 1",
        "idle 0 5 1 ",
        "sleeping 0 5 1 a",
        "idle x 5 1 a",
        "idle 0 5x 1 a",
        "idle -1 5 1 a",
        "idle 0 99999999999999999999 1 a",
        "idle 0 5 1 a b",
        "idle 0 5 1 a 4 5 6 7",
        "idle 0 5 1 a 4 -5 6",
        "idle 0 5 1 a/b",
        "idle  0 5 1 a",
        "Idle 0 5 1 a",
        "\xff\xfe",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct worker_value worker;
        assert_int_equal(decode_worker(slice_of(bad[i]), &worker), ERR_STORE_REPLY);
    }
    struct worker_value worker;
    assert_int_equal(decode_worker(SLICE_NONE, &worker), ERR_STORE_REPLY);
    assert_int_equal(decode_worker(SLICE("idle 0 5 1 a\0b"), &worker), ERR_STORE_REPLY);
}

static void assert_agent(const char *text, int64_t slots, int64_t gpus)
{
    struct agent_value agent;
    assert_int_equal(decode_agent(slice_of(text), &agent), ERR_OK);
    assert_int_equal(agent.slots, slots);
    assert_int_equal(agent.gpu_count, gpus);
}

static void an_agent_is_decoded(void **state)
{
    (void)state;
    assert_agent("{\"host\":\"h\",\"slots\":4,\"gpus\":[{\"uuid\":\"GPU-1\",\"name\":\"A\"},"
                 "{\"uuid\":\"GPU-2\",\"name\":\"B\"}]}",
                 4, 2);
    assert_agent("{\"slots\":2}", 2, 0);
    assert_agent("{}", 0, 0);
    assert_agent("{\"slots\":1,\"gpus\":[]}", 1, 0);
    assert_agent("{\"slots\":1,\"gpus\":\"none\"}", 1, 0);
    assert_agent("{\"slots\":1,\"gpus\":[4,{},{\"uuid\":\"GPU-1\"}]}", 1, 0);
}

static void cards_that_are_out_do_not_count(void **state)
{
    (void)state;
    struct agent_value agent;
    assert_int_equal(
        decode_agent(SLICE("{\"gpus\":[{\"uuid\":\"GPU-1\",\"name\":\"A\",\"state\":\"out\"},"
                           "{\"uuid\":\"MIG-2\",\"name\":\"B\",\"state\":\"given\"}]}"),
                     &agent),
        ERR_OK);
    assert_int_equal(agent.gpu_count, 1);
    assert_slice(agent.gpus[0].uuid, "MIG-2");
    assert_true(agent.gpus[0].is_slice);
}

static void labels_and_cache_are_decoded(void **state)
{
    (void)state;
    struct agent_value agent;
    assert_int_equal(
        decode_agent(SLICE("{\"labels\":{\"zone\":\"a\",\"n\":4},\"cache\":[\"endpoint:e@3\",4,"
                           "\"endpoint:f@2\",\"image:r/x:1\",\"endpoint\",\"\"]}"),
                     &agent),
        ERR_OK);
    assert_true(agent_has_label(&agent, "zone", "a"));
    assert_false(agent_has_label(&agent, "zone", "b"));
    assert_false(agent_has_label(&agent, "n", "4"));
    assert_false(agent_has_label(&agent, "other", "a"));
    int same = agent_warmth(&agent, SLICE("e"), 3, NULL);
    int image = agent_warmth(&agent, SLICE("g"), 1, "r/x:1");
    int other = agent_warmth(&agent, SLICE("f"), 3, NULL);
    int cold = agent_warmth(&agent, SLICE("g"), 1, "r/x:2");
    assert_true(same > image && image > other && other > cold && cold == 0);
    assert_int_equal(decode_agent(SLICE("{\"labels\":[],\"cache\":{}}"), &agent), ERR_OK);
    assert_int_equal(agent.cache_count, 0);
    assert_false(agent_has_label(&agent, "zone", "a"));
}

static void claims_of_an_agent_are_bounded(void **state)
{
    (void)state;
    assert_agent("{\"slots\":-3}", 0, 0);
    assert_agent("{\"slots\":1000000000}", SLOTS_MAX, 0);
}

static void a_malformed_agent_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "[]",
                                      "4",     "{\"slots\":\"4\"}",
                                      "{",     "{\"slots\":1.5}",
                                      "null",  "{\"slots\":null}",
                                      "\xff",  "{\"slots\":4}x",
                                      "{\"a}", "{\"slots\":1,\"slots\":2}"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct agent_value agent;
        assert_int_equal(decode_agent(slice_of(bad[i]), &agent), ERR_STORE_REPLY);
    }
}

static void a_prefix_gives_its_endpoint(void **state)
{
    (void)state;
    assert_slice(decode_prefix(SLICE("mr:{echo}:")), "echo");
    assert_slice(decode_prefix(SLICE("mr:{}:")), "");
    assert_slice(decode_prefix(SLICE("mr:{echo}")), "");
    assert_slice(decode_prefix(SLICE("echo")), "");
    assert_slice(decode_prefix(SLICE("mr:{:")), "");
    assert_slice(decode_prefix(SLICE_NONE), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_is_decoded),
        cmocka_unit_test(a_worker_with_its_measures_is_decoded),
        cmocka_unit_test(one_that_waits_for_its_image_is_decoded),
        cmocka_unit_test(an_idle_worker_that_holds_a_job_is_busy),
        cmocka_unit_test(a_malformed_worker_is_refused),
        cmocka_unit_test(an_agent_is_decoded),
        cmocka_unit_test(cards_that_are_out_do_not_count),
        cmocka_unit_test(labels_and_cache_are_decoded),
        cmocka_unit_test(claims_of_an_agent_are_bounded),
        cmocka_unit_test(a_malformed_agent_is_refused),
        cmocka_unit_test(a_prefix_gives_its_endpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
