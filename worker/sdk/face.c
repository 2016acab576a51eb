/* Every function may be called from any of the handler's threads, so each takes the job's lock. The
 * handler's bytes are checked before they are kept or sent: a job never ends with an answer that a
 * client cannot parse. */
#include "face.h"

#include <assert.h>

#include "base/json.h"
#include "host.h"
#include "post.h"

/* What the bytes are called in an error text, and whether bad ones fail the job. */
struct piece {
    const char *name;
    bool is_needed;
};

static const struct piece piece_progress = {"progress", false};
static const struct piece piece_chunk = {"chunk", true};
static const struct piece piece_output = {"output", true};

static int piece_check(struct job *job, const struct piece *piece, struct slice json);
static int piece_sent(struct job *job, const struct piece *piece, enum err err);

static struct job *job_of(struct millrace_job *face)
{
    return container_of(face, struct job, face);
}

static int face_is_cancelled(const struct millrace_job *face)
{
    const struct job *job = (const struct job *)(const void *)face;
    return atomic_load(&job->is_cancelled) ? 1 : 0;
}
static_assert(offsetof(struct job, face) == 0, "face_is_cancelled() casts");

static int face_progress(struct millrace_job *face, const char *json, size_t len)
{
    struct job *job = job_of(face);
    pthread_mutex_lock(&job->lock);
    int result = piece_check(job, &piece_progress, (struct slice){json, len});
    if (result == MILLRACE_OK) {
        result = piece_sent(job, &piece_progress, post_progress(job, (struct slice){json, len}));
    }
    pthread_mutex_unlock(&job->lock);
    return result;
}

static int face_chunk(struct millrace_job *face, const char *json, size_t len)
{
    struct job *job = job_of(face);
    pthread_mutex_lock(&job->lock);
    int result = piece_check(job, &piece_chunk, (struct slice){json, len});
    if (result == MILLRACE_OK) {
        job->chunk_count++;
        result = piece_sent(job, &piece_chunk, post_chunk(job, (struct slice){json, len}));
    }
    pthread_mutex_unlock(&job->lock);
    return result;
}

/* The opening of the result's body goes in front, so that a big output is copied once. */
static int face_output(struct millrace_job *face, const char *json, size_t len)
{
    struct job *job = job_of(face);
    pthread_mutex_lock(&job->lock);
    int result = piece_check(job, &piece_output, (struct slice){json, len});
    if (result != MILLRACE_NOT_JSON && result != MILLRACE_TOO_LARGE) {
        buf_clear(&job->output);
        buf_put_str(&job->output, "{\"output\":");
        buf_put(&job->output, json, len);
    }
    pthread_mutex_unlock(&job->lock);
    return result;
}

static int face_set_error(struct millrace_job *face, const char *text, size_t len)
{
    struct job *job = job_of(face);
    pthread_mutex_lock(&job->lock);
    job_set_error(job, (struct slice){text, len});
    pthread_mutex_unlock(&job->lock);
    return 1;
}

static void face_retire(struct millrace_job *face)
{
    struct job *job = job_of(face);
    pthread_mutex_lock(&job->lock);
    job->is_retiring = true;
    pthread_mutex_unlock(&job->lock);
}

static void piece_refuse(struct job *job, const struct piece *piece, const char *why)
{
    if (piece->is_needed) {
        AUTO_STR text = xasprintf("handler '%s' gave a bad %s: %s",
                                  job->host->library.handler->name, piece->name, why);
        job_set_error(job, slice_of(text));
    }
}

/* Room is left for the words around the piece and an error beside it. */
static int piece_check(struct job *job, const struct piece *piece, struct slice json)
{
    enum json_type type;
    struct json_problem problem = {0};
    if (json.len > BUF_MAX_DEFAULT - ((size_t)1 << 20)) {
        piece_refuse(job, piece, "too large");
        return MILLRACE_TOO_LARGE;
    }
    if (json_check(json, &type, &problem) != ERR_OK) {
        AUTO_STR why = xasprintf("not JSON, %s at byte %zu",
                                 problem.what != NULL ? problem.what : "error", problem.offset);
        piece_refuse(job, piece, why);
        return MILLRACE_NOT_JSON;
    }
    return atomic_load(&job->is_cancelled) ? MILLRACE_CANCELLED : MILLRACE_OK;
}

static int piece_sent(struct job *job, const struct piece *piece, enum err err)
{
    if (err == ERR_OK) {
        return MILLRACE_OK;
    }
    if (atomic_load(&job->is_cancelled)) {
        return MILLRACE_CANCELLED;
    }
    piece_refuse(job, piece, "it could not be sent");
    return MILLRACE_NOT_SENT;
}

const struct millrace_host face_functions = {
    .abi = MILLRACE_ABI,
    .is_cancelled = face_is_cancelled,
    .progress = face_progress,
    .chunk = face_chunk,
    .output = face_output,
    .set_error = face_set_error,
    .retire = face_retire,
};
