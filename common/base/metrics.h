/* Prometheus text. Counters and gauges are the owner's plain numbers; histograms count seconds over
 * one fixed scale, so that all of them can be compared and summed.
 *
 *   metrics_head(out, "millrace_jobs", "gauge", "Jobs that wait.");
 *   metrics_put(out, "millrace_jobs", METRICS_LABELS({"endpoint", ep}, {"class", "low"}), 7);
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/buf.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define HISTOGRAM_BOUNDS 20 /* 0.5 ms to 600 s */

struct metrics_label {
    const char *name;
    struct slice value;
};
struct metrics_labels {
    const struct metrics_label *items;
    size_t count;
};
#define METRICS_LABELS(...)                                               \
    ((struct metrics_labels){(const struct metrics_label[]){__VA_ARGS__}, \
                             COUNT_OF(((const struct metrics_label[]){__VA_ARGS__}))})
#define METRICS_NO_LABELS ((struct metrics_labels){NULL, 0})

/* type: "counter", "gauge" or "histogram"; once for each name, before its values. */
void metrics_head(struct buf *out, const char *name, const char *type, const char *help);
void metrics_put(struct buf *out, const char *name, struct metrics_labels labels, double value);

/* Zeroed memory is an empty histogram. */
struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* of each step, not summed up */
    double sum;
};
void histogram_observe(struct histogram *histogram, double seconds);
uint64_t histogram_count(const struct histogram *histogram);
void metrics_put_histogram(struct buf *out, const char *name, struct metrics_labels labels,
                           const struct histogram *histogram);

#endif
