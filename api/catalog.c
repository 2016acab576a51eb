/* A map of reference-counted documents. */
#include "catalog.h"

#include <stdio.h>

#include "base/log.h"
#include "base/map.h"

#define CATALOG_TTL_MS 10000

/* The map's own hold on an entry. */
struct slot {
    struct map_node node; /* key: the endpoint's id */
    struct catalog_entry *entry;
};

struct catalog {
    struct loop *loop;
    struct store *store;
    struct map slots;
};

struct catalog *catalog_new(struct loop *loop, struct store *store)
{
    struct catalog *catalog = xcalloc(1, sizeof(*catalog));
    catalog->loop = loop;
    catalog->store = store;
    map_init(&catalog->slots);
    return catalog;
}

void catalog_unref(struct catalog_entry *entry)
{
    if (entry != NULL && --entry->refs == 0) {
        endpoint_free(entry->endpoint);
        glance_shared_done(&entry->glances);
        free(entry);
    }
}

static void slot_drop(struct catalog *catalog, struct slot *slot)
{
    map_del(&catalog->slots, &slot->node);
    catalog_unref(slot->entry);
    free(slot);
}

static struct slot *slot_find(struct catalog *catalog, struct slice id)
{
    struct map_node *node = map_get(&catalog->slots, id);
    return node != NULL ? container_of(node, struct slot, node) : NULL;
}

void catalog_forget(struct catalog *catalog, struct slice prefix)
{
    if (prefix.len > 6) { /* "mr:{" id "}:" */
        struct slot *slot = slot_find(catalog, (struct slice){prefix.ptr + 4, prefix.len - 6});
        if (slot != NULL) {
            slot_drop(catalog, slot);
        }
        return;
    }
    struct map_node *node;
    while ((node = map_next(&catalog->slots, NULL)) != NULL) {
        slot_drop(catalog, container_of(node, struct slot, node));
    }
}

void catalog_free(struct catalog *catalog)
{
    if (catalog != NULL) {
        catalog_forget(catalog, SLICE_NONE);
        map_done(&catalog->slots);
        free(catalog);
    }
}

struct catalog_entry *catalog_get(struct catalog *catalog, struct slice id)
{
    struct slot *slot = slot_find(catalog, id);
    if (slot == NULL) {
        return NULL;
    }
    if (loop_now_ms(catalog->loop) - slot->entry->loaded_ms > CATALOG_TTL_MS) {
        slot_drop(catalog, slot);
        return NULL;
    }
    slot->entry->refs++;
    return slot->entry;
}

void catalog_load(struct catalog *catalog, struct slice id, struct store_call *call, store_fn fn)
{
    char key[96];
    int len = snprintf(key, sizeof(key), "mr:{%.*s}:conf", SLICE_ARG(id));
    const struct slice argv[] = {
        SLICE("HMGET"), {key, (size_t)len}, SLICE("doc"), SLICE("version")};
    store_command(catalog->store, call, argv, COUNT_OF(argv), fn);
}

static enum err entry_parse(const struct catalog *catalog, struct slice document,
                            struct catalog_entry **ret_entry)
{
    struct endpoint *endpoint = NULL;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    if (document.len == 0) {
        return ERR_NOT_FOUND;
    }
    if (endpoint_parse(document, &endpoint, &problem) != ERR_OK) {
        log_error("endpoint.broken", "problem=%s", log_quote(buf_slice(&problem)));
        return ERR_STORE_REPLY;
    }
    struct catalog_entry *entry = xcalloc(1, sizeof(*entry));
    *entry = (struct catalog_entry){
        .endpoint = endpoint, .refs = 1, .loaded_ms = loop_now_ms(catalog->loop)};
    *ret_entry = entry;
    return ERR_OK;
}

enum err catalog_loaded(struct catalog *catalog, const struct reply *reply,
                        struct catalog_entry **ret_entry)
{
    struct catalog_entry *entry = NULL;
    enum err err = entry_parse(catalog, reply_slice(reply_at(reply, 0)), &entry);
    if (err != ERR_OK) {
        return err;
    }
    entry->endpoint->version = reply_int(reply_at(reply, 1), 0);
    struct slice id = slice_of(entry->endpoint->id);
    struct slot *old = slot_find(catalog, id);
    if (old != NULL) {
        slot_drop(catalog, old);
    }
    struct slot *slot = xcalloc(1, sizeof(*slot));
    slot->entry = entry;
    entry->refs++;
    map_put(&catalog->slots, &slot->node, id);
    *ret_entry = entry;
    return ERR_OK;
}

void catalog_load_deleted(struct catalog *catalog, struct slice id, struct store_call *call,
                          store_fn fn)
{
    char key[96];
    int len = snprintf(key, sizeof(key), "mr:{%.*s}:left", SLICE_ARG(id));
    const struct slice argv[] = {SLICE("GET"), {key, (size_t)len}};
    store_command(catalog->store, call, argv, COUNT_OF(argv), fn);
}

enum err catalog_loaded_deleted(struct catalog *catalog, const struct reply *reply,
                                struct catalog_entry **ret_entry)
{
    return entry_parse(catalog, reply_slice(reply), ret_entry);
}
