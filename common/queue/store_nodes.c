/* The map, its watchers, and who keeps it true. */
#include "queue/store_nodes.h"

#include <stdio.h>

#include "base/log.h"
#include "queue/store_tls.h"

struct nodes {
    struct loop *loop;
    unsigned refs;
    struct store_url url;
    struct store_tls *tls;
    struct slot_map *map;
    struct list watches;                /* nodes_watch.link */
    const struct nodes_finder_ops *ops; /* NULL for a single Redis */
    struct nodes_finder *finder;
    char problem[400];
};

struct nodes *nodes_new(struct loop *loop, const char *url)
{
    struct nodes *nodes = xcalloc(1, sizeof(*nodes));
    AUTO(buf_done) struct buf problem = BUF_INIT;
    ensure(store_url_parse(url, &nodes->url, &problem) == ERR_OK);
    nodes->loop = loop;
    nodes->refs = 1;
    nodes->map = slot_map_new();
    list_init(&nodes->watches);
    (void)snprintf(nodes->problem, sizeof(nodes->problem), "not connected yet");
    if (nodes->url.is_tls && store_tls_new(&nodes->url, &nodes->tls, &problem) != ERR_OK) {
        /* store_check_url() was content a moment ago: a file has gone since */
        (void)buf_put_char(&problem, '\0');
        nodes_set_problem(nodes, "TLS", problem.ptr);
        return nodes;
    }
    if (nodes->url.kind == STORE_SINGLE) {
        (void)slot_map_add(nodes->map, &nodes->url.seeds[0]);
        memset(nodes->map->owner, 0, sizeof(nodes->map->owner));
        return nodes;
    }
    nodes->ops = nodes->url.kind == STORE_SENTINEL ? &sentinel_ops : &cluster_ops;
    nodes->finder = nodes->ops->start(nodes);
    return nodes;
}

struct nodes *nodes_ref(struct nodes *nodes)
{
    nodes->refs++;
    return nodes;
}

void nodes_unref(struct nodes *nodes)
{
    if (nodes == NULL || --nodes->refs > 0) {
        return;
    }
    ensure(list_is_empty(&nodes->watches));
    if (nodes->ops != NULL) {
        nodes->ops->stop(nodes->finder);
    }
    slot_map_free(nodes->map);
    store_tls_free(nodes->tls);
    store_url_done(&nodes->url);
    free(nodes);
}

void nodes_watch(struct nodes *nodes, struct nodes_watch *watch)
{
    list_push(&nodes->watches, &watch->link);
}

void nodes_unwatch(struct nodes_watch *watch)
{
    list_unlink(&watch->link);
}

struct loop *nodes_loop(const struct nodes *nodes)
{
    return nodes->loop;
}

const struct store_url *nodes_url(const struct nodes *nodes)
{
    return &nodes->url;
}

const struct store_tls *nodes_tls(const struct nodes *nodes)
{
    return nodes->tls;
}

size_t nodes_count(const struct nodes *nodes)
{
    return nodes->map->count;
}

const struct store_address *nodes_at(const struct nodes *nodes, size_t index)
{
    ensure(index < nodes->map->count);
    return &nodes->map->masters[index];
}

int nodes_slot(const struct nodes *nodes, struct slice key)
{
    return nodes->url.kind == STORE_CLUSTER ? slot_of(key) : 0;
}

const struct store_address *nodes_of_slot(const struct nodes *nodes, int slot)
{
    int owner = nodes->map->owner[slot];
    return owner >= 0 ? &nodes->map->masters[owner] : NULL;
}

const char *nodes_problem(const struct nodes *nodes)
{
    return nodes->problem;
}

void nodes_doubt(struct nodes *nodes)
{
    if (nodes->ops != NULL) {
        nodes->ops->doubt(nodes->finder);
    }
}

static void tell(struct nodes *nodes)
{
    list_each (at, &nodes->watches) {
        struct nodes_watch *watch = container_of(at, struct nodes_watch, link);
        watch->on_change(watch);
    }
}

void nodes_moved(struct nodes *nodes, int slot, const struct store_address *address)
{
    const struct store_address *known = nodes_of_slot(nodes, slot);
    if (known != NULL && store_address_eq(known, address)) {
        return;
    }
    nodes->map->owner[slot] = (int16_t)slot_map_add(nodes->map, address);
    tell(nodes);
}

static bool is_same(const struct slot_map *a, const struct slot_map *b)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        const struct store_address *one = a->owner[i] >= 0 ? &a->masters[a->owner[i]] : NULL;
        const struct store_address *two = b->owner[i] >= 0 ? &b->masters[b->owner[i]] : NULL;
        if ((one == NULL) != (two == NULL) || (one != NULL && !store_address_eq(one, two))) {
            return false;
        }
    }
    return a->count == b->count;
}

void nodes_set(struct nodes *nodes, struct slot_map *map)
{
    bool is_change = !is_same(nodes->map, map);
    slot_map_free(nodes->map);
    nodes->map = map;
    if (is_change) {
        log_debug("store.nodes", "masters=%zu", map->count);
        tell(nodes);
    }
}

const struct slot_map *nodes_map(const struct nodes *nodes)
{
    return nodes->map;
}

void nodes_set_problem(struct nodes *nodes, const char *who, const char *why)
{
    (void)snprintf(nodes->problem, sizeof(nodes->problem), "%s: %s", who, why);
}
