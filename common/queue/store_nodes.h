/* Which Redis are masters now, and which of them has a hash slot: shared by all connections of a
 * program to the same URL. Private to store*.c.
 *
 * A single Redis never changes. Behind sentinels there is one master, what most of them say it is
 * (store_sentinel.c); a cluster has several (store_cluster.c). Whoever meets something that does
 * not fit what is known here - a broken connection, a redirection, a replica - says so by
 * nodes_doubt(), and the answer comes, if there is one, as a change. */
#ifndef QUEUE_STORE_NODES_H
#define QUEUE_STORE_NODES_H

#include "base/list.h"
#include "net/loop.h"
#include "queue/store_slots.h"

struct nodes;
struct nodes_finder; /* sentinel or cluster */
struct store_tls;

/* Called when something changed, from inside anything: note it, act at the end of the turn. */
struct nodes_watch {
    void (*on_change)(struct nodes_watch *watch);
    /* private */
    struct list link;
};

struct nodes *nodes_new(struct loop *loop, const char *url); /* the URL must be valid */
struct nodes *nodes_ref(struct nodes *nodes);
void nodes_unref(struct nodes *nodes); /* accepts NULL */
void nodes_watch(struct nodes *nodes, struct nodes_watch *watch);
void nodes_unwatch(struct nodes_watch *watch);

struct loop *nodes_loop(const struct nodes *nodes);
const struct store_url *nodes_url(const struct nodes *nodes);
const struct store_tls *nodes_tls(const struct nodes *nodes);
size_t nodes_count(const struct nodes *nodes); /* 0: not known yet */
const struct store_address *nodes_at(const struct nodes *nodes, size_t index);
/* The slot of a key; 0 for every key where there is no cluster. */
int nodes_slot(const struct nodes *nodes, struct slice key);
const struct store_address *nodes_of_slot(const struct nodes *nodes, int slot); /* NULL: nobody */
const char *nodes_problem(const struct nodes *nodes); /* why they are not known */

void nodes_doubt(struct nodes *nodes);
void nodes_moved(struct nodes *nodes, int slot, const struct store_address *address);

/* ---- for finders ---- */

struct nodes_finder_ops {
    struct nodes_finder *(*start)(struct nodes *nodes);
    void (*doubt)(struct nodes_finder *finder);
    void (*stop)(struct nodes_finder *finder);
};
extern const struct nodes_finder_ops sentinel_ops, cluster_ops;

/* What is known from now on. Takes map. */
void nodes_set(struct nodes *nodes, struct slot_map *map);
const struct slot_map *nodes_map(const struct nodes *nodes);
void nodes_set_problem(struct nodes *nodes, const char *who, const char *why);

#endif
