/* Objects of one size that come and go with every request: those given back serve the next ones,
 * for the allocator keeps but a few of a size at hand. Sanitized builds keep none, so that the use
 * of one that has ended is seen. */
#ifndef BASE_SPARES_H
#define BASE_SPARES_H

#include <stdbool.h>
#include <stddef.h>

struct spares {
    size_t size; /* bytes of an object, at least those of a pointer */
    /* Frees what an object owns. With it, objects keep that memory while they are not used. */
    void (*end)(void *object);
    void *first;  /* private: each holds the next in its first bytes */
    size_t count; /* private */
};

#define SPARES_OF(type) ((struct spares){.size = sizeof(type)})
#define SPARES_KEEPING(type, end_fn) ((struct spares){.size = sizeof(type), .end = (end_fn)})

/* Zeroed; with `end` as it was given back, but for its first pointer. */
void *spares_take(struct spares *spares);
void spares_give(struct spares *spares, void *object); /* accepts NULL */
void spares_done(struct spares *spares);               /* those that are out are not freed by it */

#endif
