/* Request targets of the worker plane, the lenient ones included. */
#include "test.h"

#include "url.h"

static struct url parse(const char *path, const char *query)
{
    struct url url;
    assert_int_equal(url_parse(slice_of(path), slice_of(query), &url), ERR_OK);
    return url;
}

static void takes_a_plain_path_apart(void **state)
{
    (void)state;
    struct url url = parse("/v2/echo/job-done/w-1/job-7", "gpu=&isStream=false");
    assert_slice(url.ep, "echo");
    assert_slice(url.operation, "job-done");
    assert_slice(url.worker, "w-1");
    assert_slice(url.job, "job-7");
    assert_slice(url.query, "gpu=&isStream=false");
}

static void reads_parameters_glued_to_the_path(void **state)
{
    (void)state;
    struct url url = parse("/v2/echo/job-take/w-1&job_in_progress=1", "");
    assert_slice(url.worker, "w-1");
    assert_int_equal(url.job.len, 0);
    assert_int_equal(url_param_int(&url, "job_in_progress", -1), 1);
    url = parse("/v2/echo/job-done/w-1/job-7&isStream=false", "");
    assert_slice(url.job, "job-7");
}

static void does_without_the_job(void **state)
{
    (void)state;
    struct url url = parse("/v2/echo/job-done/w-1", "gpu=RTX+4090");
    assert_int_equal(url.job.len, 0);
    AUTO(buf_done) struct buf gpu = BUF_INIT;
    assert_true(url_param(&url, "gpu", &gpu));
    assert_slice(buf_slice(&gpu), "RTX 4090");
}

static void decodes_lists_in_parameters(void **state)
{
    (void)state;
    struct url url = parse("/v2/echo/ping/w-1", "gpu=&job_id=a%2Cb&runpod_version=1.12.0");
    AUTO(buf_done) struct buf ids = BUF_INIT;
    assert_true(url_param(&url, "job_id", &ids));
    assert_slice(buf_slice(&ids), "a,b");
}

static void takes_a_default_for_what_is_no_number(void **state)
{
    (void)state;
    struct url url = parse("/v2/echo/job-take-batch/w-1", "batch_size=many");
    assert_int_equal(url_param_int(&url, "batch_size", 1), 1);
    assert_int_equal(url_param_int(&url, "job_in_progress", -1), -1);
}

static void refuses_other_paths(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/",
        "/v2",
        "/v2/",
        "/v2/echo",
        "/v2/echo/job-take",
        "/v2//ping/w",
        "/v2/e/ping/&a",
        "/v2/e/j/w/i/more",
        "",
        "/v1/echo/job-take/w",
    };
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct url url;
        assert_int_equal(url_parse(slice_of(paths[i]), SLICE_NONE, &url), ERR_NOT_FOUND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_plain_path_apart),
        cmocka_unit_test(reads_parameters_glued_to_the_path),
        cmocka_unit_test(does_without_the_job),
        cmocka_unit_test(decodes_lists_in_parameters),
        cmocka_unit_test(takes_a_default_for_what_is_no_number),
        cmocka_unit_test(refuses_other_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
