/* Listening to channels, on a connection of its own because a subscribed one speaks nothing else.
 *
 * After each connect every channel is subscribed again and told of the gap by an empty message. The
 * connection follows the master; in a cluster, where the bus between the nodes carries every
 * message to all of them, it goes to any master and stays as long as that one is there. A node that
 * has gone silently is found out by subscribing the first channel once more, which changes nothing
 * and must be answered. */
#include <hiredis/hiredis.h>

#include "base/id.h"
#include "queue/store.h"
#include "queue/store_core.h"
#include "queue/store_link.h"
#include "queue/store_nodes.h"

#define FEED_CHANNELS_MAX 16
#define ALIVE_MS 5000

struct feed {
    struct nodes *nodes;
    struct nodes_watch watch;
    struct store_link *link;
    struct store_address address; /* where link goes */
    struct loop_hook hook;
    struct timer timer; /* asks for a sign of life */
    size_t turn;
    unsigned unheard; /* signs of life asked for and not given */
    bool is_remapped;
    feed_fn fn;
    void *arg;
    char *channels[FEED_CHANNELS_MAX];
    bool is_new[FEED_CHANNELS_MAX]; /* subscribed since the connect, not confirmed yet */
    size_t count;
};

static void feed_subscribe(struct feed *feed, const char *channel)
{
    struct buf command = BUF_INIT;
    (void)buf_printf(&command, "*2\r\n$9\r\nSUBSCRIBE\r\n$%zu\r\n%s\r\n", strlen(channel), channel);
    store_link_send(feed->link, buf_slice(&command));
    buf_done(&command);
}

/* ---- where to ---- */

static bool is_known(const struct feed *feed)
{
    for (size_t i = 0; i < nodes_count(feed->nodes); i++) {
        if (store_address_eq(nodes_at(feed->nodes, i), &feed->address)) {
            return true;
        }
    }
    return false;
}

static void aim(struct feed *feed)
{
    size_t count = nodes_count(feed->nodes);
    if (count > 0) {
        feed->address = *nodes_at(feed->nodes, feed->turn % count);
        store_link_aim(feed->link, &feed->address);
    }
}

static void on_turn_end(struct loop_hook *hook)
{
    struct feed *feed = container_of(hook, struct feed, hook);
    if (feed->is_remapped) {
        feed->is_remapped = false;
        if (!is_known(feed)) {
            aim(feed);
        }
    }
    store_link_flush(feed->link);
}

static void on_nodes_changed(struct nodes_watch *watch)
{
    container_of(watch, struct feed, watch)->is_remapped = true;
}

static void on_failed(void *arg)
{
    struct feed *feed = arg;
    nodes_doubt(feed->nodes);
    feed->turn++;
    aim(feed);
}

/* ---- the connection ---- */

static void on_alive_due(struct timer *timer)
{
    struct feed *feed = container_of(timer, struct feed, timer);
    timer_start(nodes_loop(feed->nodes), timer, ALIVE_MS, on_alive_due);
    if (!store_link_is_ready(feed->link) || feed->count == 0) {
        return;
    }
    if (feed->unheard > 1) {
        store_link_break(feed->link, "Redis does not answer");
        return;
    }
    feed->unheard++;
    feed_subscribe(feed, feed->channels[0]);
}

static void on_ready(void *arg)
{
    struct feed *feed = arg;
    feed->unheard = 0;
    for (size_t i = 0; i < feed->count; i++) {
        feed->is_new[i] = true;
        feed_subscribe(feed, feed->channels[i]);
    }
}

static void on_lost(void *arg)
{
    struct feed *feed = arg;
    nodes_doubt(feed->nodes); /* the next on_ready tells of the gap */
}

static void on_subscribed(struct feed *feed, struct slice channel)
{
    feed->unheard = 0;
    for (size_t i = 0; i < feed->count; i++) {
        if (feed->is_new[i] && slice_is(channel, feed->channels[i])) {
            feed->is_new[i] = false;
            feed->fn(channel, SLICE_NONE, feed->arg);
            return;
        }
    }
}

/* {"subscribe", channel, count} or {"message", channel, text} */
static void on_reply(redisReply *reply, void *arg)
{
    struct feed *feed = arg;
    const struct reply *view = (const struct reply *)reply;
    struct slice kind = reply_slice(reply_at(view, 0));
    struct slice channel = reply_slice(reply_at(view, 1));
    if (slice_is(kind, "subscribe")) {
        on_subscribed(feed, channel);
    } else if (slice_is(kind, "message")) {
        feed->fn(channel, reply_slice(reply_at(view, 2)), feed->arg);
    }
}

/* ---- life ---- */

struct feed *feed_new(struct store *store, feed_fn fn, void *arg)
{
    struct feed *feed = xcalloc(1, sizeof(*feed));
    unsigned char dice;
    id_random(&dice, sizeof(dice));
    feed->nodes = nodes_ref(store_nodes(store));
    feed->turn = dice;
    feed->fn = fn;
    feed->arg = arg;
    struct loop *loop = nodes_loop(feed->nodes);
    const struct store_link_config config = {.loop = loop,
                                             .url = nodes_url(feed->nodes),
                                             .tls = nodes_tls(feed->nodes),
                                             .peer = LINK_REDIS};
    loop_hook_add(loop, &feed->hook, on_turn_end);
    feed->link = store_link_new(&config, NULL,
                                &(struct store_link_owner){.on_ready = on_ready,
                                                           .on_lost = on_lost,
                                                           .on_reply = on_reply,
                                                           .on_failed = on_failed,
                                                           .arg = feed});
    feed->watch.on_change = on_nodes_changed;
    nodes_watch(feed->nodes, &feed->watch);
    aim(feed);
    timer_start(loop, &feed->timer, ALIVE_MS, on_alive_due);
    return feed;
}

void feed_add(struct feed *feed, const char *channel)
{
    ensure(feed->count < FEED_CHANNELS_MAX);
    feed->is_new[feed->count] = true;
    feed->channels[feed->count++] = xstrdup(channel);
    if (store_link_is_ready(feed->link)) {
        feed_subscribe(feed, channel);
    }
}

void feed_close(struct feed *feed)
{
    if (feed == NULL) {
        return;
    }
    timer_stop(&feed->timer);
    store_link_close(feed->link);
    nodes_unwatch(&feed->watch);
    loop_hook_remove(nodes_loop(feed->nodes), &feed->hook);
    nodes_unref(feed->nodes);
    for (size_t i = 0; i < feed->count; i++) {
        free(feed->channels[i]);
    }
    free(feed);
}
