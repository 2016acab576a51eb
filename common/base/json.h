/* One linear, validating scan of JSON text (RFC 8259) that returns slices of the same bytes.
 *
 * User payloads are never decoded and encoded again: what came in goes out byte for byte, whatever
 * a double or a dictionary can hold. The scan does not recurse, runs at memory speed and allocates
 * nothing, save a table of 16 to 32 bytes a key when json_scan meets more than 16 top-level keys.
 * It refuses invalid UTF-8, raw control characters in strings, leading zeros, trailing bytes, and
 * nesting deeper than JSON_DEPTH_MAX; lone or reversed surrogate escapes are allowed (JSON allows
 * them). */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

#define JSON_DEPTH_MAX 512

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* A top-level member of the scanned object. `name` is what the caller asks for, the rest is filled:
 * escaped spellings ("inp\u0075t") count as the plain name. */
struct json_member {
    const char *name;    /* set by the caller */
    enum json_type type; /* meaningful when value.len > 0 */
    struct slice value;  /* the value's bytes, strings with their quotes; len 0 when absent */
};

struct json_problem {
    size_t offset;    /* byte where the scan stopped */
    const char *what; /* static text: "invalid UTF-8 in a string", "duplicate key" ... */
    struct slice key; /* the duplicate key's bytes in the text, without quotes; else empty */
};

/* Validates that text is one JSON value: ERR_OK or ERR_BAD_JSON. ret_problem is written on failure
 * only; it and ret_type may be NULL. */
enum err json_check(struct slice text, enum json_type *ret_type, struct json_problem *ret_problem);

/* Validates that text is one JSON object and fills the members asked for; others are validated and
 * skipped. A top-level key that occurs twice (known or not) is a problem: ERR_BAD_JSON. Deeper
 * duplicates pass unchanged. All members asked for are absent after a failure. */
enum err json_scan(struct slice text, struct json_member *members, size_t count,
                   struct json_problem *ret_problem);

/* json_scan of a document whose texts become C strings: refuses \u0000 in any of them, too, for
 * what follows it would be cut off unseen. */
enum err json_scan_document(struct slice text, struct json_problem *ret_problem);

/* Splits the text of a JSON array that has been validated before: calls back for each element. */
typedef void (*json_element_fn)(struct slice element, void *arg);
void json_each(struct slice array, json_element_fn fn, void *arg);

/* Decodes a JSON string (with its quotes) to UTF-8 and appends it; lone surrogates become U+FFFD.
 * ERR_BAD_JSON when it is anything but one valid string, ERR_TOO_LARGE past the buffer's maximum;
 * out is unchanged then. */
enum err json_unquote(struct slice string, struct buf *out);

/* Copies text that json_check refused, mended where Python's json.dumps leaves JSON behind: NaN,
 * Infinity and -Infinity become null, invalid UTF-8 becomes U+FFFD, raw control characters in
 * strings are escaped. ERR_BAD_JSON when it is still not JSON, ERR_TOO_LARGE past the buffer's
 * maximum; out is unchanged then. Text that is JSON already is copied as it is. */
enum err json_mend(struct slice text, struct buf *out);

/* Whole non-negative or negative integers of a JSON_NUMBER; 1e3 and 1.0 count as integers, exactly.
 * ERR_BAD_REQUEST for all else: fractions, what does not fit, text that is not a number. */
enum err json_to_i64(struct slice number, int64_t *ret_value);

#endif
