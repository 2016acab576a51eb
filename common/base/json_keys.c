/* Which keys an object has had so far. Two keys are the same when they decode to the same text,
 * however they are spelt, so hash and comparison run over code points.
 *
 * The table probes linearly, is at most half full and holds, in one word for each key, 24 bits of
 * its hash over its offset in the text. A random seed keeps a client from choosing keys that
 * collide. */
#include "base/id.h"
#include "base/json_inner.h"

#define OFFSET_BITS 40
#define OFFSET_MASK ((UINT64_C(1) << OFFSET_BITS) - 1)
#define SLOTS_FIRST (JSON_KEYS_FEW * 4)

void json_keys_init(struct json_keys *keys, struct slice text)
{
    keys->text = text;
    keys->count = 0;
    keys->slots = NULL;
    keys->slot_count = 0;
}

void json_keys_done(struct json_keys *keys)
{
    free(keys->slots);
    keys->slots = NULL;
}

static bool has_escape(struct slice key)
{
    return memchr(key.ptr, '\\', key.len) != NULL;
}

/* Both at their opening quotes. */
static bool same_points(const char *a, const char *b)
{
    const uint8_t *left = (const uint8_t *)a + 1;
    const uint8_t *right = (const uint8_t *)b + 1;
    while (*left != '"' && *right != '"') {
        if (json_point(&left) != json_point(&right)) {
            return false;
        }
    }
    return *left == *right;
}

/* b is whole, a only its start: the closing quote that a has in the same place ends it there, and
 * only escapes make equal keys differ in bytes. */
static bool same_key(const char *a, struct slice b)
{
    return strncmp(a, b.ptr, b.len) == 0 || same_points(a, b.ptr);
}

static bool add_few(struct json_keys *keys, struct slice key)
{
    bool is_escaped = has_escape(key);
    for (size_t i = 0; i < keys->count; i++) {
        struct slice other = keys->few[i];
        if (slice_eq(other, key)) {
            return false;
        }
        if ((is_escaped || has_escape(other)) && same_points(other.ptr, key.ptr)) {
            return false;
        }
    }
    keys->few[keys->count++] = key;
    return true;
}

static uint64_t hash_of(const struct json_keys *keys, const char *key)
{
    uint64_t hash = keys->seed;
    for (const uint8_t *at = (const uint8_t *)key + 1; *at != '"';) {
        hash = (hash ^ json_point(&at)) * UINT64_C(0x100000001b3);
    }
    hash = (hash ^ (hash >> 32)) * UINT64_C(0xff51afd7ed558ccd);
    return hash ^ (hash >> 32);
}

/* The slot of an equal key, or the free one where it belongs. */
static uint64_t *find_slot(const struct json_keys *keys, struct slice key, uint64_t hash)
{
    size_t mask = keys->slot_count - 1;
    size_t i = hash & mask;
    while (keys->slots[i] != 0) {
        bool may_match = keys->slots[i] >> OFFSET_BITS == hash >> OFFSET_BITS;
        if (may_match && same_key(keys->text.ptr + (keys->slots[i] & OFFSET_MASK), key)) {
            break;
        }
        i = (i + 1) & mask;
    }
    return &keys->slots[i];
}

/* Offset 0 is the object's brace at the earliest, so a used slot is never 0. */
static uint64_t slot_value(const struct json_keys *keys, const char *key, uint64_t hash)
{
    uint64_t offset = (uint64_t)(key - keys->text.ptr);
    ensure(offset > 0 && offset <= OFFSET_MASK);
    return (hash & ~OFFSET_MASK) | offset;
}

/* The key is known to be new. */
static void put_new(struct json_keys *keys, const char *key)
{
    uint64_t hash = hash_of(keys, key);
    size_t mask = keys->slot_count - 1;
    size_t i = hash & mask;
    while (keys->slots[i] != 0) {
        i = (i + 1) & mask;
    }
    keys->slots[i] = slot_value(keys, key, hash);
}

static void grow(struct json_keys *keys, size_t slot_count)
{
    uint64_t *old = keys->slots;
    size_t old_count = keys->slot_count;
    keys->slot_count = slot_count;
    keys->slots = xcalloc(slot_count, sizeof(*keys->slots));
    for (size_t i = 0; i < old_count; i++) {
        if (old[i] != 0) {
            put_new(keys, keys->text.ptr + (old[i] & OFFSET_MASK));
        }
    }
    free(old);
}

/* Room for as many keys as the text has when it goes on like this; the kernel gives the memory only
 * as it is used. */
static size_t slots_wanted(const struct json_keys *keys)
{
    size_t so_far = (size_t)(keys->few[JSON_KEYS_FEW - 1].ptr - keys->text.ptr);
    size_t expected = keys->text.len / (so_far / JSON_KEYS_FEW);
    size_t slots = SLOTS_FIRST;
    while (slots < expected * 2) {
        slots *= 2;
    }
    return slots;
}

static void leave_few(struct json_keys *keys)
{
    id_random(&keys->seed, sizeof(keys->seed));
    grow(keys, slots_wanted(keys));
    for (size_t i = 0; i < keys->count; i++) {
        put_new(keys, keys->few[i].ptr);
    }
}

bool json_keys_add(struct json_keys *keys, struct slice key)
{
    if (keys->count < JSON_KEYS_FEW) {
        return add_few(keys, key);
    }
    if (keys->slots == NULL) {
        leave_few(keys);
    }
    if (keys->count * 2 >= keys->slot_count) {
        grow(keys, keys->slot_count * 2);
    }
    uint64_t hash = hash_of(keys, key.ptr);
    uint64_t *slot = find_slot(keys, key, hash);
    if (*slot != 0) {
        return false;
    }
    *slot = slot_value(keys, key.ptr, hash);
    keys->count++;
    return true;
}
