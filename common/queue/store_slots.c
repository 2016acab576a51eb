/* Everything that comes from a node is checked: a cluster half configured, or something that is no
 * Redis, must give an error and not a wild index. */
#include "queue/store_slots.h"

/* CRC16 XMODEM, four bits at a time: short texts, and no table of 256 entries in the cache. */
static unsigned crc16(struct slice text)
{
    static const uint16_t nibble[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5,
                                        0x60c6, 0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b,
                                        0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    unsigned crc = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned byte = (unsigned char)text.ptr[i];
        crc = ((crc << 4) ^ nibble[((crc >> 12) ^ (byte >> 4)) & 15]) & 0xffff;
        crc = ((crc << 4) ^ nibble[((crc >> 12) ^ byte) & 15]) & 0xffff;
    }
    return crc;
}

int slot_of(struct slice key)
{
    struct slice rest = key;
    (void)slice_cut(&rest, '{');
    const char *end = rest.len > 0 ? memchr(rest.ptr, '}', rest.len) : NULL;
    if (end != NULL && end > rest.ptr) {
        key = (struct slice){rest.ptr, (size_t)(end - rest.ptr)};
    }
    return (int)(crc16(key) % SLOT_COUNT);
}

struct slot_map *slot_map_new(void)
{
    struct slot_map *map = xcalloc(1, sizeof(*map));
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        map->owner[i] = -1;
    }
    return map;
}

void slot_map_free(struct slot_map *map)
{
    if (map != NULL) {
        free(map->masters);
        free(map);
    }
}

int slot_map_add(struct slot_map *map, const struct store_address *address)
{
    for (size_t i = 0; i < map->count; i++) {
        if (store_address_eq(&map->masters[i], address)) {
            return (int)i;
        }
    }
    if (map->count == SLOT_MASTERS_MAX) {
        return -1;
    }
    map->masters = xrealloc(map->masters, (map->count + 1) * sizeof(*map->masters));
    map->masters[map->count] = *address;
    return (int)map->count++;
}

static enum err take_address(struct slice host, int64_t port, const struct store_address *asked,
                             struct store_address *ret)
{
    if (host.len == 0 || slice_is(host, "?")) {
        host = slice_of(asked->host);
    }
    if (host.len >= sizeof(ret->host) || memchr(host.ptr, '\0', host.len) != NULL || port < 1 ||
        port > 65535) {
        return ERR_STORE_REPLY;
    }
    *ret = (struct store_address){.port = (int)port};
    memcpy(ret->host, host.ptr, host.len);
    return ERR_OK;
}

/* {first slot, last slot, {host, port, id...}, replicas...} */
static enum err take_range(struct slot_map *map, const struct reply *range,
                           const struct store_address *asked)
{
    int64_t first = reply_int(reply_at(range, 0), -1), last = reply_int(reply_at(range, 1), -1);
    const struct reply *node = reply_at(range, 2);
    struct store_address address;
    if (first < 0 || last < first || last >= SLOT_COUNT ||
        take_address(reply_slice(reply_at(node, 0)), reply_int(reply_at(node, 1), 0), asked,
                     &address) != ERR_OK) {
        return ERR_STORE_REPLY;
    }
    int index = slot_map_add(map, &address);
    for (int64_t slot = first; index >= 0 && slot <= last; slot++) {
        map->owner[slot] = (int16_t)index;
    }
    return index >= 0 ? ERR_OK : ERR_STORE_REPLY;
}

enum err slot_map_read(const struct reply *reply, const struct store_address *asked,
                       struct slot_map **ret_map)
{
    AUTO(slot_map_free) struct slot_map *map = slot_map_new();
    if (reply_count(reply) == 0 || reply_count(reply) > SLOT_COUNT) {
        return ERR_STORE_REPLY;
    }
    for (size_t i = 0; i < reply_count(reply); i++) {
        enum err err = take_range(map, reply_at(reply, i), asked);
        if (err != ERR_OK) {
            return err;
        }
    }
    *ret_map = steal(map);
    return ERR_OK;
}

enum err slot_moved_read(const char *text, const struct store_address *asked, int *ret_slot,
                         struct store_address *ret_address)
{
    struct slice rest = slice_of(text);
    bool is_moved = slice_is(slice_cut(&rest, ' '), "MOVED");
    int64_t slot = slice_to_i64_or(slice_cut(&rest, ' '), -1);
    const char *colon = rest.len > 0 ? memrchr(rest.ptr, ':', rest.len) : NULL;
    if (!is_moved || slot < 0 || slot >= SLOT_COUNT || colon == NULL) {
        return ERR_STORE_REPLY;
    }
    struct slice host = {rest.ptr, (size_t)(colon - rest.ptr)};
    int64_t port = slice_to_i64_or(slice_from(rest, host.len + 1), 0);
    *ret_slot = (int)slot;
    return take_address(host, port, asked, ret_address);
}
