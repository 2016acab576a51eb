/* The public face of a job: which keys each state shows. */
#include "queue/job.h"

#define USUAL_BYTES 384 /* of an object beside its members */

static const struct {
    const char *name;
    char letter;
    bool is_final;
} states[JOB_STATE_COUNT] = {
    [JOB_IN_QUEUE] = {"IN_QUEUE", 'Q', false},  [JOB_IN_PROGRESS] = {"IN_PROGRESS", 'P', false},
    [JOB_COMPLETED] = {"COMPLETED", 'C', true}, [JOB_FAILED] = {"FAILED", 'F', true},
    [JOB_CANCELLED] = {"CANCELLED", 'X', true}, [JOB_TIMED_OUT] = {"TIMED_OUT", 'T', true},
};

const char *job_state_name(enum job_state state)
{
    ensure((unsigned)state < JOB_STATE_COUNT);
    return states[state].name;
}

bool job_state_is_final(enum job_state state)
{
    ensure((unsigned)state < JOB_STATE_COUNT);
    return states[state].is_final;
}

enum err job_state_from_letter(struct slice letter, enum job_state *ret_state)
{
    for (unsigned i = 0; i < JOB_STATE_COUNT; i++) {
        if (letter.len == 1 && letter.ptr[0] == states[i].letter) {
            *ret_state = (enum job_state)i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

enum err job_state_from_name(struct slice name, enum job_state *ret_state)
{
    for (unsigned i = 0; i < JOB_STATE_COUNT; i++) {
        if (slice_is(name, states[i].name)) {
            *ret_state = (enum job_state)i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

static void put_number(struct buf *out, const char *key, int64_t value)
{
    (void)buf_put_str(out, key);
    (void)buf_put_i64(out, value);
}

/* Beyond RunPod's keys; its SDKs ignore them. */
static void put_wait(struct buf *out, const struct job_view *job)
{
    (void)buf_put_str(out, ",\"reason\":");
    (void)buf_put_json_str(out, job->reason);
    put_number(out, ",\"position\":", job->position);
    if (job->detail.len > 0) {
        (void)buf_put_str(out, ",\"detail\":");
        (void)buf_put_json_str(out, job->detail);
    }
}

void job_put_object(struct buf *out, const struct job_view *job)
{
    bool is_final = job_state_is_final(job->state);
    bool was_taken = job->has_run && job->state != JOB_IN_QUEUE;
    (void)buf_reserve(out, job->members.len + USUAL_BYTES);
    (void)buf_put_str(out, "{\"id\":");
    (void)buf_put_json_str(out, job->id);
    (void)buf_put_str(out, ",\"status\":\"");
    (void)buf_put_str(out, job_state_name(job->state));
    (void)buf_put_char(out, '"');
    if (is_final || was_taken) {
        put_number(out, ",\"delayTime\":", job->delay_ms);
        (void)buf_put_str(out, ",\"workerId\":");
        (void)buf_put_json_str(out, was_taken ? job->worker : SLICE_NONE);
    }
    if (is_final) {
        put_number(out, ",\"executionTime\":", was_taken ? job->execution_ms : 0);
    }
    if (job->retries > 0) {
        put_number(out, ",\"retries\":", job->retries);
    }
    if (job->is_orphan) {
        (void)buf_put_str(out, ",\"orphan\":true");
    }
    if (job->has_freed) {
        put_number(out, ",\"workerFreedTime\":", job->freed_ms);
    }
    if (job->state == JOB_IN_QUEUE && job->reason.len > 0) {
        put_wait(out, job);
    }
    if (job->members.len > 0 && job->state != JOB_IN_QUEUE && job->state != JOB_CANCELLED) {
        (void)buf_put_char(out, ',');
        (void)buf_put_slice(out, job->members);
    }
    (void)buf_put_char(out, '}');
}
