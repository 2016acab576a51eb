/* A glance says what the script says, in every state, and nothing half. */
#include "store_fixture.h"

#include "queue/glance.h"

struct seen {
    struct fixture *fixture;
    struct store_call call;
    int ended;
    enum err err;
    struct buf text; /* the object that a client sees */
};

static void seen_end(struct seen *seen, enum err err, const struct job_view *job)
{
    seen->ended++;
    seen->err = err;
    if (err == ERR_OK) {
        job_put_object(&seen->text, job);
    }
    if (--seen->fixture->left == 0) {
        loop_stop(seen->fixture->loop);
    }
}

static void on_glance(void *arg, enum err err, const struct job_view *job)
{
    seen_end(arg, err, job);
}

static struct glance *glance_at(struct fixture *fixture, struct glance_shared *shared,
                                struct seen *seen)
{
    static struct spares spares;
    spares = spares.size == 0 ? glance_spares() : spares;
    return glance_new(&(struct glance_config){.store = fixture->store,
                                              .spares = &spares,
                                              .shared = shared,
                                              .ep = SLICE("e"),
                                              .id = SLICE("j"),
                                              .fn = on_glance,
                                              .arg = seen});
}

static void on_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct job_view job;
    if (err == ERR_OK) {
        err = queue_read_result(reply, SLICE("j"), &job);
    }
    seen_end(container_of(call, struct seen, call), err, &job);
}

/* words: a command, its words separated by blanks. */
static void redis(struct fixture *fixture, const char *words)
{
    struct probe probe = {.fixture = fixture};
    struct slice rest = slice_of(words), args[32];
    size_t count = 0;
    while (rest.len > 0 && count < COUNT_OF(args)) {
        args[count++] = slice_cut(&rest, ' ');
    }
    fixture->left++;
    store_command(fixture->store, &probe.call, args, count, on_end);
    run(fixture);
    assert_int_equal(probe.err, ERR_OK);
    buf_done(&probe.text);
}

#define RECORD "HSET mr:{e}:job:j a 2 t0 1000 to 5 tl 9 re 9 tk 0123456789abcdef n 7 r 1 "
#define TAKEN "w worker-1 ag agent t1 1500 "

/* What a glance finds after these commands, whatever it expects; the script must find the same. The
 * text lives until the next one. */
static const char *look(struct fixture *fixture, const char *const *commands, enum err expected)
{
    static char text[512];
    redis(fixture, "FLUSHALL");
    for (size_t i = 0; commands[i] != NULL; i++) {
        redis(fixture, commands[i]);
    }
    struct seen glanced[2] = {{.fixture = fixture}, {.fixture = fixture}};
    struct seen read = {.fixture = fixture};
    struct glance_shared shared[2] = {{0}, {.expects_wait = true}};
    struct glance *glances[2];
    fixture->left = 3;
    for (int i = 0; i < 2; i++) {
        glances[i] = glance_at(fixture, &shared[i], &glanced[i]);
    }
    queue_read(fixture->store, &read.call, SLICE("e"), SLICE("j"), SLICE(""), RATE_NONE, on_read);
    run(fixture);
    assert_int_equal(read.err, expected);
    (void)snprintf(text, sizeof(text), "%.*s", SLICE_ARG(buf_slice(&read.text)));
    buf_done(&read.text);
    for (int i = 0; i < 2; i++) {
        glance_free(glances[i]);
        glance_shared_done(&shared[i]);
        assert_int_equal(glanced[i].ended, 1);
        assert_int_equal(glanced[i].err, expected);
        assert_slice(buf_slice(&glanced[i].text), text);
        buf_done(&glanced[i].text);
    }
    return text;
}
#define LOOK(...) look(*state, (const char *const[]){__VA_ARGS__, NULL}, ERR_OK)
#define LOOK_FAILS(err, ...) (void)look(*state, (const char *const[]){__VA_ARGS__, NULL}, err)

static void completed_job_shows_its_output(void **state)
{
    assert_string_equal(LOOK(RECORD TAKEN "s C t2 1700", "SET mr:{e}:out:j \"output\":1"),
                        "{\"id\":\"j\",\"status\":\"COMPLETED\",\"delayTime\":500,"
                        "\"workerId\":\"worker-1\",\"executionTime\":200,\"retries\":1,"
                        "\"output\":1}");
}

static void completed_job_whose_output_is_gone_shows_none(void **state)
{
    assert_null(strstr(LOOK(RECORD TAKEN "s C t2 1700"), "output"));
}

static void running_job_shows_its_progress(void **state)
{
    assert_null(strstr(LOOK(RECORD TAKEN "s P"), "output"));
    assert_non_null(strstr(LOOK(RECORD TAKEN "s P pv 1", "SET mr:{e}:out:j \"output\":\"half\""),
                           "\"IN_PROGRESS\",\"delayTime\":500,\"workerId\":\"worker-1\","
                           "\"retries\":1,\"output\":\"half\""));
}

static void failed_and_stopped_jobs_say_why(void **state)
{
    assert_non_null(strstr(LOOK(RECORD TAKEN "s F t2 1700", "SET mr:{e}:out:j \"error\":\"boom\""),
                           "\"FAILED\",\"delayTime\":500"));
    assert_non_null(
        strstr(LOOK(RECORD "s T t2 1700", "SET mr:{e}:out:j \"error\":\"late\""), "\"late\""));
    assert_non_null(strstr(LOOK(RECORD TAKEN "s X t2 1700 fr 1800"), "\"workerFreedTime\":100"));
}

static void orphan_is_called_one(void **state)
{
    assert_non_null(strstr(LOOK(RECORD TAKEN "s C t2 1700 o 1", "SET mr:{e}:out:j \"output\":1"),
                           "\"orphan\":true"));
}

static void waiting_job_knows_its_place_and_why(void **state)
{
    assert_non_null(strstr(LOOK("HSET mr:{e}:job:h s Q n 4", "RPUSH mr:{e}:q h j", RECORD "s Q",
                                "HSET mr:{e}:stats reason NO_CAPACITY"),
                           "\"reason\":\"NO_CAPACITY\",\"position\":3"));
    assert_non_null(
        strstr(LOOK("HSET mr:{e}:job:h s Q n 4", "RPUSH mr:{e}:q h", "RPUSH mr:{e}:q:low j",
                    RECORD "s Q c l", "HSET mr:{e}:stats reason CRASH_LOOP",
                    "HSET mr:{e}:crash said gone"),
               "\"position\":0,\"detail\":\"gone\""));
    assert_null(strstr(LOOK(RECORD "s Q"), "position")); /* nobody has said why */
}

static void a_result_without_a_record_is_no_job(void **state)
{
    LOOK_FAILS(ERR_NOT_FOUND, "SET mr:{e}:out:j \"output\":1");
}

static void keys_of_another_kind_are_an_error(void **state)
{
    LOOK_FAILS(ERR_STORE_REPLY, "SET mr:{e}:job:j text");
    LOOK_FAILS(ERR_STORE_REPLY, RECORD TAKEN "s C t2 1700", "RPUSH mr:{e}:out:j a");
    LOOK_FAILS(ERR_STORE_REPLY, RECORD TAKEN "s ?");
}

static void many_that_wait_share_one_explanation(void **state)
{
    struct fixture *fixture = *state;
    enum { COUNT = 200 };
    struct seen seen[COUNT];
    struct glance_shared shared[2] = {{0}, {.expects_wait = true}};
    struct glance *glances[COUNT];
    redis(fixture, RECORD "s Q");
    redis(fixture, "RPUSH mr:{e}:q j");
    redis(fixture, "HSET mr:{e}:stats reason PAUSED");
    for (size_t i = 0; i < COUNT; i++) {
        seen[i] = (struct seen){.fixture = fixture};
        fixture->left++;
        glances[i] = glance_at(fixture, &shared[i % 2], &seen[i]);
    }
    run(fixture);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(seen[i].err, ERR_OK);
        assert_non_null(strstr(seen[i].text.ptr, "\"reason\":\"PAUSED\",\"position\":0"));
        buf_done(&seen[i].text);
        glance_free(glances[i]);
    }
    glance_shared_done(&shared[0]);
    glance_shared_done(&shared[1]);
}

/* What a glance that expects a waiting job says of its reason. */
static void expect_reason(struct fixture *fixture, struct glance_shared *shared, const char *reason)
{
    struct seen seen = {.fixture = fixture};
    fixture->left++;
    struct glance *glance = glance_at(fixture, shared, &seen);
    run(fixture);
    assert_int_equal(seen.err, ERR_OK);
    assert_non_null(strstr(seen.text.ptr, reason));
    buf_done(&seen.text);
    glance_free(glance);
}

static void an_explanation_is_shared_while_it_is_new(void **state)
{
    struct fixture *fixture = *state;
    struct glance_shared shared = {.expects_wait = true};
    redis(fixture, RECORD "s Q");
    redis(fixture, "RPUSH mr:{e}:q j");
    redis(fixture, "HSET mr:{e}:stats reason PAUSED");
    expect_reason(fixture, &shared, "\"reason\":\"PAUSED\",\"position\":0");
    redis(fixture, "HSET mr:{e}:stats reason STARTING");
    shared.told_us = UINT64_MAX / 2; /* of a time to come: not old for sure */
    expect_reason(fixture, &shared, "\"reason\":\"PAUSED\",\"position\":0");
    shared.told_us = 1;
    expect_reason(fixture, &shared, "\"reason\":\"STARTING\",\"position\":0");
    glance_shared_done(&shared);
}

static void freed_glance_stays_silent(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = {.fixture = fixture};
    struct glance_shared shared = {.expects_wait = true};
    glance_free(glance_at(fixture, &shared, &seen));
    redis(fixture, "PING");
    assert_int_equal(seen.ended, 0);
    glance_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(completed_job_shows_its_output),
        TEST(completed_job_whose_output_is_gone_shows_none),
        TEST(running_job_shows_its_progress),
        TEST(failed_and_stopped_jobs_say_why),
        TEST(orphan_is_called_one),
        TEST(waiting_job_knows_its_place_and_why),
        TEST(a_result_without_a_record_is_no_job),
        TEST(keys_of_another_kind_are_an_error),
        TEST(many_that_wait_share_one_explanation),
        TEST(an_explanation_is_shared_while_it_is_new),
        TEST(freed_glance_stays_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
