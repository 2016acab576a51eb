/* A row for each route that has been asked for, found by the address of its pattern; the routes are
 * few and the busy ones come first. Streams and waits count with the time until their end. */
#include "meter.h"

#include <stdio.h>

#include "base/list.h"
#include "base/metrics.h"

#define STATUSES_MAX 16 /* of one route; further ones count as the last */

struct row {
    struct list link;
    const char *route;
    struct {
        int status;
        uint64_t count;
    } statuses[STATUSES_MAX];
    struct histogram seconds;
};

struct meter {
    struct list rows; /* row.link */
};

struct meter *meter_new(void)
{
    struct meter *meter = xcalloc(1, sizeof(*meter));
    list_init(&meter->rows);
    return meter;
}

void meter_free(struct meter *meter)
{
    if (meter == NULL) {
        return;
    }
    struct list *link;
    while ((link = list_pop(&meter->rows)) != NULL) {
        free(container_of(link, struct row, link));
    }
    free(meter);
}

static struct row *row_of(struct meter *meter, const char *route)
{
    list_each (at, &meter->rows) {
        struct row *row = container_of(at, struct row, link);
        if (row->route == route) {
            return row;
        }
    }
    struct row *row = xcalloc(1, sizeof(*row));
    row->route = route;
    list_push(&meter->rows, &row->link);
    return row;
}

void meter_count(struct meter *meter, const char *route, int status, double seconds)
{
    struct row *row = row_of(meter, route);
    size_t i = 0;
    while (i < STATUSES_MAX - 1 && row->statuses[i].count > 0 &&
           row->statuses[i].status != status) {
        i++;
    }
    row->statuses[i].status = status;
    row->statuses[i].count++;
    histogram_observe(&row->seconds, seconds);
}

static void put_statuses(const struct row *row, struct buf *out)
{
    for (size_t i = 0; i < STATUSES_MAX && row->statuses[i].count > 0; i++) {
        char status[16];
        bool is_relayed = row->statuses[i].status == METER_RELAYED;
        (void)snprintf(status, sizeof(status), "%d", row->statuses[i].status);
        metrics_put(out, "millrace_http_requests_total",
                    METRICS_LABELS({"route", slice_of(row->route)},
                                   {"status", is_relayed ? SLICE("relayed") : slice_of(status)}),
                    (double)row->statuses[i].count);
    }
}

void meter_put(const struct meter *meter, struct buf *out)
{
    metrics_head(out, "millrace_http_requests_total", "counter",
                 "Requests by route and status; 499: the client hung up first.");
    list_each (at, &meter->rows) {
        put_statuses(container_of(at, struct row, link), out);
    }
    metrics_head(out, "millrace_http_request_seconds", "histogram",
                 "From the head of a request to the end of its answer.");
    list_each (at, &meter->rows) {
        const struct row *row = container_of(at, struct row, link);
        metrics_put_histogram(out, "millrace_http_request_seconds",
                              METRICS_LABELS({"route", slice_of(row->route)}), &row->seconds);
    }
}
