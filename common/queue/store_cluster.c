/* Keeps the slot map of a cluster: asks one node after the other for CLUSTER SLOTS.
 *
 * Slowly while all is well, four times a second for some seconds after somebody doubts, each time
 * another node when the answer brought nothing new: the one asked may be cut off itself and
 * believe in an old map. Between two answers single slots are learnt from MOVED (nodes_moved). */
#include <hiredis/hiredis.h>

#include "queue/store_link.h"
#include "queue/store_nodes.h"

#define ASK_MS 10000
#define ASK_SOON_MS 50
#define ASK_AGAIN_MS 250
#define DOUBT_MS 5000
#define SILENCE_MS 2000 /* a node that does not answer for so long: the next one */
#define CONNECT_MS 1000

struct nodes_finder {
    struct nodes *nodes;
    struct store_link *link;
    struct store_address asked; /* where link goes */
    struct timer timer;
    size_t turn;          /* which node is asked */
    uint64_t aimed_ms;    /* since when link goes there */
    uint64_t asked_ms;    /* 0: no question is on its way */
    uint64_t doubt_until; /* 0: none */
    bool is_hurried;
};

static void on_due(struct timer *timer);

static uint64_t now_ms(const struct nodes_finder *finder)
{
    return loop_now_ms(nodes_loop(finder->nodes));
}

static void ask_in(struct nodes_finder *finder, uint64_t delay_ms)
{
    timer_start(nodes_loop(finder->nodes), &finder->timer, delay_ms, on_due);
}

/* The masters known and the nodes of the URL, in a circle. */
static void aim_at_next(struct nodes_finder *finder)
{
    const struct store_url *url = nodes_url(finder->nodes);
    const struct slot_map *map = nodes_map(finder->nodes);
    size_t index = finder->turn++ % (map->count + url->seed_count);
    finder->asked = index < map->count ? map->masters[index] : url->seeds[index - map->count];
    finder->asked_ms = 0;
    finder->aimed_ms = now_ms(finder);
    store_link_aim(finder->link, &finder->asked);
}

static void ask(struct nodes_finder *finder)
{
    bool is_ready = store_link_is_ready(finder->link);
    bool is_silent = finder->asked_ms != 0 && now_ms(finder) - finder->asked_ms > SILENCE_MS;
    if (is_silent || (!is_ready && now_ms(finder) - finder->aimed_ms > CONNECT_MS)) {
        aim_at_next(finder);
    }
    if (finder->asked_ms != 0 || !store_link_is_ready(finder->link)) {
        return;
    }
    finder->asked_ms = now_ms(finder);
    store_link_send(finder->link, SLICE("*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n"));
    store_link_flush(finder->link);
}

static void on_due(struct timer *timer)
{
    struct nodes_finder *finder = container_of(timer, struct nodes_finder, timer);
    bool is_doubted = now_ms(finder) < finder->doubt_until || nodes_count(finder->nodes) == 0;
    finder->is_hurried = false;
    ask(finder);
    ask_in(finder, is_doubted ? ASK_AGAIN_MS : ASK_MS);
}

static void note_problem(struct nodes_finder *finder, const char *why)
{
    AUTO_STR name = store_address_text(&finder->asked);
    nodes_set_problem(finder->nodes, name, why);
}

static void on_reply(redisReply *reply, void *arg)
{
    struct nodes_finder *finder = arg;
    struct slot_map *map = NULL;
    finder->asked_ms = 0;
    if (reply->type == REDIS_REPLY_ERROR) {
        note_problem(finder, reply->str);
    } else if (slot_map_read((const struct reply *)reply, &finder->asked, &map) != ERR_OK) {
        note_problem(finder, "it does not say which node has which slots");
    } else {
        nodes_set(finder->nodes, map);
    }
    if (map == NULL || now_ms(finder) < finder->doubt_until) {
        aim_at_next(finder);
    }
}

static void on_ready(void *arg)
{
    struct nodes_finder *finder = arg;
    if (nodes_count(finder->nodes) == 0 || now_ms(finder) < finder->doubt_until) {
        ask(finder);
    }
}

static void on_lost(void *arg)
{
    struct nodes_finder *finder = arg;
    finder->asked_ms = 0;
}

static void on_failed(void *arg)
{
    struct nodes_finder *finder = arg;
    note_problem(finder, store_link_problem(finder->link));
    aim_at_next(finder);
}

static struct nodes_finder *cluster_start(struct nodes *nodes)
{
    struct nodes_finder *finder = xcalloc(1, sizeof(*finder));
    const struct store_link_config config = {.loop = nodes_loop(nodes),
                                             .url = nodes_url(nodes),
                                             .tls = nodes_tls(nodes),
                                             .peer = LINK_REDIS};
    finder->nodes = nodes;
    finder->link = store_link_new(&config, NULL,
                                  &(struct store_link_owner){.on_ready = on_ready,
                                                             .on_lost = on_lost,
                                                             .on_reply = on_reply,
                                                             .on_failed = on_failed,
                                                             .arg = finder});
    aim_at_next(finder);
    ask_in(finder, ASK_AGAIN_MS);
    return finder;
}

static void cluster_doubt(struct nodes_finder *finder)
{
    finder->doubt_until = now_ms(finder) + DOUBT_MS;
    if (!finder->is_hurried) {
        finder->is_hurried = true;
        ask_in(finder, ASK_SOON_MS);
    }
}

static void cluster_stop(struct nodes_finder *finder)
{
    timer_stop(&finder->timer);
    store_link_close(finder->link);
    free(finder);
}

const struct nodes_finder_ops cluster_ops = {cluster_start, cluster_doubt, cluster_stop};
