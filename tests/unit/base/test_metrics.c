/* Prometheus text. */
#include "test.h"

#include "base/metrics.h"

static void a_value_has_its_labels(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf out = BUF_INIT;
    metrics_put(&out, "a", METRICS_NO_LABELS, 1.5);
    metrics_put(&out, "b", METRICS_LABELS({"x", SLICE("1")}, {"y", SLICE("2")}), 12345678901);
    assert_slice(buf_slice(&out), "a 1.5\nb{x=\"1\",y=\"2\"} 12345678901\n");
}

static void label_values_are_escaped(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf out = BUF_INIT;
    metrics_put(&out, "a", METRICS_LABELS({"x", SLICE("q\" b\\ n\n")}), 0);
    assert_slice(buf_slice(&out), "a{x=\"q\\\" b\\\\ n\\n\"} 0\n");
}

static void a_name_is_explained(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf out = BUF_INIT;
    metrics_head(&out, "a", "gauge", "What it is.");
    assert_slice(buf_slice(&out), "# HELP a What it is.\n# TYPE a gauge\n");
}

static bool has_line(const struct buf *out, const char *line)
{
    return memmem(out->ptr, out->len, line, strlen(line)) != NULL;
}

static void a_histogram_sums_up(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf out = BUF_INIT;
    struct histogram histogram = {0};
    histogram_observe(&histogram, 0.0005); /* on the bound is within */
    histogram_observe(&histogram, 0.2);
    histogram_observe(&histogram, 100000);
    metrics_put_histogram(&out, "h", METRICS_LABELS({"e", SLICE("x")}), &histogram);
    assert_int_equal(histogram_count(&histogram), 3);
    assert_true(has_line(&out, "h_bucket{e=\"x\",le=\"0.0005\"} 1\n"));
    assert_true(has_line(&out, "h_bucket{e=\"x\",le=\"0.1\"} 1\n"));
    assert_true(has_line(&out, "h_bucket{e=\"x\",le=\"0.25\"} 2\n"));
    assert_true(has_line(&out, "h_bucket{e=\"x\",le=\"600\"} 2\n"));
    assert_true(has_line(&out, "h_bucket{e=\"x\",le=\"+Inf\"} 3\n"));
    assert_true(has_line(&out, "h_count{e=\"x\"} 3\n"));
    assert_true(has_line(&out, "h_sum{e=\"x\"} 100000.2005\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_has_its_labels),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(a_name_is_explained),
        cmocka_unit_test(a_histogram_sums_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
