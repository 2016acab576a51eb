/* Objects of one size that come and go with every request: those given back serve the next ones,
 * for the allocator keeps but a few of a size at hand. Sanitized builds keep none, so that the use
 * of one that has ended is seen. */
#ifndef BASE_SPARES_H
#define BASE_SPARES_H

#include <stdbool.h>
#include <stddef.h>

struct spares {
    size_t size;  /* bytes of an object, at least those of a pointer */
    void *first;  /* private: each holds the next */
    size_t count; /* private */
};

#define SPARES_OF(type) ((struct spares){.size = sizeof(type)})

void *spares_take(struct spares *spares);              /* zeroed */
void spares_give(struct spares *spares, void *object); /* accepts NULL */
void spares_done(struct spares *spares);               /* those that are out are not freed by it */

#endif
