/* The job as clients see it: names, letters, and the keys that each state shows. */
#include "test.h"

#include "queue/job.h"

static void names_and_letters_lead_back_to_their_state(void **state)
{
    (void)state;
    const char letters[] = "QPCFXT";
    for (unsigned i = 0; i < JOB_STATE_COUNT; i++) {
        enum job_state found;
        assert_int_equal(job_state_from_letter((struct slice){letters + i, 1}, &found), ERR_OK);
        assert_int_equal(found, i);
        assert_int_equal(job_state_from_name(slice_of(job_state_name(found)), &found), ERR_OK);
        assert_int_equal(found, i);
        assert_int_equal(job_state_is_final(found),
                         found != JOB_IN_QUEUE && found != JOB_IN_PROGRESS);
    }
}

static void other_letters_and_names_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "q", "QQ", "R", "RUNNING", "in_queue", "COMPLETED "};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        enum job_state found;
        assert_int_not_equal(job_state_from_letter(slice_of(bad[i]), &found), ERR_OK);
        assert_int_not_equal(job_state_from_name(slice_of(bad[i]), &found), ERR_OK);
    }
}

/* A job that ran: every number set, so that a key shown by mistake is seen. */
static struct job_view ran(enum job_state state)
{
    return (struct job_view){.id = SLICE("j1"),
                             .state = state,
                             .attempt = 1,
                             .has_run = true,
                             .delay_ms = 12,
                             .execution_ms = 34,
                             .worker = SLICE("w1"),
                             .token = SLICE("secret"),
                             .members = SLICE("\"output\":{\"a\":1}")};
}

static void assert_object(struct job_view job, const char *text)
{
    struct buf out = BUF_INIT;
    job_put_object(&out, &job);
    char *object = buf_take_str(&out);
    bool is_equal = strcmp(object, text) == 0;
    if (!is_equal) {
        print_error("got  %s\nwant %s\n", object, text);
    }
    free(object);
    buf_done(&out);
    assert_true(is_equal);
}

static void a_waiting_job_shows_id_and_status_only(void **state)
{
    (void)state;
    assert_object((struct job_view){.id = SLICE("j1"), .state = JOB_IN_QUEUE},
                  "{\"id\":\"j1\",\"status\":\"IN_QUEUE\"}");
}

static void a_job_queued_again_shows_its_retries_and_nothing_of_the_lost_attempt(void **state)
{
    (void)state;
    struct job_view job = ran(JOB_IN_QUEUE);
    job.retries = 1;
    assert_object(job, "{\"id\":\"j1\",\"status\":\"IN_QUEUE\",\"retries\":1}");
}

static void a_running_job_shows_delay_worker_and_progress(void **state)
{
    (void)state;
    assert_object(ran(JOB_IN_PROGRESS),
                  "{\"id\":\"j1\",\"status\":\"IN_PROGRESS\",\"delayTime\":12,"
                  "\"workerId\":\"w1\",\"output\":{\"a\":1}}");
}

static void a_completed_job_shows_everything(void **state)
{
    (void)state;
    assert_object(ran(JOB_COMPLETED),
                  "{\"id\":\"j1\",\"status\":\"COMPLETED\",\"delayTime\":12,\"workerId\":\"w1\","
                  "\"executionTime\":34,\"output\":{\"a\":1}}");
}

static void a_completed_job_without_output_shows_none(void **state)
{
    (void)state;
    struct job_view job = ran(JOB_COMPLETED);
    job.members = SLICE_NONE;
    assert_object(job, "{\"id\":\"j1\",\"status\":\"COMPLETED\",\"delayTime\":12,"
                       "\"workerId\":\"w1\",\"executionTime\":34}");
}

static void a_failed_job_may_show_output_and_error(void **state)
{
    (void)state;
    struct job_view job = ran(JOB_FAILED);
    job.members = SLICE("\"output\":1,\"error\":\"no\"");
    assert_object(job, "{\"id\":\"j1\",\"status\":\"FAILED\",\"delayTime\":12,\"workerId\":\"w1\","
                       "\"executionTime\":34,\"output\":1,\"error\":\"no\"}");
}

static void a_cancelled_job_shows_no_output(void **state)
{
    (void)state;
    assert_object(ran(JOB_CANCELLED), "{\"id\":\"j1\",\"status\":\"CANCELLED\",\"delayTime\":12,"
                                      "\"workerId\":\"w1\",\"executionTime\":34}");
}

static void a_job_that_ended_in_the_queue_has_the_five_keys_of_strict_clients(void **state)
{
    (void)state;
    struct job_view job = {.id = SLICE("j1"),
                           .state = JOB_TIMED_OUT,
                           .delay_ms = 500,
                           .execution_ms = 7,
                           .members = SLICE("\"error\":\"ttl expired in queue\"")};
    assert_object(job,
                  "{\"id\":\"j1\",\"status\":\"TIMED_OUT\",\"delayTime\":500,\"workerId\":\"\","
                  "\"executionTime\":0,\"error\":\"ttl expired in queue\"}");
}

static void ids_are_written_as_json(void **state)
{
    (void)state;
    assert_object((struct job_view){.id = SLICE("a\"\\\n"), .state = JOB_IN_QUEUE},
                  "{\"id\":\"a\\\"\\\\\\n\",\"status\":\"IN_QUEUE\"}");
}

static void a_waiting_job_tells_why_and_how_many_are_before_it(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf out = BUF_INIT;
    struct job_view job = {.id = SLICE("a"),
                           .state = JOB_IN_QUEUE,
                           .position = 3,
                           .reason = SLICE("CRASH_LOOP"),
                           .detail = SLICE("exit code 1: \"x\"")};
    job_put_object(&out, &job);
    assert_slice(buf_slice(&out),
                 "{\"id\":\"a\",\"status\":\"IN_QUEUE\",\"reason\":\"CRASH_LOOP\",\"position\":3,"
                 "\"detail\":\"exit code 1: \\\"x\\\"\"}");
    buf_clear(&out);
    job.state = JOB_IN_PROGRESS;
    job_put_object(&out, &job);
    assert_slice(buf_slice(&out), "{\"id\":\"a\",\"status\":\"IN_PROGRESS\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_letters_lead_back_to_their_state),
        cmocka_unit_test(other_letters_and_names_are_refused),
        cmocka_unit_test(a_waiting_job_shows_id_and_status_only),
        cmocka_unit_test(a_job_queued_again_shows_its_retries_and_nothing_of_the_lost_attempt),
        cmocka_unit_test(a_running_job_shows_delay_worker_and_progress),
        cmocka_unit_test(a_completed_job_shows_everything),
        cmocka_unit_test(a_completed_job_without_output_shows_none),
        cmocka_unit_test(a_failed_job_may_show_output_and_error),
        cmocka_unit_test(a_cancelled_job_shows_no_output),
        cmocka_unit_test(a_job_that_ended_in_the_queue_has_the_five_keys_of_strict_clients),
        cmocka_unit_test(a_waiting_job_tells_why_and_how_many_are_before_it),
        cmocka_unit_test(ids_are_written_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
