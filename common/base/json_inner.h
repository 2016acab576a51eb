/* Private to json*.c: what the scanner and the text functions share. */
#ifndef BASE_JSON_INNER_H
#define BASE_JSON_INNER_H

#include "base/json.h"
#include "base/json_bytes.h"

/* Past the closing quote of the string whose opening quote is at `at`; NULL when it is not valid.
 */
const uint8_t *json_string_end(const uint8_t *at, const uint8_t *end);
/* Past the number; NULL when none begins at `at`. */
const uint8_t *json_number_end(const uint8_t *at, const uint8_t *end);

/* The code point at *at inside a valid string, escaped or not; a pair of surrogate escapes is one,
 * a lone one is itself. Moves *at behind it. */
uint32_t json_escaped_point(const uint8_t **at);
uint32_t json_utf8_point(const uint8_t **at);
static inline uint32_t json_point(const uint8_t **at)
{
    if (json_is_plain(**at)) {
        return *(*at)++;
    }
    return **at == '\\' ? json_escaped_point(at) : json_utf8_point(at);
}

/* Keys are the valid strings with their quotes, as they stand in the text. */
bool json_key_is(struct slice key, const char *name);

/* The keys of one object. A few live here and are compared with each other; more move to a hash
 * table of offsets (8 bytes each), so any number of keys costs linear time. */
#define JSON_KEYS_FEW 16
struct json_keys {
    struct slice text; /* the whole text; the offsets count from its start */
    size_t count;
    struct slice few[JSON_KEYS_FEW];
    uint64_t *slots; /* owned; NULL while they are few */
    size_t slot_count;
    uint64_t seed;
};

/* Instead of `= {0}`, which would clear `few` for each request. */
void json_keys_init(struct json_keys *keys, struct slice text);
void json_keys_done(struct json_keys *keys);
AUTO_DEFINE_EMBEDDED(json_keys_done, struct json_keys)
bool json_keys_add(struct json_keys *keys, struct slice key); /* false when it is there already */

#endif
