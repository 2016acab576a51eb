/* A list through the objects themselves. */
#include "base/spares.h"

#include <string.h>

#include "base/alloc.h"

#ifdef __SANITIZE_ADDRESS__
#define KEEPS false
#else
#define KEEPS true
#endif
#define COUNT_MAX 256

void *spares_take(struct spares *spares)
{
    void *object = spares->first;
    if (object == NULL) {
        return xcalloc(1, spares->size);
    }
    memcpy(&spares->first, object, sizeof(spares->first));
    spares->count--;
    return spares->end != NULL ? object : memset(object, 0, spares->size);
}

static void discard(const struct spares *spares, void *object)
{
    if (spares->end != NULL) {
        spares->end(object);
    }
    free(object);
}

void spares_give(struct spares *spares, void *object)
{
    if (object == NULL) {
        return;
    }
    if (!KEEPS || spares->count == COUNT_MAX) {
        discard(spares, object);
        return;
    }
    memcpy(object, &spares->first, sizeof(spares->first));
    spares->first = object;
    spares->count++;
}

void spares_done(struct spares *spares)
{
    while (spares->first != NULL) {
        void *object = spares->first;
        memcpy(&spares->first, object, sizeof(spares->first));
        discard(spares, object);
    }
    spares->count = 0;
}
