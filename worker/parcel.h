/* What a handler has posted for one attempt and the store has not got: as bytes on disk and back.
 * Pure.
 *
 *   MRSPOOL2\n  then netstrings ("5:hello,"): ep, job, attempt, worker, ms it ran, ms it shall be
 * kept, index of the first chunk, number of chunks, the chunks, C or F, members; last 64 digits of
 *   SHA-256 over all before. */
#ifndef WORKER_PARCEL_H
#define WORKER_PARCEL_H

#include "base/buf.h"

#define PARCEL_SEAL 64 /* bytes */

struct parcel {
    struct slice ep, job, worker;
    int64_t attempt;
    int64_t duration_ms, retention_ms; /* for a store that has lost the job */
    int64_t first;                     /* index of the first chunk */
    size_t chunk_count;
    struct slice chunks; /* netstrings: parcel_chunk() */
    bool is_failed;
    struct slice members;
};

/* Appends one chunk to what becomes parcel.chunks. */
void parcel_put_chunk(struct buf *chunks, struct slice chunk);
/* Cuts the next chunk off *rest. ERR_NOT_FOUND at the end. */
enum err parcel_chunk(struct slice *rest, struct slice *ret_chunk);

/* Appends all but the digest. */
void parcel_put(struct buf *out, const struct parcel *parcel);
/* Appends the digest of what is in out. */
void parcel_seal(struct buf *out);
/* ERR_BAD_REQUEST for bytes that are not a whole, unbroken parcel. Slices point into bytes. */
enum err parcel_read(struct slice bytes, struct parcel *ret_parcel);

/* "ep.job.attempt.spool", the caller's. */
char *parcel_name(struct slice ep, struct slice job, int64_t attempt);
enum err parcel_parse_name(struct slice name, struct parcel *ret_parcel); /* ep, job, attempt */

#endif
