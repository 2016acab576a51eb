/* Listening to channels, on a connection of its own because a subscribed one speaks nothing else.
 * After each connect every channel is subscribed again and told of the gap by an empty message. */
#include <hiredis/hiredis.h>

#include "queue/store.h"
#include "queue/store_link.h"

#define FEED_CHANNELS_MAX 16

struct feed {
    struct store_link *link;
    struct loop_hook hook;
    struct loop *loop;
    feed_fn fn;
    void *arg;
    char *channels[FEED_CHANNELS_MAX];
    size_t count;
};

static void feed_subscribe(struct feed *feed, const char *channel)
{
    struct buf command = BUF_INIT;
    (void)buf_printf(&command, "*2\r\n$9\r\nSUBSCRIBE\r\n$%zu\r\n%s\r\n", strlen(channel), channel);
    store_link_send(feed->link, buf_slice(&command));
    buf_done(&command);
}

static void on_turn_end(struct loop_hook *hook)
{
    store_link_flush(container_of(hook, struct feed, hook)->link);
}

static void on_ready(void *arg)
{
    struct feed *feed = arg;
    for (size_t i = 0; i < feed->count; i++) {
        feed_subscribe(feed, feed->channels[i]);
    }
}

static void on_lost(void *arg)
{
    (void)arg; /* the next on_ready tells of the gap */
}

/* {"subscribe", channel, count} or {"message", channel, text} */
static void on_reply(redisReply *reply, void *arg)
{
    struct feed *feed = arg;
    const struct reply *view = (const struct reply *)reply;
    struct slice kind = reply_slice(reply_at(view, 0));
    struct slice channel = reply_slice(reply_at(view, 1));
    if (slice_is(kind, "subscribe")) {
        feed->fn(channel, SLICE_NONE, feed->arg);
    } else if (slice_is(kind, "message")) {
        feed->fn(channel, reply_slice(reply_at(view, 2)), feed->arg);
    }
}

struct feed *feed_new(struct loop *loop, const char *url, feed_fn fn, void *arg)
{
    struct feed *feed = xcalloc(1, sizeof(*feed));
    feed->loop = loop;
    feed->fn = fn;
    feed->arg = arg;
    loop_hook_add(loop, &feed->hook, on_turn_end);
    feed->link =
        store_link_new(loop, url, &(struct store_link_owner){on_ready, on_lost, on_reply, feed});
    return feed;
}

void feed_add(struct feed *feed, const char *channel)
{
    ensure(feed->count < FEED_CHANNELS_MAX);
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
    store_link_close(feed->link);
    loop_hook_remove(feed->loop, &feed->hook);
    for (size_t i = 0; i < feed->count; i++) {
        free(feed->channels[i]);
    }
    free(feed);
}
