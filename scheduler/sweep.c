/* The sweeper.      page -> publish -> page ... until one is not full
 *
 * Each page is one script call of its endpoint, the next one starts when the answer is in: Redis
 * and this loop serve others in between. An endpoint whose pages are still on their way is left
 * alone by the next round. sweep.lua may run on several nodes at once without harm, so
 * leadership only saves work here.
 *
 * While Redis was away nobody could renew a lease, so each that lapsed is given LEASE_MS more after
 * its return (lead.lua sees the gap, sweep.lua moves the deadlines). A page that was on its way
 * when the connection broke and is sent again at the return finds its term over and ends nothing.
 *
 * Failure: an error ends this endpoint's round; the next round tries again. */
#include "sweep.h"

#include <inttypes.h>

#include "base/log.h"
#include "queue/queue.h"

struct sweep_endpoint {
    struct table_item item;
    struct sweep *sweep; /* NULL until the first page */
    int64_t retries_max;
    struct store_call call;
};

static void on_timer(struct timer *timer);
static void sweep_page(struct sweep_endpoint *endpoint);
static void sweep_answered(struct store_call *call, enum err err, const struct reply *reply);
static void publish_changes(struct sweep_endpoint *endpoint, const struct reply *reply);

static struct table_item *create(void)
{
    struct sweep_endpoint *endpoint = xcalloc(1, sizeof(*endpoint));
    return &endpoint->item;
}

static void destroy(struct table_item *item)
{
    struct sweep_endpoint *endpoint = container_of(item, struct sweep_endpoint, item);
    store_detach(&endpoint->call);
    free(endpoint);
}

void sweep_init(struct sweep *sweep, struct loop *loop, struct store *store, struct bus *bus)
{
    *sweep = (struct sweep){.loop = loop, .store = store, .bus = bus};
    table_init(&sweep->endpoints, create, destroy);
}

void sweep_done(struct sweep *sweep)
{
    timer_stop(&sweep->timer);
    table_done(&sweep->endpoints);
}

static void sweep_begin(struct sweep *sweep, const struct endpoint *conf)
{
    struct table_item *item = table_list(&sweep->endpoints, slice_of(conf->id));
    struct sweep_endpoint *endpoint = container_of(item, struct sweep_endpoint, item);
    endpoint->sweep = sweep;
    endpoint->retries_max = conf->retries;
    if (!store_call_is_waiting(&endpoint->call)) {
        sweep_page(endpoint);
    }
}

void sweep_start(struct sweep *sweep, const struct roster *roster, const struct lease_term *term)
{
    sweep->roster = roster;
    sweep->is_active = true;
    sweep->term = term;
    timer_start(sweep->loop, &sweep->timer, 0, on_timer);
}

static void on_timer(struct timer *timer)
{
    struct sweep *sweep = container_of(timer, struct sweep, timer);
    timer_start(sweep->loop, timer, SWEEP_MS, on_timer);
    if (!store_is_ready(sweep->store)) {
        return;
    }
    table_unlist_all(&sweep->endpoints);
    for (size_t i = 0; i < sweep->roster->endpoints.count; i++) {
        const struct roster_endpoint *endpoint = roster_endpoint_at(sweep->roster, i);
        if (endpoint->conf != NULL) {
            sweep_begin(sweep, endpoint->conf);
        }
    }
    table_drop_unlisted(&sweep->endpoints);
}

static void sweep_page(struct sweep_endpoint *endpoint)
{
    const struct sweep_args args = {SWEEP_PAGE, endpoint->retries_max, *endpoint->sweep->term};
    queue_sweep(endpoint->sweep->store, &endpoint->call, slice_of(endpoint->item.id), &args,
                sweep_answered);
}

static void sweep_answered(struct store_call *call, enum err err, const struct reply *reply)
{
    struct sweep_endpoint *endpoint = container_of(call, struct sweep_endpoint, call);
    if (err != ERR_OK) {
        return;
    }
    publish_changes(endpoint, reply);
    if (endpoint->sweep->is_active && reply_int(reply_at(reply, 0), 0) >= SWEEP_PAGE) {
        sweep_page(endpoint);
    }
}

/* Waiting again or FAILED: its lease has run out; a deadline ends it TIMED_OUT. */
static void count_loss(struct sweep_endpoint *endpoint, enum job_state state)
{
    struct table_item *item =
        table_find(&endpoint->sweep->roster->endpoints, slice_of(endpoint->item.id));
    if (item != NULL && (state == JOB_IN_QUEUE || state == JOB_FAILED)) {
        container_of(item, struct roster_endpoint, item)->lapsed++;
    }
}

static void publish_changes(struct sweep_endpoint *endpoint, const struct reply *reply)
{
    size_t count = queue_change_count(reply, 1);
    for (size_t i = 0; i < count; i++) {
        struct job_change change;
        if (queue_change_at(reply, 1, i, &change) != ERR_OK) {
            continue;
        }
        log_info("job.swept", "endpoint=%s job=%.*s state=%s", endpoint->item.id,
                 SLICE_ARG(change.id), job_state_name(change.state));
        count_loss(endpoint, change.state);
        struct bus_frame frame = {.kind = BUS_LOOK,
                                  .ep = slice_of(endpoint->item.id),
                                  .id = change.id,
                                  .token = change.token};
        if (change.watchers.len > 0) {
            bus_publish(endpoint->sweep->bus, change.watchers, &frame);
        }
    }
}

void sweep_pause(struct sweep *sweep)
{
    timer_stop(&sweep->timer);
    sweep->is_active = false;
}
