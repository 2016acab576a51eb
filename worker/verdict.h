/* What a worker's post to job-done means, and the texts that are kept of it.
 * Pure: bytes in, decision out. */
#ifndef WORKER_VERDICT_H
#define WORKER_VERDICT_H

#include "base/buf.h"

enum verdict_kind { VERDICT_PROGRESS, VERDICT_COMPLETED, VERDICT_FAILED };

struct verdict {
    enum verdict_kind kind;
    bool is_last;       /* stopPod: the process wants to be replaced */
    struct buf members; /* owned: `"output":...` and/or `"error":"..."`, bytes as received */
};

/* Never fails: a body that cannot be kept is VERDICT_FAILED with the reason in `error`. */
void verdict_read(struct slice body, struct verdict *ret_verdict);
void verdict_done(struct verdict *verdict);

/* Splits one post to job-stream into stream elements and appends them to `out`, each one's length
 * to `lens` (size_t values). An object is one element, verbatim; a string output too long for one
 * is split at UTF-8 boundaries. ERR_BAD_JSON when nothing can be kept. */
#define ELEMENT_MAX 1000000
enum err verdict_chunks(struct slice body, struct buf *out, struct buf *lens);

/* Appends `"error":"<text>"`. */
void verdict_put_error(struct buf *out, struct slice text);

#endif
