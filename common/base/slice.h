/* A borrowed run of bytes: not terminated, never owned, valid as long as what it points into. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

struct slice {
    const char *ptr; /* may be NULL only when len is 0 */
    size_t len;
};

#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})
#define SLICE_NONE ((struct slice){NULL, 0})
/* printf("%.*s", SLICE_ARG(slice)) */
#define SLICE_ARG(slice) (int)(slice).len, (slice).ptr ? (slice).ptr : ""

static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_eq(a, slice_of(text));
}

static inline bool slice_starts(struct slice a, struct slice prefix)
{
    return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.ptr, prefix.ptr, prefix.len) == 0);
}

static inline struct slice slice_from(struct slice a, size_t start)
{
    ensure(start <= a.len);
    return start > 0 ? (struct slice){a.ptr + start, a.len - start} : a;
}

static inline char *slice_dup(struct slice a)
{
    return xstrndup(a.ptr ? a.ptr : "", a.len);
}

bool slice_eq_nocase(struct slice a, struct slice b); /* ASCII only */
struct slice slice_trim(struct slice a);              /* blanks and tabs off both ends */
/* Cuts the part before the first separator off *rest and returns it; *rest becomes what follows
 * the separator, empty when there was none. */
struct slice slice_cut(struct slice *rest, char separator);
/* Whole-slice decimal: ERR_BAD_REQUEST when it is not one or does not fit. */
enum err slice_to_i64(struct slice a, int64_t *ret_value);
int64_t slice_to_i64_or(struct slice a, int64_t otherwise);

#endif
