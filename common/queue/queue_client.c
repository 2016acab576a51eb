/* The client's transitions: submit, read, stream, cancel and the others. */
#include "base/id.h"
#include "queue/queue.h"
#include "queue/queue_args.h"

int64_t queue_limited_ms(const struct reply *reply)
{
    int64_t value = reply_count(reply) == 0 ? reply_int(reply, 0) : 0;
    return value < 0 ? -value : 0;
}

void queue_submit(struct store *store, struct store_call *call, struct slice ep,
                  const struct submit_args *args, store_fn fn)
{
    enum { LETTERS = 7, OPTION_COUNT = 7 };
    const struct {
        char letter;
        struct slice value; /* empty: not sent */
    } options[OPTION_COUNT] = {
        {'l', args->is_low_priority ? SLICE("l") : SLICE("")},
        {'w', args->watcher},
        {'r', args->rate.bucket},
        {'m', args->rate.bucket.len > 0 ? NUMBER(args->rate.limit) : SLICE("")},
        {'i', args->idempotency},
        {'b', args->body_digest},
        {'h', args->webhook},
    };
    char letters[OPTION_COUNT];
    struct slice argv[LETTERS + 1 + OPTION_COUNT] = {
        args->id,
        args->members,
        args->token,
        NUMBER(args->execution_ms),
        NUMBER(args->ttl_ms),
        NUMBER(args->retention_ms),
        NUMBER(args->waiting_max),
    };
    size_t count = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (options[i].value.len > 0) {
            letters[count] = options[i].letter;
            argv[LETTERS + 1 + count++] = options[i].value;
        }
    }
    argv[LETTERS] = (struct slice){letters, count};
    (args->waits_for_replica ? store_eval_durable : store_eval)(store, call, SCRIPT_SUBMIT, ep,
                                                                argv, LETTERS + 1 + count, fn);
}

enum err queue_submit_result(const struct reply *reply, enum submit_outcome *ret_outcome,
                             struct slice *ret_first_id)
{
    if (queue_limited_ms(reply) > 0) {
        return ERR_LIMITED;
    }
    if (reply_slice(reply).len > 0) {
        *ret_outcome = SUBMIT_REPLAYED;
        *ret_first_id = reply_slice(reply);
        return ERR_OK;
    }
    int64_t outcome = reply_int(reply, -1);
    if (outcome < SUBMIT_REFUSED || outcome > SUBMIT_GONE) {
        return ERR_STORE_REPLY;
    }
    *ret_outcome = (enum submit_outcome)outcome;
    return ERR_OK;
}

void queue_read(struct store *store, struct store_call *call, struct slice ep, struct slice id,
                struct slice watcher, const struct rate *rate, store_fn fn)
{
    const struct slice argv[] = {id, watcher, rate->bucket, NUMBER(rate->limit)};
    store_eval(store, call, SCRIPT_READ, ep, argv, COUNT_OF(argv), fn);
}

/* What view_job.lua says. */
enum {
    VIEW_STATE,
    VIEW_SUBMITTED,
    VIEW_STARTED,
    VIEW_ENDED,
    VIEW_WORKER,
    VIEW_RETRIES,
    VIEW_FREED,
    VIEW_ORPHAN,
    VIEW_RECORD_COUNT,
    VIEW_ATTEMPT = VIEW_RECORD_COUNT,
    VIEW_TOKEN,
    VIEW_MEMBERS,
    VIEW_POSITION,
    VIEW_REASON,
    VIEW_DETAIL,
};

enum err queue_record_result(const struct reply *reply, struct slice id, struct job_view *ret_job)
{
    struct job_view job = {.id = id};
    if (reply_count(reply) < VIEW_RECORD_COUNT ||
        job_state_from_letter(reply_slice(reply_at(reply, VIEW_STATE)), &job.state) != ERR_OK) {
        return ERR_STORE_REPLY;
    }
    int64_t submitted_ms = reply_int(reply_at(reply, VIEW_SUBMITTED), 0);
    int64_t started_ms = reply_int(reply_at(reply, VIEW_STARTED), 0);
    int64_t ended_ms = reply_int(reply_at(reply, VIEW_ENDED), 0);
    const struct reply *freed = reply_at(reply, VIEW_FREED);
    job.has_run = started_ms > 0;
    job.delay_ms = (job.has_run ? started_ms : ended_ms) - submitted_ms;
    job.execution_ms = job.has_run && ended_ms >= started_ms ? ended_ms - started_ms : 0;
    job.worker = reply_slice(reply_at(reply, VIEW_WORKER));
    job.retries = reply_int(reply_at(reply, VIEW_RETRIES), 0);
    job.has_freed = !reply_is_nil(freed);
    job.freed_ms = reply_int(freed, ended_ms) - ended_ms;
    job.is_orphan = reply_int(reply_at(reply, VIEW_ORPHAN), 0) == 1;
    *ret_job = job;
    return ERR_OK;
}

enum err queue_read_result(const struct reply *reply, struct slice id, struct job_view *ret_job)
{
    if (reply_is_nil(reply)) {
        return ERR_NOT_FOUND;
    }
    if (queue_limited_ms(reply) > 0) {
        return ERR_LIMITED;
    }
    struct job_view job;
    if (queue_record_result(reply, id, &job) != ERR_OK) {
        return ERR_STORE_REPLY;
    }
    job.attempt = reply_int(reply_at(reply, VIEW_ATTEMPT), 0);
    job.token = reply_slice(reply_at(reply, VIEW_TOKEN));
    job.members = reply_slice(reply_at(reply, VIEW_MEMBERS));
    job.position = reply_int(reply_at(reply, VIEW_POSITION), 0);
    job.reason = reply_slice(reply_at(reply, VIEW_REASON));
    job.detail = reply_slice(reply_at(reply, VIEW_DETAIL));
    *ret_job = job;
    return ERR_OK;
}

void queue_stream(struct store *store, struct store_call *call, struct slice ep, struct slice id,
                  const struct stream_request *request, store_fn fn)
{
    char reading[17];
    id_hex(reading, 8);
    const struct slice argv[] = {id,
                                 NUMBER((int64_t)request->bytes_max),
                                 request->watcher,
                                 slice_of(reading),
                                 request->rate.bucket,
                                 NUMBER(request->rate.limit)};
    store_eval(store, call, SCRIPT_STREAM, ep, argv, COUNT_OF(argv), fn);
}

enum err queue_stream_result(const struct reply *reply, struct stream_page *ret_page)
{
    if (reply_is_nil(reply)) {
        return ERR_NOT_FOUND;
    }
    struct stream_page page = {.reply = reply};
    if (queue_limited_ms(reply) > 0) {
        return ERR_LIMITED;
    }
    if (reply_count(reply) < 4 ||
        job_state_from_letter(reply_slice(reply_at(reply, 0)), &page.state) != ERR_OK) {
        return ERR_STORE_REPLY;
    }
    page.attempt = reply_int(reply_at(reply, 1), 0);
    page.token = reply_slice(reply_at(reply, 2));
    page.has_more = reply_int(reply_at(reply, 3), 0) != 0;
    page.chunk_count = reply_count(reply) - 4;
    *ret_page = page;
    return ERR_OK;
}

struct slice stream_page_chunk(const struct stream_page *page, size_t index)
{
    return reply_slice(reply_at(page->reply, 4 + index));
}

void queue_cancel(struct store *store, struct store_call *call, struct slice ep, struct slice id,
                  const struct rate *rate, store_fn fn)
{
    const struct slice argv[] = {id, rate->bucket, NUMBER(rate->limit)};
    store_eval(store, call, SCRIPT_CANCEL, ep, argv, COUNT_OF(argv), fn);
}

void queue_cancel_durable(struct store *store, struct store_call *call, struct slice ep,
                          struct slice id, store_fn fn)
{
    const struct slice argv[] = {id, RATE_NONE->bucket, NUMBER(RATE_NONE->limit)};
    store_eval_durable(store, call, SCRIPT_CANCEL, ep, argv, COUNT_OF(argv), fn);
}

/* state watchers token delay execution worker, see cancel.lua */
enum err queue_cancel_result(const struct reply *reply, struct slice id,
                             struct cancel_result *ret_result)
{
    if (reply_is_nil(reply)) {
        return ERR_NOT_FOUND;
    }
    struct cancel_result result = {.job.id = id};
    if (queue_limited_ms(reply) > 0) {
        return ERR_LIMITED;
    }
    if (reply_count(reply) < 6 ||
        job_state_from_letter(reply_slice(reply_at(reply, 0)), &result.job.state) != ERR_OK) {
        return ERR_STORE_REPLY;
    }
    result.watchers = reply_slice(reply_at(reply, 1));
    result.job.token = reply_slice(reply_at(reply, 2));
    result.job.delay_ms = reply_int(reply_at(reply, 3), 0);
    result.job.execution_ms = reply_int(reply_at(reply, 4), 0);
    result.job.worker = reply_slice(reply_at(reply, 5));
    result.job.has_run = result.job.worker.len > 0;
    *ret_result = result;
    return ERR_OK;
}

void queue_retry(struct store *store, struct store_call *call, struct slice ep, struct slice id,
                 store_fn fn)
{
    store_eval(store, call, SCRIPT_RETRY, ep, &id, 1, fn);
}

enum err queue_retry_result(const struct reply *reply, struct retry_result *ret_result)
{
    if (reply_is_nil(reply)) {
        return ERR_NOT_FOUND;
    }
    struct retry_result result = {.is_queued = reply_int(reply_at(reply, 0), 0) == 1};
    enum err err = job_state_from_letter(reply_slice(reply_at(reply, 1)), &result.state);
    if (err != ERR_OK) {
        return ERR_STORE_REPLY;
    }
    *ret_result = result;
    return ERR_OK;
}

void queue_purge(struct store *store, struct store_call *call, struct slice ep, int64_t most,
                 int64_t before_seq, const struct rate *rate, store_fn fn)
{
    const struct slice argv[] = {NUMBER(most), before_seq < 0 ? SLICE("") : NUMBER(before_seq),
                                 rate->bucket, NUMBER(rate->limit)};
    store_eval(store, call, SCRIPT_PURGE, ep, argv, COUNT_OF(argv), fn);
}

enum err queue_purge_result(const struct reply *reply, struct purge_page *ret_page)
{
    size_t count = reply_count(reply);
    if (queue_limited_ms(reply) > 0) {
        return ERR_LIMITED;
    }
    if (count < 3) {
        return ERR_STORE_REPLY;
    }
    *ret_page = (struct purge_page){.removed = reply_int(reply_at(reply, 0), 0),
                                    .has_more = reply_int(reply_at(reply, 1), 0) != 0,
                                    .last_seq = reply_int(reply_at(reply, 2), 0),
                                    .watched_count = (count - 3) / 3};
    return ERR_OK;
}

void queue_purge_watched(const struct reply *reply, size_t index, struct job_change *ret_change)
{
    *ret_change = (struct job_change){.id = reply_slice(reply_at(reply, 3 + 3 * index)),
                                      .watchers = reply_slice(reply_at(reply, 4 + 3 * index)),
                                      .token = reply_slice(reply_at(reply, 5 + 3 * index)),
                                      .state = JOB_CANCELLED};
}

void queue_recent(struct store *store, struct store_call *call, struct slice ep,
                  const struct rate *rate, store_fn fn)
{
    const struct slice argv[] = {rate->bucket, NUMBER(rate->limit)};
    store_eval(store, call, SCRIPT_RECENT, ep, argv, COUNT_OF(argv), fn);
}

enum err queue_recent_at(const struct reply *reply, size_t index, struct job_view *ret_job,
                         int64_t *ret_submitted_ms)
{
    const struct reply *item = reply_at(reply, index);
    if (item == NULL) {
        return ERR_NOT_FOUND;
    }
    const struct reply *job = reply_at(item, 1);
    *ret_submitted_ms = reply_int(reply_at(job, VIEW_SUBMITTED), 0);
    return queue_read_result(job, reply_slice(reply_at(item, 0)), ret_job);
}

void queue_expire(struct store *store, struct store_call *call, struct slice ep, struct slice id,
                  int64_t ttl_ms, store_fn fn)
{
    const struct slice argv[] = {id, NUMBER(ttl_ms)};
    store_eval(store, call, SCRIPT_EXPIRE, ep, argv, COUNT_OF(argv), fn);
}

void queue_attend(struct store *store, struct store_call *call, struct slice node,
                  int64_t silence_ms, store_fn fn)
{
    const struct slice argv[] = {node, NUMBER(silence_ms)};
    store_eval(store, call, SCRIPT_ATTEND, SLICE("sys"), argv, COUNT_OF(argv), fn);
}

void queue_health(struct store *store, struct store_call *call, struct slice ep, store_fn fn)
{
    store_eval(store, call, SCRIPT_HEALTH, ep, NULL, 0, fn);
}

static void health_count_job(struct health *health, struct slice name, int64_t value)
{
    const struct {
        const char *name;
        int64_t *counter;
    } counters[] = {
        {"inQueue", &health->in_queue},    {"inProgress", &health->in_progress},
        {"completed", &health->completed}, {"failed", &health->failed},
        {"retried", &health->retried},     {"throttled", &health->throttled},
    };
    for (size_t i = 0; i < COUNT_OF(counters); i++) {
        if (slice_is(name, counters[i].name)) {
            *counters[i].counter = value < 0 ? 0 : value;
        }
    }
}

static void health_count_worker(struct health *health, struct slice state)
{
    const struct {
        const char *name;
        int64_t *counter;
    } counters[] = {
        {"idle", &health->idle},
        {"initializing", &health->initializing},
        {"pulling", &health->initializing}, /* its image; RunPod has no word for that */
        {"running", &health->running},
        {"unhealthy", &health->unhealthy},
    };
    for (size_t i = 0; i < COUNT_OF(counters); i++) {
        if (slice_is(state, counters[i].name)) {
            (*counters[i].counter)++;
        }
    }
}

enum err queue_health_result(const struct reply *reply, struct health *ret_health)
{
    if (reply_count(reply) != 3) {
        return ERR_STORE_REPLY;
    }
    struct health health = {.detail = reply_slice(reply_at(reply, 2))};
    const struct reply *stats = reply_at(reply, 0), *workers = reply_at(reply, 1);
    for (size_t i = 0; i + 1 < reply_count(stats); i += 2) {
        struct slice name = reply_slice(reply_at(stats, i));
        health_count_job(&health, name, reply_int(reply_at(stats, i + 1), 0));
        if (slice_is(name, "reason")) {
            health.reason = reply_slice(reply_at(stats, i + 1));
        }
    }
    for (size_t i = 0; i + 1 < reply_count(workers); i += 2) {
        struct slice value = reply_slice(reply_at(workers, i + 1));
        health_count_worker(&health, slice_cut(&value, ' '));
    }
    *ret_health = health;
    return ERR_OK;
}
