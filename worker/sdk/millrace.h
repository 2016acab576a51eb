/* Millrace: the C handler ABI, version 1.
 *
 * A handler is a shared object that exports millrace_handler(). `millrace-handler PATH.so` loads
 * it, takes jobs from the agent of this machine and calls run() for each. Nothing of Millrace is
 * linked: this header is all a handler needs, in C11 or newer and in C++.
 *
 *     static int run(void *state, struct millrace_job *job)
 *     {
 *         (void)state;
 *         return millrace_output(job, job->input, job->input_len);
 *     }
 *
 *     const struct millrace_handler *millrace_handler(void)
 *     {
 *         static const struct millrace_handler handler = {
 *             .abi = MILLRACE_ABI, .name = "echo", .run = run};
 *         return &handler;
 *     }
 *
 * Build: cc -shared -fPIC -o echo.so echo.c
 *
 * JSON goes in and out as text (UTF-8, RFC 8259) and is never decoded on the way: what the handler
 * sets is what the client reads, byte for byte. A crash ends only this process; the agent reports
 * it and may run the job again in a fresh one. What a handler writes to stdout or stderr is its
 * log. */
#ifndef MILLRACE_H
#define MILLRACE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Fields and functions are only ever appended, with a new number; a host runs handlers of its own
 * number and of every older one, and refuses newer ones when it starts. */
#define MILLRACE_ABI UINT32_C(1)

#define MILLRACE_CONCURRENCY_MAX UINT32_C(256)

/* What the job functions below return. MILLRACE_OK is 0. */
enum millrace_result {
    MILLRACE_OK = 0,
    MILLRACE_NOT_JSON = 1,  /* the bytes are not one JSON value: nothing was sent or kept */
    MILLRACE_TOO_LARGE = 2, /* beyond what a job may carry (256 MiB): nothing was sent or kept */
    MILLRACE_NOT_SENT = 3,  /* the agent could not be reached in time */
    MILLRACE_CANCELLED = 4, /* the job was cancelled or timed out: return from run() soon */
};

struct millrace_job;

/* The host's functions; call them through the inline functions further down. All of them may be
 * called from any thread from the start of run() until run() returns, never after. All bytes are
 * copied or sent before the call returns; they stay the caller's. */
struct millrace_host {
    uint32_t abi; /* MILLRACE_ABI of the host, at least that of the handler */
    int (*is_cancelled)(const struct millrace_job *job);
    int (*progress)(struct millrace_job *job, const char *json, size_t len);
    int (*chunk)(struct millrace_job *job, const char *json, size_t len);
    int (*output)(struct millrace_job *job, const char *json, size_t len);
    int (*set_error)(struct millrace_job *job, const char *text, size_t len);
    void (*retire)(struct millrace_job *job);
};

/* One job, owned by the host, valid until run() returns. */
struct millrace_job {
    const struct millrace_host *host;
    const char *id;      /* terminated */
    const char *input;   /* JSON text of the job's "input", the client's bytes; NOT terminated */
    size_t input_len;    /* bytes */
    const char *request; /* the whole job object as the queue gave it (id, input, webhook ...) */
    size_t request_len;  /* bytes; not terminated either */
};

struct millrace_handler {
    uint32_t abi;         /* MILLRACE_ABI, from the header it was compiled with */
    uint32_t concurrency; /* jobs run() may be given at once, each on its own thread; 0 means 1 */
    const char *name;     /* for logs and error texts; not NULL */

    /* Loads what all jobs share (the model). Called once, before the first job and before the
     * worker counts as ready, on the thread that calls run() when concurrency is 1. *ret_state is
     * handed to run() and done(). Returns 0, or anything else with a sentence of at most why_size
     * bytes (terminated) in `why`: the process then ends with exit status 1. May be NULL. */
    int (*init)(void **ret_state, char *why, size_t why_size);

    /* Called once after the last job, on the thread of init(). Not called after a failed init() or
     * when the process is killed. May be NULL. */
    void (*done)(void *state);

    /* Runs one job. Returns 0 when the job is COMPLETED: with what was set as output, else with the
     * chunks alone, else with null. Anything else, or millrace_fail(), makes it FAILED. Threads it
     * started must be through with `job` when it returns. */
    int (*run)(void *state, struct millrace_job *job);
};

/* The one symbol a handler exports; the result is static. */
__attribute__((visibility("default"))) const struct millrace_handler *millrace_handler(void);

/* 1 once the job was cancelled or ran out of time, else 0. Costs one load of memory: ask as often
 * as you like. Five seconds after that a process that still runs the job is killed. */
static inline int millrace_is_cancelled(const struct millrace_job *job)
{
    return job->host->is_cancelled(job);
}

/* Shows JSON as the output of the running job until the result replaces it. One attempt to send, a
 * loss does no harm; a few times a second is plenty. */
static inline int millrace_progress(struct millrace_job *job, const char *json, size_t len)
{
    return job->host->progress(job, json, len);
}

/* Appends one element to the job's stream, after all earlier ones. Blocks until the agent has it
 * and tries again for at least 60 s when it is away. A chunk that is not JSON or could not be sent
 * makes the job FAILED, since its stream would have a gap. */
static inline int millrace_chunk(struct millrace_job *job, const char *json, size_t len)
{
    return job->host->chunk(job, json, len);
}

/* Sets the result; a second call replaces the first. It is sent when run() has returned. Bytes that
 * are not JSON make the job FAILED. */
static inline int millrace_output(struct millrace_job *job, const char *json, size_t len)
{
    return job->host->output(job, json, len);
}

/* Makes the job FAILED with this text (plain UTF-8, not JSON), whatever run() returns; the first
 * call wins. Always returns 1, for `return millrace_fail(job, text, len);`. */
static inline int millrace_fail(struct millrace_job *job, const char *text, size_t len)
{
    return job->host->set_error(job, text, len);
}

/* Asks for a fresh process after this job (a leak, a broken GPU context): the result is sent as
 * usual, no further job is taken, and the agent starts another. */
static inline void millrace_retire(struct millrace_job *job)
{
    job->host->retire(job);
}

#ifdef __cplusplus
}
#endif

#endif
