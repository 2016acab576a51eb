/* Which image a worker runs: the same for all workers of one release of the document, whatever its
 * tag comes to mean meanwhile. */
#ifndef WORKER_IMAGE_H
#define WORKER_IMAGE_H

#include "pull.h"
#include "queue/store.h"
#include "runtime.h"

struct agent;
struct image_search;
/* id: of the image, here and ready to run; NULL: problem says why not, one line. */
typedef void (*image_fn)(struct image_search *search, const char *id, struct slice problem);

/* Embedded; zeroed memory is one that is not under way. */
struct image_search {
    image_fn fn;
    pull_line_fn on_line; /* see pull.h; `wait` is the member of this search */
    struct pull_wait pull;
    /* private */
    struct agent *agent;
    char *ep, *reference;     /* owned */
    int64_t version, release; /* of the document */
    struct runtime_wait runtime;
    struct store_call pin_call;
    struct timer retry;
    char *proposal; /* owned; the pin that this machine would give, NULL: it has not looked yet */
    char *id;       /* owned; of the image it stands for */
    char *pin;      /* owned; the pin that stands */
};

/* Calls back once, later. */
void image_find(struct image_search *search, struct agent *agent, const struct endpoint *endpoint);
/* The document has another version with the same release; harmless when none is under way. */
void image_note_version(struct image_search *search, int64_t version);
void image_cancel(struct image_search *search); /* no callback any more; harmless when repeated */

#endif
