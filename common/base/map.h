/* Intrusive hash map from byte strings to members. The member embeds struct map_node and owns the
 * key's bytes, which must not change while it is in the map. Keys are unique. SipHash-free FNV with
 * a random seed: enough against guessed collisions of ids that clients choose. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/slice.h"

struct map_node {
    struct slice key;
    /* private */
    uint64_t hash;
    struct map_node *next;
};

struct map {
    size_t count;
    /* private */
    struct map_node **slots;
    size_t slot_count;
};

void map_init(struct map *map);
void map_done(struct map *map); /* members are the caller's: empty it first or own them elsewhere */
struct map_node *map_get(const struct map *map, struct slice key);      /* NULL when absent */
void map_put(struct map *map, struct map_node *node, struct slice key); /* key must be absent */
void map_del(struct map *map, struct map_node *node);                   /* must be inside */
/* Iteration in no order: first NULL, then the last one returned; NULL at the end. The map must not
 * grow meanwhile; to remove while walking, fetch the next one before. */
struct map_node *map_next(const struct map *map, const struct map_node *after);

#endif
