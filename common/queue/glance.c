/* record + output, or, where the job is expected to wait, record + why, in one flush
 *   -> answer
 *   -> a wrong guess: the output, or the script -> answer
 *   -> in doubt: the script -> answer
 *
 * What is beyond doubt: a running or cancelled job without output, as of the moment of its record;
 * a completed one with its output, because nothing changes either any more. In doubt is a failed
 * one, which a retry may have begun again between the two commands, and a running one with output:
 * that may be progress or already the result. Behind a slot that moves the replies may come in
 * another order; then, too, the script is asked. */
#include "queue/glance.h"

#include "base/clock.h"
#include "base/id.h"
#include "queue/queue_args.h"

enum { FIELD_NUMBER = 8, FIELD_CLASS };                               /* of the record */
enum { WHY_FIRST, WHY_FIRST_LOW, WHY_REASON, WHY_DETAIL, WHY_COUNT }; /* see explain.lua */

#define SHARED_US 2000

struct glance {
    struct glance_config config;
    struct store_call record, output; /* output: of the script too */
    struct store_call why;
    enum err err; /* of the record */
    bool has_record;
    bool expects_wait;
    bool has_why;   /* what is shared is new enough */
    bool needs_why; /* the job waits, and nothing else is missing */
    bool is_low;
    int64_t number;
    struct job_view job;
    char worker[ID_MAX + 1]; /* what job.worker points to */
};

static void glance_recorded(struct store_call *call, enum err err, const struct reply *reply);
static void glance_output(struct store_call *call, enum err err, const struct reply *reply);
static void glance_ask_output(struct glance *glance);
static void glance_explain(struct glance *glance);
static void glance_explained(struct store_call *call, enum err err, const struct reply *reply);
static void glance_ask_script(struct glance *glance);
static void glance_read(struct store_call *call, enum err err, const struct reply *reply);

struct key {
    char text[sizeof("mr:{}:kind:") + ID_MAX + ID_MAX];
};

static char *put_slice(char *at, struct slice text)
{
    memcpy(at, text.ptr, text.len);
    return at + text.len;
}

/* Lives as long as *key. */
static struct slice key_of(struct key *key, struct slice kind, const struct glance *glance)
{
    ensure(glance->config.ep.len <= ID_MAX && glance->config.id.len <= ID_MAX);
    char *at = put_slice(key->text, SLICE("mr:{"));
    at = put_slice(at, glance->config.ep);
    at = put_slice(at, kind);
    at = put_slice(at, glance->config.id);
    return (struct slice){key->text, (size_t)(at - key->text)};
}

struct spares glance_spares(void)
{
    return SPARES_OF(struct glance);
}

/* Its number and class are only asked for where it is expected to wait. */
static void glance_ask_record(struct glance *glance)
{
    struct key key;
    const struct slice record[] = {
        SLICE("HMGET"), key_of(&key, SLICE("}:job:"), glance),
        SLICE("s"),     SLICE("t0"),
        SLICE("t1"),    SLICE("t2"),
        SLICE("w"),     SLICE("r"),
        SLICE("fr"),    SLICE("o"),
        SLICE("n"),     SLICE("c"),
    };
    size_t count = COUNT_OF(record) - (glance->expects_wait ? 0 : 2);
    store_command(glance->config.store, &glance->record, record, count, glance_recorded);
}

void glance_shared_done(struct glance_shared *shared)
{
    buf_done(&shared->reason);
    buf_done(&shared->detail);
}

struct glance *glance_new(const struct glance_config *config)
{
    const struct glance_shared *shared = config->shared;
    struct glance *glance = spares_take(config->spares);
    glance->config = *config;
    glance->expects_wait = shared->expects_wait;
    glance->has_why = shared->told_us > 0 && clock_mono_us() <= shared->told_us + SHARED_US;
    glance_ask_record(glance);
    if (!glance->expects_wait) {
        glance_ask_output(glance);
    } else if (!glance->has_why) {
        glance_explain(glance);
    }
    return glance;
}

void glance_free(struct glance *glance)
{
    if (glance != NULL) {
        store_detach(&glance->record);
        store_detach(&glance->output);
        store_detach(&glance->why);
        spares_give(glance->config.spares, glance);
    }
}

static void glance_end(struct glance *glance, enum err err, const struct job_view *job)
{
    if (err == ERR_OK) {
        glance->config.shared->expects_wait = job->state == JOB_IN_QUEUE;
    }
    glance->config.fn(glance->config.arg, err, err == ERR_OK ? job : NULL);
}

static void glance_decode(struct glance *glance, const struct reply *reply)
{
    if (reply_is_nil(reply_at(reply, 0))) {
        glance->err = reply_count(reply) > 0 ? ERR_NOT_FOUND : ERR_STORE_REPLY;
        return;
    }
    glance->err = queue_record_result(reply, glance->config.id, &glance->job);
    struct slice worker = glance->job.worker;
    if (glance->err != ERR_OK || worker.len > ID_MAX) {
        glance->err = ERR_STORE_REPLY;
        return;
    }
    if (worker.len > 0) {
        memcpy(glance->worker, worker.ptr, worker.len);
        glance->job.worker.ptr = glance->worker;
    }
    if (glance->expects_wait) {
        glance->number = reply_int(reply_at(reply, FIELD_NUMBER), 0);
        glance->is_low = slice_is(reply_slice(reply_at(reply, FIELD_CLASS)), "l");
    }
}

static void glance_ask_output(struct glance *glance)
{
    struct key key;
    const struct slice output[] = {SLICE("GET"), key_of(&key, SLICE("}:out:"), glance)};
    store_command(glance->config.store, &glance->output, output, COUNT_OF(output), glance_output);
}

/* The job waits: its place, and why. */
static void glance_tell_wait(struct glance *glance)
{
    const struct glance_shared *shared = glance->config.shared;
    int64_t first = glance->is_low ? shared->first_low : shared->first;
    glance->job.position = glance->number > first ? glance->number - first : 0;
    glance->job.reason = buf_slice(&shared->reason);
    glance->job.detail = buf_slice(&shared->detail);
    glance_end(glance, ERR_OK, &glance->job);
}

static void glance_needs_why(struct glance *glance)
{
    if (glance->has_why) {
        glance_tell_wait(glance);
        return;
    }
    glance->needs_why = true;
    if (!store_call_is_waiting(&glance->why)) {
        glance_explain(glance);
    }
}

static void glance_recorded(struct store_call *call, enum err err, const struct reply *reply)
{
    struct glance *glance = container_of(call, struct glance, record);
    glance->has_record = true;
    glance->err = err;
    if (err == ERR_OK) {
        glance_decode(glance, reply);
    }
    if (!glance->expects_wait) {
        return; /* the output follows */
    }
    if (glance->err != ERR_OK) {
        glance_end(glance, glance->err, NULL);
    } else if (glance->job.state == JOB_IN_QUEUE) {
        glance_needs_why(glance);
    } else {
        glance_ask_output(glance);
    }
}

static bool is_beyond_doubt(const struct job_view *job, bool has_output)
{
    switch (job->state) {
    case JOB_COMPLETED:
        return has_output;
    case JOB_IN_PROGRESS:
        return !has_output;
    case JOB_CANCELLED:
        return true;
    case JOB_IN_QUEUE: /* its number and the reason are missing */
    case JOB_FAILED:
    case JOB_TIMED_OUT:
    case JOB_STATE_COUNT:
        break;
    }
    return false;
}

static void glance_output(struct store_call *call, enum err err, const struct reply *reply)
{
    struct glance *glance = container_of(call, struct glance, output);
    if (glance->has_record && (glance->err != ERR_OK || err != ERR_OK)) {
        glance_end(glance, glance->err != ERR_OK ? glance->err : err, NULL);
    } else if (!glance->has_record || !is_beyond_doubt(&glance->job, !reply_is_nil(reply))) {
        glance_ask_script(glance);
    } else {
        glance->job.members = reply_slice(reply);
        glance_end(glance, ERR_OK, &glance->job);
    }
}

static void glance_explain(struct glance *glance)
{
    store_eval(glance->config.store, &glance->why, SCRIPT_EXPLAIN, glance->config.ep, NULL, 0,
               glance_explained);
}

static void put_text(struct buf *out, const struct reply *text)
{
    buf_clear(out);
    (void)buf_put_slice(out, reply_slice(text));
}

static void share(struct glance_shared *shared, const struct reply *reply)
{
    shared->told_us = clock_mono_us();
    shared->first = reply_int(reply_at(reply, WHY_FIRST), INT64_MAX); /* none: it is the first */
    shared->first_low = reply_int(reply_at(reply, WHY_FIRST_LOW), INT64_MAX);
    put_text(&shared->reason, reply_at(reply, WHY_REASON));
    put_text(&shared->detail, reply_at(reply, WHY_DETAIL));
}

static void glance_explained(struct store_call *call, enum err err, const struct reply *reply)
{
    struct glance *glance = container_of(call, struct glance, why);
    if (err == ERR_OK && reply_count(reply) != WHY_COUNT) {
        err = ERR_STORE_REPLY;
    }
    if (err == ERR_OK) {
        share(glance->config.shared, reply);
    }
    if (glance->needs_why && err == ERR_OK) {
        glance_tell_wait(glance);
    } else if (glance->needs_why) {
        glance_end(glance, err, NULL);
    }
}

static void glance_ask_script(struct glance *glance)
{
    const struct glance_config *config = &glance->config;
    store_detach(&glance->record);
    queue_read(config->store, &glance->output, config->ep, config->id, SLICE(""), RATE_NONE,
               glance_read);
}

static void glance_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct glance *glance = container_of(call, struct glance, output);
    struct job_view job;
    if (err == ERR_OK) {
        err = queue_read_result(reply, glance->config.id, &job);
    }
    glance_end(glance, err, &job);
}
