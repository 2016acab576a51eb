/* What the parts of the store offer each other. Private to store*.c. */
#ifndef QUEUE_STORE_CORE_H
#define QUEUE_STORE_CORE_H

#include "queue/store.h"

/* The master nodes known now; their numbers hold until control returns to the loop. */
size_t store_node_count(const struct store *store);
const char *store_node_name(const struct store *store, size_t index); /* "host:port" or a path */
/* As store_command(), to that node whatever the key. */
void store_command_at(struct store *store, size_t index, struct store_call *call,
                      const struct slice *args, size_t count, store_fn fn);

#endif
