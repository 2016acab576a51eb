/*   put:      bytes -> (thread) seal, write, fsync, rename, fsync the folder -> file -> told
 *   deliver:  first file -> (thread) read -> append a page ... -> finish -> announce -> unlink ->
 *             next; the store knows less of the job? adopt it, then append from the start
 *
 * Files are read and written in libuv's threads, each on an own struct work that the loop does
 * not touch meanwhile. One delivery at a time, oldest first: it is the exception, and order keeps
 * it simple. One that Redis does not take now goes behind the others, and so does one that a
 * replica has to confirm: it is stored at once, and a second time to wait for that. A file that is
 * damaged, that cannot be read, or that Redis cannot make sense of, is set aside as NAME.bad,
 * loudly; what may pass (no descriptor is free) is tried BAD_TRIES times. An error of the store
 * means waiting.
 *
 * What must never happen: a result is told to be safe and is not. So the name comes last, and a
 * write that fails anywhere leaves nothing and says so. */
#include "spool.h"

#include <errno.h>
#include <unistd.h>
#include <uv.h>

#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "spool_dir.h"

#define RETRY_MS 500
#define BAD_TRIES 5
#define PAGE_BYTES ((size_t)4 << 20)
#define READ_MAX ((size_t)256 << 20)

struct spool_file {
    struct list link; /* spool.files */
    char *name;       /* owned, "ep.job.attempt.spool" */
    struct parcel id; /* ep, job and attempt, in name */
    size_t size;
    bool is_stored; /* Redis has it, a replica has yet to confirm it */
    unsigned bad_tries;
};

/* One piece of work in a thread. */
struct work {
    uv_work_t uv;
    struct spool *spool;
    char *path;       /* owned */
    struct buf bytes; /* what to write, or what was read */
    enum err err;     /* how it went */
    int error_number; /* errno of what failed */
};

struct spool_put {
    struct work work;
    char *name; /* owned */
    spool_fn fn;
    void *arg;
    bool is_dropped;
};

struct spool {
    struct spool_config config;
    char *dir;
    int dir_fd, lock_fd;
    size_t bytes;      /* of all files, those being written too */
    size_t busy;       /* works in threads */
    struct list files; /* spool_file.link, the next to be delivered first */
    bool is_told_full;
    bool is_closing;
    /* the delivery on its way */
    bool is_delivering;
    struct spool_file *file;
    struct work work;
    struct parcel parcel; /* in work.bytes */
    struct slice rest;    /* chunks that are not stored yet */
    int64_t next;         /* index of the first of them */
    size_t in_flight;     /* chunks of the append on its way */
    struct slice after;   /* rest once it is stored */
    bool is_refused;      /* the store has lost the job and will not have it back */
    struct turn turn;
    struct store_call call;
    struct timer retry;
};

static void deliver_read(struct spool *spool);
static void deliver_opened(uv_work_t *uv, int status);
static void deliver_begin(struct spool *spool);
static void deliver_append(struct spool *spool);
static void deliver_appended(struct store_call *call, enum err err, const struct reply *reply);
static void deliver_finish(struct spool *spool);
static void deliver_finish_turn(struct turn *turn);
static void deliver_send(struct spool *spool);
static void deliver_finished(struct store_call *call, enum err err, const struct reply *reply);
static void deliver_done(struct spool *spool, const struct finish_result *result);
static void deliver_adopt(struct spool *spool);
static void deliver_adopted(struct store_call *call, enum err err, const struct reply *reply);
static void deliver_end(struct spool *spool);
static void deliver_later(struct spool *spool, enum err err);

/* ---- files ---- */

static struct spool_file *file_first(const struct spool *spool)
{
    return container_of(spool->files.next, struct spool_file, link);
}

static struct spool_file *file_add(struct spool *spool, const char *name, size_t size)
{
    struct spool_file *file = xcalloc(1, sizeof(*file));
    file->name = xstrdup(name);
    file->size = size;
    if (parcel_parse_name(slice_of(file->name), &file->id) != ERR_OK) {
        free(file->name);
        free(file);
        return NULL;
    }
    list_push(&spool->files, &file->link);
    return file;
}

static void file_free(struct spool_file *file)
{
    list_unlink(&file->link);
    free(file->name);
    free(file);
}

static char *path_of(const struct spool *spool, const char *name)
{
    return xasprintf("%s/%s", spool->dir, name);
}

/* ---- opening ---- */

static void found(const char *name, size_t size, void *arg)
{
    struct spool *spool = arg;
    if (file_add(spool, name, size) != NULL) {
        spool->bytes += size;
    }
}

enum err spool_new(const struct spool_config *config, struct spool **ret_spool, struct buf *problem)
{
    struct spool *spool = xcalloc(1, sizeof(*spool));
    spool->config = *config;
    spool->dir = xstrdup(config->dir);
    spool->dir_fd = spool->lock_fd = -1;
    turn_init(&spool->turn);
    list_init(&spool->files);
    enum err err = spool_dir_open(spool->dir, &spool->dir_fd, &spool->lock_fd, problem);
    if (err != ERR_OK) {
        spool_close(spool);
        return err;
    }
    size_t count = spool_dir_each(spool->dir, spool->dir_fd, found, spool);
    if (count > 0) {
        log_info("spool.found", "files=%zu bytes=%zu", count, spool->bytes);
    }
    *ret_spool = spool;
    return ERR_OK;
}

void spool_close(struct spool *spool)
{
    if (spool == NULL) {
        return;
    }
    spool->is_closing = true;
    while (spool->busy > 0) {
        (void)uv_run(loop_uv(spool->config.loop), UV_RUN_ONCE);
    }
    store_detach(&spool->call);
    turn_leave(&spool->turn);
    timer_stop(&spool->retry);
    while (!list_is_empty(&spool->files)) {
        file_free(file_first(spool));
    }
    if (spool->lock_fd >= 0) {
        (void)close(spool->lock_fd);
    }
    if (spool->dir_fd >= 0) {
        (void)close(spool->dir_fd);
    }
    buf_done(&spool->work.bytes);
    free(spool->work.path);
    free(spool->dir);
    free(spool);
}

bool spool_is_empty(const struct spool *spool)
{
    return list_is_empty(&spool->files);
}

void spool_each(const struct spool *spool, struct slice ep, spool_job_fn fn, void *arg)
{
    list_each (at, &spool->files) {
        const struct spool_file *file = container_of(at, struct spool_file, link);
        if (slice_eq(file->id.ep, ep)) {
            fn(file->id.job, file->id.attempt, arg);
        }
    }
}

/* ---- put ---- */

static void fail(struct work *work)
{
    work->error_number = errno;
    work->err = err_from_errno(errno);
}

/* In a thread. */
static void put_write(uv_work_t *uv)
{
    struct work *work = container_of(uv, struct work, uv);
    parcel_seal(&work->bytes);
    if (!file_put(work->spool->dir_fd, work->path, buf_slice(&work->bytes))) {
        fail(work);
    }
}

static void put_free(struct spool_put *put)
{
    buf_done(&put->work.bytes);
    free(put->work.path);
    free(put->name);
    free(put);
}

static void tell_full(struct spool *spool, const char *reason)
{
    if (!spool->is_told_full) {
        spool->is_told_full = true;
        log_error("spool.full", "bytes=%zu reason=%s then=\"results wait in memory\"", spool->bytes,
                  log_quote(slice_of(reason)));
    }
}

static void put_done(struct spool_put *put)
{
    struct spool *spool = put->work.spool;
    enum err err = put->work.err;
    size_t size = put->work.bytes.len;
    if (err != ERR_OK) {
        spool->bytes -= size;
        tell_full(spool, strerror(put->work.error_number));
    } else if (put->is_dropped) {
        (void)unlink(put->work.path);
        spool->bytes -= size;
    } else {
        spool->is_told_full = false;
        (void)file_add(spool, put->name, size);
    }
    if (!put->is_dropped) {
        put->fn(err, put->arg);
    }
    put_free(put);
    spool_deliver(spool);
}

static void put_written(uv_work_t *uv, int status)
{
    struct work *work = container_of(uv, struct work, uv);
    (void)status;
    work->spool->busy--;
    put_done(container_of(work, struct spool_put, work));
}

/* In a thread, for nothing: the answer comes later, as it must. */
static void put_refuse(uv_work_t *uv)
{
    struct work *work = container_of(uv, struct work, uv);
    work->err = ERR_NO_SPACE;
    work->error_number = ENOSPC;
}

struct spool_put *spool_put(struct spool *spool, const struct parcel *parcel, spool_fn fn,
                            void *arg)
{
    struct spool_put *put = xcalloc(1, sizeof(*put));
    put->work.spool = spool;
    put->name = parcel_name(parcel->ep, parcel->job, parcel->attempt);
    put->work.path = path_of(spool, put->name);
    put->fn = fn;
    put->arg = arg;
    buf_init(&put->work.bytes, READ_MAX);
    parcel_put(&put->work.bytes, parcel);
    size_t size = put->work.bytes.len + PARCEL_SEAL;
    bool is_over = buf_is_over(&put->work.bytes) || size > READ_MAX ||
                   spool->bytes + size > spool->config.bytes_max;
    if (is_over) {
        tell_full(spool, "it may hold no more: --spool-max-mb");
        buf_clear(&put->work.bytes);
    }
    spool->bytes += is_over ? 0 : size;
    spool->busy++;
    ensure(uv_queue_work(loop_uv(spool->config.loop), &put->work.uv,
                         is_over ? put_refuse : put_write, put_written) == 0);
    return put;
}

void spool_put_drop(struct spool_put *put)
{
    put->is_dropped = true;
}

/* ---- deliver ---- */

void spool_deliver(struct spool *spool)
{
    if (!spool->is_closing && !spool->is_delivering && !timer_is_running(&spool->retry) &&
        !spool_is_empty(spool) && store_is_ready(spool->config.store)) {
        spool->is_delivering = true;
        deliver_read(spool);
    }
}

/* In a thread. The parcel is checked there, too: digests of large files take time. */
static void open_file(uv_work_t *uv)
{
    struct work *work = container_of(uv, struct work, uv);
    work->err = file_get(work->path, READ_MAX, &work->bytes);
    if (work->err == ERR_OK) {
        work->err = parcel_read(buf_slice(&work->bytes), &work->spool->parcel);
    }
}

/* To wait for a replica may take for ever: first all others. */
static struct spool_file *file_next(const struct spool *spool)
{
    list_each (at, &spool->files) {
        struct spool_file *file = container_of(at, struct spool_file, link);
        if (!file->is_stored) {
            return file;
        }
    }
    return file_first(spool);
}

static void deliver_read(struct spool *spool)
{
    struct work *work = &spool->work;
    spool->file = file_next(spool);
    free(work->path);
    work->spool = spool;
    work->path = path_of(spool, spool->file->name);
    work->err = ERR_OK;
    buf_clear(&work->bytes);
    spool->busy++;
    ensure(uv_queue_work(loop_uv(spool->config.loop), &work->uv, open_file, deliver_opened) == 0);
}

/* The file is kept for whoever looks into it; nothing here reads it again. */
static void set_aside(struct spool *spool, enum err err)
{
    AUTO_STR bad = xasprintf("%s.bad", spool->work.path);
    (void)rename(spool->work.path, bad);
    log_error("spool.unreadable", "file=%s err=%s kept_as=%s",
              log_quote(slice_of(spool->work.path)), err_name(err), log_quote(slice_of(bad)));
    deliver_end(spool);
}

static void deliver_opened(uv_work_t *uv, int status)
{
    struct spool *spool = container_of(uv, struct work, uv)->spool;
    (void)status;
    spool->busy--;
    if (spool->work.err == ERR_BAD_REQUEST) {
        set_aside(spool, spool->work.err);
        return;
    }
    if (spool->work.err != ERR_OK) {
        deliver_later(spool, spool->work.err);
        return;
    }
    spool->is_refused = false;
    deliver_begin(spool);
}

static struct held_job job_of(const struct spool *spool)
{
    return (struct held_job){spool->parcel.job, spool->parcel.attempt, spool->parcel.worker};
}

static void deliver_begin(struct spool *spool)
{
    spool->rest = spool->parcel.chunks;
    spool->next = spool->parcel.first;
    deliver_append(spool);
}

static size_t next_page(struct spool *spool, struct slice chunks[APPEND_MAX])
{
    size_t count = 0, bytes = 0;
    spool->after = spool->rest;
    while (count < APPEND_MAX && bytes < PAGE_BYTES &&
           parcel_chunk(&spool->after, &chunks[count]) == ERR_OK) {
        bytes += chunks[count++].len;
    }
    return count;
}

static void deliver_append(struct spool *spool)
{
    struct slice chunks[APPEND_MAX];
    spool->in_flight = next_page(spool, chunks);
    if (spool->in_flight == 0) {
        deliver_finish(spool);
        return;
    }
    const struct append_args args = {.job = job_of(spool),
                                     .first = spool->next,
                                     .must_fill = true,
                                     .chunks = chunks,
                                     .count = spool->in_flight};
    queue_append(spool->config.store, &spool->call, spool->parcel.ep, &args, deliver_appended);
}

static void deliver_appended(struct store_call *call, enum err err, const struct reply *reply)
{
    struct spool *spool = container_of(call, struct spool, call);
    struct slice watchers, token;
    int64_t stored = 0;
    if (err == ERR_OK) {
        err = queue_append_result(reply, &stored, &watchers, &token);
    }
    if (err != ERR_OK) {
        deliver_later(spool, err);
    } else if (stored < 0) { /* the attempt does not count, or not yet; finish says what is so */
        deliver_finish(spool);
    } else {
        spool->rest = spool->after;
        spool->next += (int64_t)spool->in_flight;
        deliver_append(spool);
    }
}

static struct finish_args finish_args(const struct spool *spool)
{
    const struct parcel *parcel = &spool->parcel;
    return (struct finish_args){.job = job_of(spool),
                                .is_failed = parcel->is_failed,
                                .members = parcel->members,
                                .waits_for_replica = spool->file->is_stored};
}

static void deliver_finish(struct spool *spool)
{
    if (spool->parcel.members.len >= TURN_BYTES) {
        turn_join(spool->config.turns, &spool->turn, deliver_finish_turn);
    } else {
        deliver_send(spool);
    }
}

static void deliver_finish_turn(struct turn *turn)
{
    deliver_send(container_of(turn, struct spool, turn));
}

static void deliver_send(struct spool *spool)
{
    const struct finish_args args = finish_args(spool);
    queue_finish(spool->config.store, &spool->call, spool->parcel.ep, &args, deliver_finished);
}

/* The watchers read the result from Redis: it may be large, and this is no fast path. */
static void announce(const struct spool *spool, const struct finish_result *result)
{
    const struct bus_frame frame = {BUS_LOOK, spool->parcel.ep, spool->parcel.job,
                                    result->job.token, SLICE_NONE};
    if (result->watchers.len > 0) {
        bus_publish(spool->config.bus, result->watchers, &frame);
    }
}

static bool waits_for_replica(const struct spool *spool)
{
    const struct spool_config *config = &spool->config;
    return config->waits_for_replica != NULL &&
           config->waits_for_replica(config->arg, spool->parcel.ep);
}

static void deliver_behind(struct spool *spool)
{
    list_unlink(&spool->file->link);
    list_push(&spool->files, &spool->file->link);
    spool->is_delivering = false;
}

static void deliver_finished(struct store_call *call, enum err err, const struct reply *reply)
{
    struct spool *spool = container_of(call, struct spool, call);
    const struct finish_args args = finish_args(spool);
    struct finish_result result = {.is_applied = false};
    turn_leave(&spool->turn);
    if (err == ERR_OK || err == ERR_STORE_UNACKED) {
        enum err broken = queue_finish_result(reply, &args, &result);
        err = broken != ERR_OK ? broken : err;
    }
    if (result.knows_less && !spool->is_refused) {
        deliver_adopt(spool);
        return;
    }
    if (err != ERR_OK) {
        deliver_later(spool, err);
        return;
    }
    if (!spool->file->is_stored && waits_for_replica(spool)) {
        spool->file->is_stored = true;
        deliver_behind(spool);
        spool_deliver(spool);
        return;
    }
    deliver_done(spool, &result);
}

static void deliver_done(struct spool *spool, const struct finish_result *result)
{
    if (result->is_applied) {
        announce(spool, result);
    }
    log_info("spool.delivered", "ep=%.*s job=%.*s attempt=%lld applied=%d",
             SLICE_ARG(spool->parcel.ep), SLICE_ARG(spool->parcel.job),
             (long long)spool->parcel.attempt, result->is_applied);
    (void)unlink(spool->work.path);
    deliver_end(spool);
}

static void deliver_adopt(struct spool *spool)
{
    const struct parcel *parcel = &spool->parcel;
    char token[TOKEN_SIZE];
    id_hex(token, (TOKEN_SIZE - 1) / 2);
    const struct adoption adoption = {
        .job = job_of(spool),
        .token = slice_of(token),
        .age_ms = parcel->duration_ms,
        .execution_ms = parcel->duration_ms + LEASE_MS, /* it has run: no timeout any more */
        .retention_ms = parcel->retention_ms,
    };
    queue_adopt(spool->config.store, &spool->call, parcel->ep, slice_of(spool->config.agent),
                &adoption, 1, deliver_adopted);
}

static void deliver_adopted(struct store_call *call, enum err err, const struct reply *reply)
{
    struct spool *spool = container_of(call, struct spool, call);
    if (err != ERR_OK) {
        deliver_later(spool, err);
        return;
    }
    spool->is_refused = reply_int(reply_at(reply, 0), 0) != 1;
    log_warn("spool.adopted", "ep=%.*s job=%.*s attempt=%lld is_ours=%d",
             SLICE_ARG(spool->parcel.ep), SLICE_ARG(spool->parcel.job),
             (long long)spool->parcel.attempt, !spool->is_refused);
    deliver_begin(spool);
}

static void deliver_end(struct spool *spool)
{
    spool->bytes -= spool->file->size;
    file_free(spool->file);
    buf_done(&spool->work.bytes);
    spool->is_delivering = false;
    if (spool_is_empty(spool)) {
        spool->config.on_empty(spool->config.arg);
    } else {
        spool_deliver(spool);
    }
}

static void retry_due(struct timer *timer)
{
    spool_deliver(container_of(timer, struct spool, retry));
}

static void deliver_later(struct spool *spool, enum err err)
{
    if (!err_is_retryable(err) && ++spool->file->bad_tries >= BAD_TRIES) {
        set_aside(spool, err);
        return;
    }
    deliver_behind(spool);
    timer_start(spool->config.loop, &spool->retry, RETRY_MS, retry_due);
}
