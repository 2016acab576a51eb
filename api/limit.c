/* Counters of requests in flight by group, key and endpoint, and the number of living nodes. */
#include "limit.h"

#include <stdio.h>

#include "base/map.h"

#define ATTEND_MS 5000
#define SILENCE_MS 15000

/* All flights of one bucket. */
struct flights {
    struct map_node node;
    int64_t count;
    char bucket[160];
};

struct limits {
    struct loop *loop;
    struct store *store;
    struct slice node_id;
    struct map buckets;
    struct store_call call;
    struct timer timer;
    int64_t node_count;
};

static void on_attend(struct timer *timer);

static void on_attended(struct store_call *call, enum err err, const struct reply *reply)
{
    struct limits *limits = container_of(call, struct limits, call);
    int64_t count = err == ERR_OK ? reply_int(reply, 1) : limits->node_count;
    limits->node_count = count > 0 ? count : 1;
    timer_start(limits->loop, &limits->timer, ATTEND_MS, on_attend);
}

static void on_attend(struct timer *timer)
{
    struct limits *limits = container_of(timer, struct limits, timer);
    queue_attend(limits->store, &limits->call, limits->node_id, SILENCE_MS, on_attended);
}

struct limits *limits_new(struct loop *loop, struct store *store, struct slice node_id)
{
    struct limits *limits = xcalloc(1, sizeof(*limits));
    limits->loop = loop;
    limits->store = store;
    limits->node_id = node_id;
    limits->node_count = 1;
    map_init(&limits->buckets);
    timer_start(loop, &limits->timer, 0, on_attend);
    return limits;
}

void limits_free(struct limits *limits)
{
    if (limits != NULL) {
        timer_stop(&limits->timer);
        store_detach(&limits->call);
        ensure(limits->buckets.count == 0);
        map_done(&limits->buckets);
        free(limits);
    }
}

static struct flights *flights_get(struct limits *limits, const char *bucket)
{
    struct map_node *node = map_get(&limits->buckets, slice_of(bucket));
    if (node != NULL) {
        return container_of(node, struct flights, node);
    }
    struct flights *flights = xcalloc(1, sizeof(*flights));
    (void)snprintf(flights->bucket, sizeof(flights->bucket), "%s", bucket);
    map_put(&limits->buckets, &flights->node, slice_of(flights->bucket));
    return flights;
}

static void flights_drop(struct limits *limits, struct flights *flights)
{
    if (flights->count == 0) {
        map_del(&limits->buckets, &flights->node);
        free(flights);
    }
}

bool flight_enter(struct limits *limits, struct flight *flight, const struct endpoint *endpoint,
                  enum limit_group group, struct slice key_tag)
{
    ensure(flight->flights == NULL);
    if (group == LIMIT_NONE) {
        return true;
    }
    (void)snprintf(flight->bucket, sizeof(flight->bucket), "%s:%.*s:%s", limit_group_name(group),
                   SLICE_ARG(key_tag), endpoint->id);
    int64_t limit = endpoint->limits[group].concurrent;
    if (limit == 0) {
        return true;
    }
    struct flights *flights = flights_get(limits, flight->bucket);
    int64_t share = (limit + limits->node_count - 1) / limits->node_count;
    if (flights->count >= share) {
        flights_drop(limits, flights);
        return false;
    }
    flights->count++;
    flight->limits = limits;
    flight->flights = flights;
    return true;
}

void flight_leave(struct flight *flight)
{
    struct flights *flights = flight->flights;
    if (flights != NULL) {
        flight->flights = NULL;
        flights->count--;
        flights_drop(flight->limits, flights);
    }
}

struct rate flight_rate(const struct flight *flight, const struct endpoint *endpoint,
                        enum limit_group group)
{
    if (group == LIMIT_NONE || endpoint->limits[group].per_10s == 0) {
        return *RATE_NONE;
    }
    return (struct rate){slice_of(flight->bucket), endpoint->limits[group].per_10s};
}
