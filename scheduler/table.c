/* A sorted array of pointers: lookups are a binary search, additions move pointers. The sets are
 * small (endpoints, agents) and change rarely, and each tick walks them all. */
#include "table.h"

void table_init(struct table *table, struct table_item *(*create)(void),
                void (*destroy)(struct table_item *item))
{
    *table = (struct table){.create = create, .destroy = destroy};
}

static void drop(struct table *table, struct table_item *item)
{
    free(steal(item->id));
    table->destroy(item);
}

void table_done(struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        drop(table, table->items[i]);
    }
    free(table->items);
    table->items = NULL;
    table->count = table->cap = 0;
}

static int compare(struct slice a, struct slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter > 0 ? memcmp(a.ptr, b.ptr, shorter) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* The place of the first item whose id is not before this one. */
static size_t lower_bound(const struct table *table, struct slice id)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(slice_of(table->items[middle]->id), id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct table *table, size_t at, struct slice id)
{
    return at < table->count && slice_eq(slice_of(table->items[at]->id), id);
}

size_t table_index(const struct table *table, struct slice id)
{
    size_t at = lower_bound(table, id);
    return is_at(table, at, id) ? at : table->count;
}

struct table_item *table_find(const struct table *table, struct slice id)
{
    size_t at = table_index(table, id);
    return at < table->count ? table->items[at] : NULL;
}

static void insert(struct table *table, size_t at, struct table_item *item)
{
    if (table->count == table->cap) {
        table->cap = table->cap ? table->cap * 2 : 16;
        table->items = xrealloc(table->items, table->cap * sizeof(*table->items));
    }
    memmove(table->items + at + 1, table->items + at, (table->count - at) * sizeof(*table->items));
    table->items[at] = item;
    table->count++;
}

struct table_item *table_list(struct table *table, struct slice id)
{
    size_t at = lower_bound(table, id);
    if (!is_at(table, at, id)) {
        struct table_item *item = table->create();
        item->id = slice_dup(id);
        insert(table, at, item);
    }
    table->items[at]->is_listed = true;
    return table->items[at];
}

void table_unlist_all(struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        table->items[i]->is_listed = false;
    }
}

void table_drop_unlisted(struct table *table)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct table_item *item = table->items[i];
        if (item->is_listed) {
            table->items[kept++] = item;
        } else {
            drop(table, item);
        }
    }
    table->count = kept;
}

void table_remove(struct table *table, struct slice id)
{
    size_t at = table_index(table, id);
    if (at < table->count) {
        drop(table, table->items[at]);
        table->count--;
        memmove(table->items + at, table->items + at + 1,
                (table->count - at) * sizeof(*table->items));
    }
}
