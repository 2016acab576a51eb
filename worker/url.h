/* The request targets of the worker plane, read as leniently as RunPod's own:
 * without a '?' in the template the SDK glues its parameters on with '&', and job-done may come
 * without the job. Pure. */
#ifndef WORKER_URL_H
#define WORKER_URL_H

#include "base/buf.h"

struct url {
    struct slice ep, operation, worker; /* never empty */
    struct slice job;                   /* may be empty */
    struct slice extra;                 /* parameters that were glued to the path */
    struct slice query;                 /* parameters behind the '?' */
};

/* ERR_NOT_FOUND unless it is /v2/EP/OPERATION/WORKER[/JOB]. Slices point into the arguments. */
enum err url_parse(struct slice path, struct slice query, struct url *ret_url);
/* The decoded value of a parameter, looked for in both places; false when absent. */
bool url_param(const struct url *url, const char *name, struct buf *out);
/* The same as a whole number, `otherwise` when absent or no number. */
int64_t url_param_int(const struct url *url, const char *name, int64_t otherwise);

#endif
