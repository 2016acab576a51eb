/* Objects by id, sorted by it, so that every walk has the same order in every process. Objects
 * embed struct table_item and stay where they are in memory while others come and go.
 *
 * A table follows a list read elsewhere: table_unlist_all, table_list for each id read, then
 * table_drop_unlisted. */
#ifndef SCHEDULER_TABLE_H
#define SCHEDULER_TABLE_H

#include "base/slice.h"

struct table_item {
    char *id; /* owned */
    bool is_listed;
};

struct table {
    struct table_item **items; /* owned */
    size_t count;
    /* private */
    size_t cap;
    struct table_item *(*create)(void);
    void (*destroy)(struct table_item *item); /* all but the id */
};

void table_init(struct table *table, struct table_item *(*create)(void),
                void (*destroy)(struct table_item *item));
void table_done(struct table *table);
struct table_item *table_find(const struct table *table, struct slice id); /* NULL when absent */
size_t table_index(const struct table *table, struct slice id); /* table->count when absent */
/* Finds or creates it; listed from now on. */
struct table_item *table_list(struct table *table, struct slice id);
void table_unlist_all(struct table *table);
void table_drop_unlisted(struct table *table);
void table_remove(struct table *table, struct slice id); /* harmless when absent */

#endif
