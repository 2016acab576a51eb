/* Chained hash map, doubled at load factor one. */
#include "base/map.h"

#include "base/id.h"

static uint64_t seed;

static uint64_t hash_of(struct slice key)
{
    uint64_t hash = seed ^ 0xcbf29ce484222325u;
    for (size_t i = 0; i < key.len; i++) {
        hash = (hash ^ (unsigned char)key.ptr[i]) * 0x100000001b3u;
    }
    return hash ^ (hash >> 29);
}

void map_init(struct map *map)
{
    if (seed == 0) {
        id_random(&seed, sizeof(seed));
        seed |= 1;
    }
    *map = (struct map){.slot_count = 16};
    map->slots = xcalloc(map->slot_count, sizeof(*map->slots));
}

void map_done(struct map *map)
{
    free(map->slots);
    *map = (struct map){0};
}

struct map_node *map_get(const struct map *map, struct slice key)
{
    if (map->count == 0) {
        return NULL;
    }
    uint64_t hash = hash_of(key);
    struct map_node *node = map->slots[hash & (map->slot_count - 1)];
    while (node != NULL && !(node->hash == hash && slice_eq(node->key, key))) {
        node = node->next;
    }
    return node;
}

static void map_grow(struct map *map)
{
    size_t count = map->slot_count * 2;
    struct map_node **slots = xcalloc(count, sizeof(*slots));
    for (size_t i = 0; i < map->slot_count; i++) {
        struct map_node *node = map->slots[i];
        while (node != NULL) {
            struct map_node *next = node->next;
            struct map_node **slot = &slots[node->hash & (count - 1)];
            node->next = *slot;
            *slot = node;
            node = next;
        }
    }
    free(map->slots);
    map->slots = slots;
    map->slot_count = count;
}

void map_put(struct map *map, struct map_node *node, struct slice key)
{
    ensure(map_get(map, key) == NULL);
    if (map->count >= map->slot_count) {
        map_grow(map);
    }
    node->key = key;
    node->hash = hash_of(key);
    struct map_node **slot = &map->slots[node->hash & (map->slot_count - 1)];
    node->next = *slot;
    *slot = node;
    map->count++;
}

void map_del(struct map *map, struct map_node *node)
{
    struct map_node **at = &map->slots[node->hash & (map->slot_count - 1)];
    while (*at != NULL && *at != node) {
        at = &(*at)->next;
    }
    ensure(*at == node);
    *at = node->next;
    node->next = NULL;
    map->count--;
}

struct map_node *map_next(const struct map *map, const struct map_node *after)
{
    size_t i = 0;
    if (after != NULL) {
        if (after->next != NULL) {
            return after->next;
        }
        i = (after->hash & (map->slot_count - 1)) + 1;
    }
    for (; i < map->slot_count; i++) {
        if (map->slots[i] != NULL) {
            return map->slots[i];
        }
    }
    return NULL;
}
