/* The text format needs no library: a line for each value. Label values are escaped as the format
 * says, whatever ids hold. */
#include "base/metrics.h"

#include <stdio.h>

static const double bounds[HISTOGRAM_BOUNDS] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                0.1,    0.25,  0.5,    1,     2.5,  5,     10,
                                                15,     30,    60,     120,   300,  600};

void metrics_head(struct buf *out, const char *name, const char *type, const char *help)
{
    (void)buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_escaped(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n') {
            (void)buf_put_str(out, "\\n");
            continue;
        }
        if (c == '"' || c == '\\') {
            (void)buf_put_char(out, '\\');
        }
        (void)buf_put_char(out, c);
    }
}

/* more: one further label, or NULL. */
static void put_line(struct buf *out, const char *name, struct metrics_labels labels,
                     const struct metrics_label *more, double value)
{
    (void)buf_put_str(out, name);
    char before = '{';
    for (size_t i = 0; i < labels.count + (more != NULL); i++) {
        const struct metrics_label *label = i < labels.count ? &labels.items[i] : more;
        (void)buf_printf(out, "%c%s=\"", before, label->name);
        put_escaped(out, label->value);
        (void)buf_put_char(out, '"');
        before = ',';
    }
    (void)buf_printf(out, "%s %.15g\n", before == ',' ? "}" : "", value);
}

void metrics_put(struct buf *out, const char *name, struct metrics_labels labels, double value)
{
    put_line(out, name, labels, NULL, value);
}

void histogram_observe(struct histogram *histogram, double seconds)
{
    size_t step = 0;
    while (step < HISTOGRAM_BOUNDS && seconds > bounds[step]) {
        step++;
    }
    histogram->counts[step]++;
    histogram->sum += seconds > 0 ? seconds : 0;
}

uint64_t histogram_count(const struct histogram *histogram)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        count += histogram->counts[i];
    }
    return count;
}

void metrics_put_histogram(struct buf *out, const char *name, struct metrics_labels labels,
                           const struct histogram *histogram)
{
    AUTO_STR bucket = xasprintf("%s_bucket", name);
    AUTO_STR sum = xasprintf("%s_sum", name);
    AUTO_STR count = xasprintf("%s_count", name);
    uint64_t below = 0;
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "%g", i < HISTOGRAM_BOUNDS ? bounds[i] : 0);
        below += histogram->counts[i];
        const struct metrics_label le = {"le",
                                         i < HISTOGRAM_BOUNDS ? slice_of(text) : SLICE("+Inf")};
        put_line(out, bucket, labels, &le, (double)below);
    }
    put_line(out, sum, labels, NULL, histogram->sum);
    put_line(out, count, labels, NULL, (double)below);
}
