/* One image on this machine: looked for, and pulled when it is not here. All who want the same one
 * at the same time share one pull. */
#ifndef WORKER_PULL_H
#define WORKER_PULL_H

#include "base/list.h"
#include "image_name.h"

struct agent;
struct pulls;
struct pull_wait;
struct pull_result {
    struct image_facts facts; /* borrowed until the callback returns; id is empty on failure */
    struct slice problem;     /* why it is not here, one line */
};
typedef void (*pull_fn)(struct pull_wait *wait, const struct pull_result *result);
typedef void (*pull_line_fn)(struct pull_wait *wait, struct slice line);
struct pull_wait {
    struct list link; /* init before use */
    pull_fn fn;
    pull_line_fn on_line; /* progress, in the words of the runtime */
};

struct pulls *pulls_new(struct agent *agent, uint64_t timeout_ms);
/* reference: "repository:tag", "repository@sha256:..." or the id of an image, which is only looked
 * for. Calls back once, later; runtime.h must have found a runtime. */
void pull_want(struct pulls *pulls, struct slice reference, struct pull_wait *wait);
void pull_forget(struct pull_wait *wait); /* the pull goes on; harmless when repeated */
void pulls_stop(struct pulls *pulls);     /* ends all; nobody waits any more */
void pulls_free(struct pulls *pulls);     /* accepts NULL */

#endif
