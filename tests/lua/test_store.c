/* The connection to Redis against a real one: each call ends exactly once, whatever Redis does. */
#include "store_fixture.h"

#include "queue/queue.h"
#include "queue/store_survey.h"

static void command(struct fixture *fixture, struct probe *probe, const char *verb,
                    const char *argument)
{
    *probe = (struct probe){.fixture = fixture};
    fixture->left++;
    const struct slice args[] = {slice_of(verb), slice_of(argument)};
    store_command(fixture->store, &probe->call, args, argument != NULL ? 2 : 1, on_end);
}

static void submit(struct fixture *fixture, struct probe *probe, const char *id, int64_t max)
{
    *probe = (struct probe){.fixture = fixture};
    fixture->left++;
    const struct submit_args args = {.id = slice_of(id),
                                     .members = SLICE("\"input\":1"),
                                     .execution_ms = 5000,
                                     .ttl_ms = 60000,
                                     .retention_ms = 60000,
                                     .waiting_max = max,
                                     .token = SLICE("0123456789abcdef")};
    queue_submit(fixture->store, &probe->call, SLICE("e"), &args, on_end);
}

#define LARGE ((size_t)8 << 20)

/* A job whose stored members are LARGE bytes of `letter`, last byte excepted. */
static void submit_large(struct fixture *fixture, struct probe *probe, const char *id, char letter)
{
    *probe = (struct probe){.fixture = fixture};
    fixture->left++;
    AUTO_STR members = xmalloc(LARGE);
    memset(members, letter, LARGE);
    members[LARGE - 1] = '!';
    const struct submit_args args = {.id = slice_of(id),
                                     .members = {members, LARGE},
                                     .execution_ms = 5000,
                                     .ttl_ms = 60000,
                                     .retention_ms = 60000,
                                     .waiting_max = 1000,
                                     .token = SLICE("0123456789abcdef")};
    queue_submit(fixture->store, &probe->call, SLICE("e"), &args, on_end);
}

static void assert_large(struct fixture *fixture, const char *key, char letter)
{
    struct probe probe;
    command(fixture, &probe, "GET", key);
    run(fixture);
    assert_int_equal(probe.text.len, LARGE);
    for (size_t i = 0; i < LARGE; i++) {
        if (probe.text.ptr[i] != (i == LARGE - 1 ? '!' : letter)) {
            fail();
        }
    }
    buf_done(&probe.text);
}

static void command_gets_its_reply(void **state)
{
    struct fixture *fixture = *state;
    struct probe probe;
    command(fixture, &probe, "PING", NULL);
    run(fixture);
    assert_int_equal(probe.err, ERR_OK);
    assert_slice(buf_slice(&probe.text), "PONG");
    buf_done(&probe.text);
}

static void joined_calls_get_their_own_items(void **state)
{
    struct fixture *fixture = *state;
    struct probe probes[4];
    submit(fixture, &probes[0], "a", 1);
    submit(fixture, &probes[1], "b", 1);
    submit(fixture, &probes[2], "c", 1);
    submit(fixture, &probes[3], "a", 1000);
    run(fixture);
    const int64_t expected[] = {SUBMIT_STORED, SUBMIT_STORED, SUBMIT_REFUSED, SUBMIT_STORED_BEFORE};
    for (size_t i = 0; i < COUNT_OF(probes); i++) {
        assert_int_equal(probes[i].err, ERR_OK);
        assert_int_equal(probes[i].number, expected[i]);
    }
}

static void script_is_loaded_again_after_a_flush(void **state)
{
    struct fixture *fixture = *state;
    struct probe probes[3];
    submit(fixture, &probes[0], "a", 9);
    run(fixture);
    command(fixture, &probes[1], "SCRIPT", "FLUSH");
    run(fixture);
    submit(fixture, &probes[2], "b", 9);
    run(fixture);
    assert_int_equal(probes[2].number, SUBMIT_STORED);
    buf_done(&probes[1].text);
}

static void calls_wait_for_a_redis_that_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct probe probes[3];
    submit(fixture, &probes[0], "a", 9);
    run(fixture);
    redis_stop(fixture, SIGTERM);
    submit(fixture, &probes[1], "a", 9);
    submit(fixture, &probes[2], "b", 9);
    redis_start(fixture);
    run(fixture);
    assert_int_equal(probes[1].number, SUBMIT_STORED_BEFORE);
    assert_int_equal(probes[2].number, SUBMIT_STORED);
}

static void calls_end_when_redis_stays_away(void **state)
{
    struct fixture *fixture = *state;
    store_close(fixture->store);
    loop_free(fixture->loop);
    redis_stop(fixture, SIGKILL);
    store_start(fixture, 300);
    struct probe probes[2];
    submit(fixture, &probes[0], "a", 9);
    command(fixture, &probes[1], "PING", NULL);
    run(fixture);
    assert_int_equal(probes[0].err, ERR_STORE_AWAY);
    assert_int_equal(probes[1].err, ERR_STORE_AWAY);
    assert_int_equal(probes[0].ended, 1);
}

static void full_memory_is_a_refusal_that_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct probe probe;
    *(&probe) = (struct probe){.fixture = fixture};
    fixture->left++;
    const struct slice args[] = {SLICE("CONFIG"), SLICE("SET"), SLICE("maxmemory"), SLICE("1")};
    store_command(fixture->store, &probe.call, args, COUNT_OF(args), on_end);
    run(fixture);
    buf_done(&probe.text);
    submit(fixture, &probe, "a", 9);
    run(fixture);
    assert_int_equal(probe.err, ERR_STORE_REFUSED);
    assert_non_null(strstr(store_problem(fixture->store), "maxmemory"));
}

static void detached_call_stays_silent(void **state)
{
    struct fixture *fixture = *state;
    struct probe probes[2];
    submit(fixture, &probes[0], "a", 9);
    store_detach(&probes[0].call);
    fixture->left--;
    submit(fixture, &probes[1], "b", 9);
    run(fixture);
    assert_int_equal(probes[0].ended, 0);
    assert_int_equal(probes[1].number, SUBMIT_STORED);
}

static void large_arguments_arrive_whole_and_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct probe probes[4];
    submit_large(fixture, &probes[0], "a", 'a');
    submit_large(fixture, &probes[1], "b", 'b');
    command(fixture, &probes[2], "STRLEN", "mr:{e}:in:b"); /* overtakes nothing */
    submit(fixture, &probes[3], "c", 9);
    run(fixture);
    assert_int_equal(probes[2].number, LARGE);
    assert_int_equal(probes[3].number, SUBMIT_STORED);
    assert_large(fixture, "mr:{e}:in:a", 'a');
    assert_large(fixture, "mr:{e}:in:b", 'b');
}

static void a_call_cut_off_half_way_is_sent_again(void **state)
{
    struct fixture *fixture = *state;
    struct probe probes[3];
    submit(fixture, &probes[0], "first", 9);
    run(fixture);
    (void)kill(fixture->redis, SIGSTOP); /* takes no more than a socket holds */
    submit_large(fixture, &probes[1], "a", 'a');
    submit(fixture, &probes[2], "b", 9);
    timer_start(fixture->loop, &fixture->deadline, 50, on_deadline);
    loop_run(fixture->loop);
    assert_int_equal(fixture->left, 2);
    redis_stop(fixture, SIGKILL);
    redis_start(fixture);
    run(fixture);
    assert_int_equal(probes[1].number, SUBMIT_STORED);
    assert_int_equal(probes[2].number, SUBMIT_STORED);
    assert_large(fixture, "mr:{e}:in:a", 'a');
}

static void closing_ends_what_is_half_sent(void **state)
{
    struct fixture *fixture = *state;
    struct probe probes[2];
    submit(fixture, &probes[0], "first", 9);
    run(fixture);
    (void)kill(fixture->redis, SIGSTOP);
    submit_large(fixture, &probes[1], "a", 'a');
    timer_start(fixture->loop, &fixture->deadline, 50, on_deadline);
    loop_run(fixture->loop);
    store_close(fixture->store);
    fixture->store = NULL;
    assert_int_equal(probes[1].err, ERR_CLOSING);
}

static void closing_ends_what_waits(void **state)
{
    struct fixture *fixture = *state;
    struct probe probe;
    submit(fixture, &probe, "a", 9);
    store_close(fixture->store);
    fixture->store = NULL;
    assert_int_equal(probe.ended, 1);
    assert_int_equal(probe.err, ERR_CLOSING);
}

static void set(struct fixture *fixture, const char *key, const char *value)
{
    struct probe probe = {.fixture = fixture};
    const struct slice args[] = {SLICE("SET"), slice_of(key), slice_of(value)};
    fixture->left++;
    store_command(fixture->store, &probe.call, args, COUNT_OF(args), on_end);
    run(fixture);
    buf_done(&probe.text);
}

static void only_the_guilty_item_of_a_joined_call_fails(void **state)
{
    struct fixture *fixture = *state;
    struct probe probes[3];
    static const char *const ids[] = {"a", "b", "c"};
    set(fixture, "mr:{e}:job:b", "no hash");
    for (size_t i = 0; i < COUNT_OF(probes); i++) {
        submit(fixture, &probes[i], ids[i], 9);
    }
    run(fixture);
    assert_int_equal(probes[0].number, SUBMIT_STORED);
    assert_int_equal(probes[1].err, ERR_STORE_REPLY);
    assert_int_equal(probes[2].number, SUBMIT_STORED);
    command(fixture, &probes[0], "EXISTS", "mr:{e}:in:b"); /* nothing of it is left */
    run(fixture);
    assert_int_equal(probes[0].number, 0);
    command(fixture, &probes[0], "LLEN", "mr:{e}:q");
    run(fixture);
    assert_int_equal(probes[0].number, 2);
    for (size_t i = 0; i < COUNT_OF(probes); i++) {
        probes[i] = (struct probe){.fixture = fixture};
        fixture->left++;
        queue_read(fixture->store, &probes[i].call, SLICE("e"), slice_of(ids[i]), SLICE_NONE,
                   RATE_NONE, on_end);
    }
    run(fixture);
    assert_int_equal(probes[0].err, ERR_OK);
    assert_int_equal(probes[1].err, ERR_STORE_REPLY);
    assert_int_equal(probes[2].err, ERR_OK);
}

static void without_a_replica_a_durable_call_says_so_and_holds_up_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct probe durable = {.fixture = fixture}, plain;
    const struct submit_args args = {.id = SLICE("d"),
                                     .members = SLICE("\"input\":1"),
                                     .execution_ms = 5000,
                                     .ttl_ms = 60000,
                                     .retention_ms = 60000,
                                     .waiting_max = 9,
                                     .token = SLICE("0123456789abcdef"),
                                     .waits_for_replica = true};
    fixture->left++;
    queue_submit(fixture->store, &durable.call, SLICE("e"), &args, on_end);
    submit(fixture, &plain, "p", 9);
    timer_start(fixture->loop, &fixture->deadline, 1000, on_deadline);
    loop_run(fixture->loop);
    assert_int_equal(plain.number, SUBMIT_STORED);
    assert_int_equal(durable.ended, 0);
    run(fixture);
    assert_int_equal(durable.err, ERR_STORE_UNACKED);
    assert_int_equal(durable.number, SUBMIT_STORED);
}

struct asked {
    struct survey survey;
    struct fixture *fixture;
    int nodes, ends;
    enum err err;
    bool has_memory;
};

static void on_surveyed(struct survey *survey, const char *node, enum err err,
                        const struct reply *reply)
{
    struct asked *asked = container_of(survey, struct asked, survey);
    if (node == NULL) {
        asked->ends++;
        asked->fixture->left--;
        loop_stop(asked->fixture->loop);
        return;
    }
    struct slice text = reply_slice(reply);
    asked->nodes++;
    asked->err = err;
    asked->has_memory = memmem(text.ptr, text.len, "used_memory:", 12) != NULL;
    assert_non_null(strstr(node, "/r.sock"));
}

static void a_survey_asks_every_node_and_ends_once(void **state)
{
    struct fixture *fixture = *state;
    struct asked asked = {.fixture = fixture};
    const struct slice words[] = {SLICE("INFO"), SLICE("memory")};
    for (int round = 1; round <= 2; round++) {
        fixture->left++;
        survey_start(&asked.survey, fixture->store, words, COUNT_OF(words), on_surveyed);
        run(fixture);
        assert_int_equal(asked.nodes, round);
        assert_int_equal(asked.ends, round);
        assert_int_equal(asked.err, ERR_OK);
        assert_true(asked.has_memory);
    }
    survey_start(&asked.survey, fixture->store, words, COUNT_OF(words), on_surveyed);
    survey_stop(&asked.survey);
    assert_int_equal(asked.ends, 2);
}

/* ---- withdrawn calls ---- */

static void withdraw(struct probe *probe)
{
    store_withdraw(&probe->call);
    probe->fixture->left--;
    assert_false(store_call_is_waiting(&probe->call));
}

static int64_t exists(struct fixture *fixture, const char *key)
{
    struct probe probe;
    command(fixture, &probe, "EXISTS", key);
    run(fixture);
    return probe.number;
}

static void a_withdrawn_call_is_not_sent(void **state)
{
    struct fixture *fixture = *state;
    struct probe probes[3];
    submit_large(fixture, &probes[0], "a", 'a');
    submit_large(fixture, &probes[1], "b", 'b');
    submit(fixture, &probes[2], "c", 9);
    withdraw(&probes[0]);
    run(fixture);
    assert_int_equal(probes[0].ended, 0);
    assert_int_equal(probes[1].number, SUBMIT_STORED);
    assert_int_equal(probes[2].number, SUBMIT_STORED);
    assert_int_equal(exists(fixture, "mr:{e}:in:a"), 0);
    assert_large(fixture, "mr:{e}:in:b", 'b');
}

static void a_call_withdrawn_from_among_others_leaves_them(void **state)
{
    struct fixture *fixture = *state;
    struct probe probes[3];
    submit(fixture, &probes[0], "a", 9);
    submit(fixture, &probes[1], "b", 9);
    submit(fixture, &probes[2], "c", 9);
    withdraw(&probes[1]);
    run(fixture);
    assert_int_equal(probes[0].number, SUBMIT_STORED);
    assert_int_equal(probes[2].number, SUBMIT_STORED);
    assert_int_equal(probes[1].ended, 0);
}

static void a_withdrawn_call_beside_a_detached_one_leaves_it(void **state)
{
    struct fixture *fixture = *state;
    struct probe probes[3];
    submit(fixture, &probes[2], "before", 9); /* loads the script */
    run(fixture);
    submit(fixture, &probes[0], "a", 9);
    submit(fixture, &probes[1], "b", 9);
    store_detach(&probes[0].call);
    fixture->left--;
    withdraw(&probes[1]);
    assert_int_equal(exists(fixture, "mr:{e}:in:a"), 1);
}

static void on_end_of_one_of_all(struct store_call *call, enum err err, const struct reply *reply)
{
    struct probe *probe = container_of(call, struct probe, call);
    for (struct probe *other = probe + 1; other < probe + 3; other++) {
        withdraw(other);
    }
    on_end(call, err, reply);
}

static void a_call_that_ends_may_withdraw_all_that_end_with_it(void **state)
{
    struct fixture *fixture = *state;
    struct probe probes[3];
    store_close(fixture->store);
    redis_stop(fixture, SIGKILL);
    fixture->store =
        store_new(fixture->loop, &(struct store_config){.url = fixture->url, .wait_ms = 100});
    submit(fixture, &probes[0], "a", 9);
    submit(fixture, &probes[1], "b", 9);
    submit(fixture, &probes[2], "c", 9);
    probes[0].call.fn = on_end_of_one_of_all;
    run(fixture);
    assert_int_equal(probes[0].err, ERR_STORE_AWAY);
    assert_int_equal(probes[1].ended + probes[2].ended, 0);
}

/* Redis is silent while it is on its way, and gone before it has all of it. */
static void a_withdrawn_call_is_not_sent_again(void **state)
{
    struct fixture *fixture = *state;
    struct probe probes[2];
    submit(fixture, &probes[0], "a", 9);
    run(fixture);
    (void)kill(fixture->redis, SIGSTOP);
    submit_large(fixture, &probes[1], "b", 'b');
    timer_start(fixture->loop, &fixture->deadline, 50, on_deadline);
    loop_run(fixture->loop); /* its first bytes leave */
    withdraw(&probes[1]);
    redis_stop(fixture, SIGKILL);
    redis_start(fixture);
    assert_int_equal(exists(fixture, "mr:{e}:in:b"), 0);
    assert_int_equal(exists(fixture, "mr:{e}:in:a"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(command_gets_its_reply),
        TEST(joined_calls_get_their_own_items),
        TEST(script_is_loaded_again_after_a_flush),
        TEST(calls_wait_for_a_redis_that_comes_back),
        TEST(calls_end_when_redis_stays_away),
        TEST(full_memory_is_a_refusal_that_says_so),
        TEST(detached_call_stays_silent),
        TEST(closing_ends_what_waits),
        TEST(large_arguments_arrive_whole_and_in_order),
        TEST(a_call_cut_off_half_way_is_sent_again),
        TEST(closing_ends_what_is_half_sent),
        TEST(only_the_guilty_item_of_a_joined_call_fails),
        TEST(without_a_replica_a_durable_call_says_so_and_holds_up_nobody),
        TEST(a_survey_asks_every_node_and_ends_once),
        TEST(a_withdrawn_call_is_not_sent),
        TEST(a_call_withdrawn_from_among_others_leaves_them),
        TEST(a_withdrawn_call_beside_a_detached_one_leaves_it),
        TEST(a_call_that_ends_may_withdraw_all_that_end_with_it),
        TEST(a_withdrawn_call_is_not_sent_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
