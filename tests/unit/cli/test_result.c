/* What a job object says: exit status, progress. */
#include "test.h"

#include "result.h"

static int status_of(const char *body)
{
    struct result result;
    result_read(slice_of(body), &result);
    int status = result_exit_status(&result);
    result_done(&result);
    return status;
}

static void each_state_has_its_exit_status(void **state)
{
    (void)state;
    assert_int_equal(status_of("{\"id\":\"a\",\"status\":\"COMPLETED\",\"output\":1}"), 0);
    assert_int_equal(status_of("{\"status\":\"FAILED\"}"), 3);
    assert_int_equal(status_of("{\"status\":\"CANCELLED\"}"), 4);
    assert_int_equal(status_of("{\"status\":\"TIMED_OUT\"}"), 5);
    assert_int_equal(status_of("{\"status\":\"IN_QUEUE\"}"), 6);
    assert_int_equal(status_of("{\"status\":\"IN_PROGRESS\"}"), 6);
}

static void an_answer_without_a_state_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(status_of("{}"), 1);
    assert_int_equal(status_of(""), 1);
    assert_int_equal(status_of("<html>"), 1);
    assert_int_equal(status_of("{\"status\":7}"), 1);
    assert_int_equal(status_of("{\"status\":\"RUNNING\"}"), 1);
}

static void progress_is_read_from_the_usual_places(void **state)
{
    (void)state;
    assert_int_equal(result_percent(SLICE("40")), 40);
    assert_int_equal(result_percent(SLICE("{\"percent\":99.9}")), 99);
    assert_int_equal(result_percent(SLICE("{\"progress\":7,\"x\":1}")), 7);
    assert_int_equal(result_percent(SLICE("{\"progress\":0.25}")), 25);
}

static void other_output_tells_no_progress(void **state)
{
    (void)state;
    assert_int_equal(result_percent(SLICE_NONE), -1);
    assert_int_equal(result_percent(SLICE("\"half\"")), -1);
    assert_int_equal(result_percent(SLICE("-3")), -1);
    assert_int_equal(result_percent(SLICE("1e999")), -1);
    assert_int_equal(result_percent(SLICE("{\"percent\":\"40\"}")), -1);
    assert_int_equal(result_percent(SLICE("{broken")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_state_has_its_exit_status),
        cmocka_unit_test(an_answer_without_a_state_is_an_error),
        cmocka_unit_test(progress_is_read_from_the_usual_places),
        cmocka_unit_test(other_output_tells_no_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
