/* Hash slots of a Redis Cluster: which slot a key is in, which node has which slots. Pure. */
#ifndef QUEUE_STORE_SLOTS_H
#define QUEUE_STORE_SLOTS_H

#include "queue/store.h"
#include "queue/store_url.h"

#define SLOT_COUNT 16384
#define SLOT_MASTERS_MAX 1000 /* Redis' own advice for the size of a cluster */

struct slot_map {
    struct store_address *masters; /* owned */
    size_t count;
    int16_t owner[SLOT_COUNT]; /* index into masters; -1: nobody serves it */
};

/* CRC16 of what stands between the first '{' and the next '}', else of the whole key. */
int slot_of(struct slice key);
struct slot_map *slot_map_new(void); /* knows nothing */
void slot_map_free(struct slot_map *map);
AUTO_DEFINE(slot_map_free, struct slot_map *)
/* The answer to CLUSTER SLOTS; asked: whom, for nodes that do not know their own address.
 * ERR_STORE_REPLY when it is anything else, or gives no slot to anybody. */
enum err slot_map_read(const struct reply *reply, const struct store_address *asked,
                       struct slot_map **ret_map);
/* The index of the node, added when it is new; -1 when there are too many. */
int slot_map_add(struct slot_map *map, const struct store_address *address);
/* "MOVED 3999 127.0.0.1:6381": ERR_STORE_REPLY when it is not. An empty host is `asked`'s. */
enum err slot_moved_read(const char *text, const struct store_address *asked, int *ret_slot,
                         struct store_address *ret_address);

#endif
