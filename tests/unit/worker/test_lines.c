/* Output cut into lines, however it comes; the job a line of the SDK names. */
#include "test.h"

#include "lines.h"

static void collect(struct slice line, void *arg)
{
    struct buf *out = arg;
    buf_put_char(out, '<');
    buf_put_slice(out, line);
    buf_put_char(out, '>');
}

static void lines_end_where_they_end(void **state)
{
    (void)state;
    AUTO(lines_done) struct lines lines = {0};
    AUTO(buf_done) struct buf out = BUF_INIT;
    lines_feed(&lines, SLICE("a\nb\r\n\n\nc"), collect, &out);
    assert_slice(buf_slice(&out), "<a><b>");
    lines_feed(&lines, SLICE("d\ne"), collect, &out);
    assert_slice(buf_slice(&out), "<a><b><cd>");
    lines_flush(&lines, collect, &out);
    lines_flush(&lines, collect, &out);
    assert_slice(buf_slice(&out), "<a><b><cd><e>");
}

static void a_long_line_comes_in_pieces(void **state)
{
    (void)state;
    AUTO(lines_done) struct lines lines = {0};
    AUTO(buf_done) struct buf out = BUF_INIT;
    char text[LINE_MAX_BYTES + 3];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\n';
    lines_feed(&lines, (struct slice){text, sizeof(text)}, collect, &out);
    assert_int_equal(out.len, LINE_MAX_BYTES + 2 + 2 + 2);
}

static void the_job_is_what_the_sdk_says(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf job = BUF_INIT;
    static const struct slice line =
        SLICE("{\"requestId\": \"a1-u1\", \"message\": \"Started.\", \"level\": \"INFO\"}");
    assert_int_equal(line_read(line, &job), LINE_OF_JOB);
    assert_slice(buf_slice(&job), "a1-u1");
}

static void other_lines_name_none(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf job = BUF_INIT;
    assert_int_equal(line_read(SLICE("{\"requestId\": null, \"message\": \"x\"}"), &job),
                     LINE_OF_NO_JOB);
    assert_int_equal(line_read(SLICE("{\"requestId\": \"a b\"}"), &job), LINE_OF_NO_JOB);
    assert_int_equal(line_read(SLICE("plain"), &job), LINE_PLAIN);
    assert_int_equal(line_read(SLICE("{\"message\": \"x\"}"), &job), LINE_PLAIN);
    assert_int_equal(line_read(SLICE("{\"requestId\": "), &job), LINE_PLAIN);
    assert_int_equal(line_read(SLICE_NONE, &job), LINE_PLAIN);
    assert_int_equal(job.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_where_they_end),
        cmocka_unit_test(a_long_line_comes_in_pieces),
        cmocka_unit_test(the_job_is_what_the_sdk_says),
        cmocka_unit_test(other_lines_name_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
