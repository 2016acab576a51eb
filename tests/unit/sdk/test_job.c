/* A job object becomes a job: the input's bytes stay as they are; the roster finds it by id. */
#include "test.h"

#include "roster.h"

static struct job *parse(const char *text)
{
    struct job *job = NULL;
    enum err err = job_parse(slice_of(text), NULL, &job);
    assert_int_equal(err, ERR_OK);
    return job;
}

static void assert_refused(const char *text)
{
    struct job *job = NULL;
    assert_int_not_equal(job_parse(slice_of(text), NULL, &job), ERR_OK);
    assert_null(job);
}

static void input_bytes_are_kept(void **state)
{
    (void)state;
    struct job *job = parse("{\"id\":\"j\\u002d1\", \"input\" : {\"n\": 9007199254740993, \"d\": "
                            "1e400, \"k\": {\"a\":1,\"a\":2}} ,\"webhook\":null}");
    assert_string_equal(job->face.id, "j-1");
    assert_slice(((struct slice){job->face.input, job->face.input_len}),
                 "{\"n\": 9007199254740993, \"d\": 1e400, \"k\": {\"a\":1,\"a\":2}}");
    assert_int_equal(job->face.request[0], '{');
    assert_int_equal(job->face.request[job->face.request_len - 1], '}');
    job_free(job);
}

static void jobs_without_id_or_input_are_refused(void **state)
{
    (void)state;
    assert_refused("{\"id\":\"a\"}");
    assert_refused("{\"input\":{}}");
    assert_refused("{\"id\":5,\"input\":{}}");
    assert_refused("{\"id\":\"\",\"input\":{}}");
    assert_refused("{\"id\":\"a\\r\\nb\",\"input\":{}}");
    assert_refused("{\"id\":\"a\",\"input\":");
    assert_refused("[]");
}

static void first_error_of_a_job_stays(void **state)
{
    (void)state;
    struct job *job = parse("{\"id\":\"a\",\"input\":1}");
    job_set_error(job, SLICE("first"));
    job_set_error(job, SLICE("second"));
    assert_string_equal(job->error, "first");
    job_free(job);
}

static void roster_cancels_a_held_job_once(void **state)
{
    (void)state;
    struct roster roster;
    roster_init(&roster);
    struct job *job = parse("{\"id\":\"a\",\"input\":1}");
    struct job *other = parse("{\"id\":\"b\",\"input\":1}");
    roster_add(&roster, job);
    roster_add(&roster, other);
    assert_false(roster_cancel(&roster, SLICE("z")));
    assert_true(roster_cancel(&roster, SLICE("a")));
    assert_false(roster_cancel(&roster, SLICE("a")));
    assert_true(atomic_load(&job->is_cancelled));
    assert_false(atomic_load(&other->is_cancelled));
    roster_del(&roster, job);
    roster_del(&roster, other);
    roster_done(&roster);
    job_free(job);
    job_free(other);
}

static void roster_lists_ids_and_counts_room(void **state)
{
    (void)state;
    struct roster roster;
    roster_init(&roster);
    struct buf ids = BUF_INIT;
    struct job *jobs[] = {parse("{\"id\":\"a\",\"input\":1}"), parse("{\"id\":\"b\",\"input\":1}")};
    roster_put_ids(&roster, &ids);
    assert_int_equal(ids.len, 0);
    roster_add(&roster, jobs[0]);
    roster_add(&roster, jobs[1]);
    roster_put_ids(&roster, &ids);
    assert_slice(buf_slice(&ids), "a,b");
    assert_int_equal(roster_count(&roster), 2);
    assert_int_equal(roster_wait_room(&roster, 5), 3);
    for (size_t i = 0; i < COUNT_OF(jobs); i++) {
        roster_del(&roster, jobs[i]);
        job_free(jobs[i]);
    }
    roster_done(&roster);
    buf_done(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input_bytes_are_kept),
        cmocka_unit_test(jobs_without_id_or_input_are_refused),
        cmocka_unit_test(first_error_of_a_job_stays),
        cmocka_unit_test(roster_cancels_a_held_job_once),
        cmocka_unit_test(roster_lists_ids_and_counts_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
