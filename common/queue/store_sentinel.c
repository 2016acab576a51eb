/* Asks the sentinels who the master is.
 *
 * Every sentinel of the URL is asked each second, and soon after somebody doubts. Of the answers of
 * the last seconds the one with the largest configuration epoch counts: a sentinel that was cut off
 * together with an old master still names that one, with an older epoch. So a client that reaches
 * any sentinel of the majority leaves a demoted master within about a second, also when that one
 * still answers. Whether the node is a master indeed is for each connection to ask (LINK_MASTER).
 * When no sentinel answers the master known last stays: it may well be fine. */
#include <hiredis/hiredis.h>

#include "queue/store_link.h"
#include "queue/store_nodes.h"

#define ASK_MS 1000
#define ASK_SOON_MS 100
#define SILENCE_MS 3000 /* a sentinel that does not answer for so long is left */
#define BELIEVE_MS 5000

struct sentinel {
    struct nodes_finder *finder;
    struct store_link *link;
    char *name;
    uint64_t asked_ms;    /* 0: no question is on its way */
    uint64_t answered_ms; /* 0: never */
    int64_t epoch;
    struct store_address master;
};

struct nodes_finder {
    struct nodes *nodes;
    struct timer timer;
    bool is_hurried;
    struct sentinel *sentinels;
    size_t count;
};

static void on_due(struct timer *timer);

static void ask(struct sentinel *sentinel)
{
    struct loop *loop = nodes_loop(sentinel->finder->nodes);
    const char *master = nodes_url(sentinel->finder->nodes)->master;
    if (sentinel->asked_ms != 0 && loop_now_ms(loop) - sentinel->asked_ms > SILENCE_MS) {
        store_link_break(sentinel->link, "the sentinel does not answer");
    }
    if (sentinel->asked_ms != 0 || !store_link_is_ready(sentinel->link)) {
        return;
    }
    AUTO(buf_done) struct buf command = BUF_INIT;
    (void)buf_printf(&command, "*3\r\n$8\r\nSENTINEL\r\n$6\r\nMASTER\r\n$%zu\r\n%s\r\n",
                     strlen(master), master);
    sentinel->asked_ms = loop_now_ms(loop);
    store_link_send(sentinel->link, buf_slice(&command));
    store_link_flush(sentinel->link);
}

static void on_due(struct timer *timer)
{
    struct nodes_finder *finder = container_of(timer, struct nodes_finder, timer);
    finder->is_hurried = false;
    for (size_t i = 0; i < finder->count; i++) {
        ask(&finder->sentinels[i]);
    }
    timer_start(nodes_loop(finder->nodes), timer, ASK_MS, on_due);
}

/* The freshest view of those that answered lately. */
static void decide(struct nodes_finder *finder)
{
    uint64_t now_ms = loop_now_ms(nodes_loop(finder->nodes));
    const struct sentinel *best = NULL;
    for (size_t i = 0; i < finder->count; i++) {
        const struct sentinel *one = &finder->sentinels[i];
        bool is_fresh = one->answered_ms != 0 && now_ms - one->answered_ms <= BELIEVE_MS;
        if (is_fresh && (best == NULL || one->epoch > best->epoch)) {
            best = one;
        }
    }
    if (best != NULL) {
        struct slot_map *map = slot_map_new();
        (void)slot_map_add(map, &best->master);
        memset(map->owner, 0, sizeof(map->owner));
        nodes_set(finder->nodes, map);
    }
}

/* {"name", name, "ip", ip, "port", port, ..., "config-epoch", number, ...} */
static bool take_answer(struct sentinel *sentinel, const struct reply *reply)
{
    struct slice host = SLICE_NONE;
    int64_t port = 0, epoch = -1;
    for (size_t i = 0; i + 1 < reply_count(reply); i += 2) {
        struct slice name = reply_slice(reply_at(reply, i));
        const struct reply *value = reply_at(reply, i + 1);
        if (slice_is(name, "ip")) {
            host = reply_slice(value);
        } else if (slice_is(name, "port")) {
            port = reply_int(value, 0);
        } else if (slice_is(name, "config-epoch")) {
            epoch = reply_int(value, -1);
        }
    }
    if (host.len == 0 || host.len >= STORE_HOST_SIZE || port < 1 || port > 65535 || epoch < 0) {
        return false;
    }
    sentinel->master = (struct store_address){.port = (int)port};
    memcpy(sentinel->master.host, host.ptr, host.len);
    sentinel->epoch = epoch;
    return true;
}

static void on_reply(redisReply *reply, void *arg)
{
    struct sentinel *sentinel = arg;
    struct nodes_finder *finder = sentinel->finder;
    sentinel->asked_ms = 0;
    if (reply->type == REDIS_REPLY_ERROR) {
        nodes_set_problem(finder->nodes, sentinel->name, reply->str);
    } else if (!take_answer(sentinel, (const struct reply *)reply)) {
        nodes_set_problem(finder->nodes, sentinel->name, "it does not answer as a sentinel does");
    } else {
        sentinel->answered_ms = loop_now_ms(nodes_loop(finder->nodes));
        decide(finder);
    }
}

static void on_ready(void *arg)
{
    ask(arg);
}

static void on_lost(void *arg)
{
    struct sentinel *sentinel = arg;
    sentinel->asked_ms = 0;
}

static void on_failed(void *arg)
{
    struct sentinel *sentinel = arg;
    nodes_set_problem(sentinel->finder->nodes, sentinel->name, store_link_problem(sentinel->link));
}

static struct nodes_finder *sentinel_start(struct nodes *nodes)
{
    const struct store_url *url = nodes_url(nodes);
    struct nodes_finder *finder = xcalloc(1, sizeof(*finder));
    finder->nodes = nodes;
    finder->count = url->seed_count;
    finder->sentinels = xcalloc(url->seed_count, sizeof(*finder->sentinels));
    const struct store_link_config config = {
        .loop = nodes_loop(nodes), .url = url, .tls = nodes_tls(nodes), .peer = LINK_SENTINEL};
    for (size_t i = 0; i < finder->count; i++) {
        struct sentinel *one = &finder->sentinels[i];
        AUTO_STR address = store_address_text(&url->seeds[i]);
        one->finder = finder;
        one->name = xasprintf("sentinel %s", address);
        one->link = store_link_new(&config, &url->seeds[i],
                                   &(struct store_link_owner){.on_ready = on_ready,
                                                              .on_lost = on_lost,
                                                              .on_reply = on_reply,
                                                              .on_failed = on_failed,
                                                              .arg = one});
    }
    timer_start(nodes_loop(nodes), &finder->timer, ASK_MS, on_due);
    return finder;
}

static void sentinel_doubt(struct nodes_finder *finder)
{
    if (!finder->is_hurried) {
        finder->is_hurried = true;
        timer_start(nodes_loop(finder->nodes), &finder->timer, ASK_SOON_MS, on_due);
    }
}

static void sentinel_stop(struct nodes_finder *finder)
{
    timer_stop(&finder->timer);
    for (size_t i = 0; i < finder->count; i++) {
        store_link_close(finder->sentinels[i].link);
        free(finder->sentinels[i].name);
    }
    free(finder->sentinels);
    free(finder);
}

const struct nodes_finder_ops sentinel_ops = {sentinel_start, sentinel_doubt, sentinel_stop};
