/* The agent's transitions: take, finish, progress, append, renew, adopt, lost, reclaim, report,
 * pin, beat. */
#include "queue/queue.h"
#include "queue/queue_args.h"

/* Arguments of the calls whose number varies: a heap array for the time of the call. */
struct args {
    struct slice *items;
    struct number *numbers;
    size_t count, number_count;
};

static struct args args_new(size_t count)
{
    return (struct args){.items = xcalloc(count, sizeof(struct slice)),
                         .numbers = xcalloc(count, sizeof(struct number))};
}

static void args_done(struct args *args)
{
    free(args->items);
    free(args->numbers);
}
AUTO_DEFINE_EMBEDDED(args_done, struct args)

static void args_put(struct args *args, struct slice item)
{
    args->items[args->count++] = item;
}

static void args_put_number(struct args *args, int64_t value)
{
    args_put(args, number_slice(&args->numbers[args->number_count++], value));
}

static void args_put_job(struct args *args, const struct held_job *job)
{
    args_put(args, job->id);
    args_put_number(args, job->attempt);
    args_put(args, job->worker);
}

static void args_eval(const struct args *args, struct store *store, struct store_call *call,
                      enum script_id script, struct slice ep, store_fn fn)
{
    store_eval(store, call, script, ep, args->items, args->count, fn);
}

void queue_take(struct store *store, struct store_call *call, struct slice ep, struct slice agent,
                const struct slice *workers, size_t count, store_fn fn)
{
    ensure(count > 0 && count <= TAKE_MAX);
    AUTO(args_done) struct args args = args_new(count + 2);
    args_put(&args, agent);
    args_put_number(&args, LEASE_MS);
    for (size_t i = 0; i < count; i++) {
        args_put(&args, workers[i]);
    }
    args_eval(&args, store, call, SCRIPT_TAKE, ep, fn);
}

#define TAKEN_FIELDS 7

enum err queue_take_result(const struct reply *reply, int64_t *ret_waiting, size_t *ret_count)
{
    size_t count = reply_count(reply);
    if (count < 1 || (count - 1) % TAKEN_FIELDS != 0) {
        return ERR_STORE_REPLY;
    }
    *ret_waiting = reply_int(reply_at(reply, 0), 0);
    *ret_count = (count - 1) / TAKEN_FIELDS;
    return ERR_OK;
}

enum err queue_take_job(const struct reply *reply, size_t index, struct taken_job *ret_job)
{
    size_t base = 1 + index * TAKEN_FIELDS;
    struct taken_job job = {
        .id = reply_slice(reply_at(reply, base)),
        .worker = reply_slice(reply_at(reply, base + 1)),
        .attempt = reply_int(reply_at(reply, base + 2), 0),
        .token = reply_slice(reply_at(reply, base + 3)),
        .execution_ms = reply_int(reply_at(reply, base + 4), 0),
        .members = reply_slice(reply_at(reply, base + 5)),
        .watchers = reply_slice(reply_at(reply, base + 6)),
    };
    if (job.id.len == 0 || job.worker.len == 0 || job.attempt < 1 || job.members.len == 0) {
        return ERR_STORE_REPLY;
    }
    *ret_job = job;
    return ERR_OK;
}

void queue_finish(struct store *store, struct store_call *call, struct slice ep,
                  const struct finish_args *args, store_fn fn)
{
    const struct held_job *job = &args->job;
    const struct slice argv[] = {job->id, NUMBER(job->attempt), job->worker,
                                 args->is_failed ? SLICE("F") : SLICE("C"), args->members};
    (args->waits_for_replica ? store_eval_durable : store_eval)(store, call, SCRIPT_FINISH, ep,
                                                                argv, COUNT_OF(argv), fn);
}

/* applied watchers token delay execution retries worker orphan, see finish.lua */
enum err queue_finish_result(const struct reply *reply, const struct finish_args *args,
                             struct finish_result *ret_result)
{
    int64_t answer = reply_int(reply_at(reply, 0), 0);
    struct finish_result result = {.is_applied = answer == 1, .knows_less = answer < 0};
    if (reply_count(reply) < (result.is_applied ? 8U : 1U)) {
        return ERR_STORE_REPLY;
    }
    result.watchers = reply_slice(reply_at(reply, 1));
    result.job = (struct job_view){
        .id = args->job.id,
        .state = args->is_failed ? JOB_FAILED : JOB_COMPLETED,
        .attempt = args->job.attempt,
        .has_run = true,
        .token = reply_slice(reply_at(reply, 2)),
        .delay_ms = reply_int(reply_at(reply, 3), 0),
        .execution_ms = reply_int(reply_at(reply, 4), 0),
        .retries = reply_int(reply_at(reply, 5), 0),
        .is_orphan = reply_int(reply_at(reply, 7), 0) == 1,
        .worker = reply_slice(reply_at(reply, 6)),
    };
    *ret_result = result;
    return ERR_OK;
}

void queue_progress(struct store *store, struct store_call *call, struct slice ep,
                    const struct held_job *job, struct slice members, store_fn fn)
{
    const struct slice argv[] = {job->id, NUMBER(job->attempt), job->worker, members};
    store_eval(store, call, SCRIPT_PROGRESS, ep, argv, COUNT_OF(argv), fn);
}

void queue_append(struct store *store, struct store_call *call, struct slice ep,
                  const struct append_args *append, store_fn fn)
{
    ensure(append->count > 0 && append->count <= APPEND_MAX);
    AUTO(args_done) struct args args = args_new(append->count + 6);
    args_put_job(&args, &append->job);
    args_put_number(&args, append->first);
    args_put(&args, append->must_fill ? SLICE("1") : SLICE("0"));
    args_put_number(&args, (int64_t)append->count);
    for (size_t i = 0; i < append->count; i++) {
        args_put(&args, append->chunks[i]);
    }
    args_eval(&args, store, call, SCRIPT_APPEND, ep, fn);
}

enum err queue_append_result(const struct reply *reply, int64_t *ret_stored,
                             struct slice *ret_watchers, struct slice *ret_token)
{
    if (reply_count(reply) < 1) {
        return ERR_STORE_REPLY;
    }
    *ret_stored = reply_int(reply_at(reply, 0), -1);
    *ret_watchers = reply_slice(reply_at(reply, 1));
    *ret_token = reply_slice(reply_at(reply, 2));
    return ERR_OK;
}

void queue_renew(struct store *store, struct store_call *call, struct slice ep, struct slice agent,
                 const struct held_job *jobs, size_t count, store_fn fn)
{
    AUTO(args_done) struct args args = args_new(3 * count + 2);
    args_put(&args, agent);
    args_put_number(&args, LEASE_MS);
    for (size_t i = 0; i < count; i++) {
        args_put_job(&args, &jobs[i]);
    }
    args_eval(&args, store, call, SCRIPT_RENEW, ep, fn);
}

void queue_adopt(struct store *store, struct store_call *call, struct slice ep, struct slice agent,
                 const struct adoption *jobs, size_t count, store_fn fn)
{
    AUTO(args_done) struct args args = args_new(7 * count + 2);
    args_put(&args, agent);
    args_put_number(&args, LEASE_MS);
    for (size_t i = 0; i < count; i++) {
        args_put_job(&args, &jobs[i].job);
        args_put(&args, jobs[i].token);
        args_put_number(&args, jobs[i].age_ms);
        args_put_number(&args, jobs[i].execution_ms);
        args_put_number(&args, jobs[i].retention_ms);
    }
    args_eval(&args, store, call, SCRIPT_ADOPT, ep, fn);
}

void queue_lost(struct store *store, struct store_call *call, struct slice ep, int64_t retries_max,
                const struct held_job *job, struct slice error_members, store_fn fn)
{
    const struct slice argv[] = {NUMBER(retries_max), job->id, NUMBER(job->attempt), job->worker,
                                 error_members};
    store_eval(store, call, SCRIPT_LOST, ep, argv, COUNT_OF(argv), fn);
}

/* {applied, state, watchers, token}, see lost.lua */
enum err queue_lost_result(const struct reply *reply, struct slice id,
                           struct job_change *ret_change)
{
    const struct reply *item = reply_at(reply, 0);
    if (reply_int(reply_at(item, 0), 0) == 0) {
        return ERR_NOT_FOUND;
    }
    struct job_change change = {.id = id,
                                .watchers = reply_slice(reply_at(item, 2)),
                                .token = reply_slice(reply_at(item, 3))};
    if (job_state_from_letter(reply_slice(reply_at(item, 1)), &change.state) != ERR_OK) {
        return ERR_STORE_REPLY;
    }
    *ret_change = change;
    return ERR_OK;
}

void queue_freed(struct store *store, struct store_call *call, struct slice ep,
                 const struct held_job *job, store_fn fn)
{
    const struct slice argv[] = {job->id, NUMBER(job->attempt)};
    store_eval(store, call, SCRIPT_FREED, ep, argv, COUNT_OF(argv), fn);
}

void queue_reclaim(struct store *store, struct store_call *call, struct slice ep,
                   struct slice agent, int64_t retries_max, enum reclaim_cause cause,
                   const struct slice *held, size_t count, store_fn fn)
{
    AUTO(args_done) struct args args = args_new(count + 3);
    args_put(&args, agent);
    args_put_number(&args, retries_max);
    args_put(&args, cause == RECLAIM_RESTARTED ? SLICE("1") : SLICE("0"));
    for (size_t i = 0; i < count; i++) {
        args_put(&args, held[i]);
    }
    args_eval(&args, store, call, SCRIPT_RECLAIM, ep, fn);
}

void queue_log(struct store *store, struct store_call *call, struct slice ep,
               const struct log_line *lines, size_t count, store_fn fn)
{
    AUTO(args_done) struct args args = args_new(3 * count + 2);
    args_put_number(&args, LOG_BYTES_MAX);
    args_put_number(&args, LOG_LINES_MAX);
    for (size_t i = 0; i < count; i++) {
        args_put(&args, lines[i].worker);
        args_put(&args, lines[i].job);
        args_put(&args, lines[i].text);
    }
    args_eval(&args, store, call, SCRIPT_LOG, ep, fn);
}

void queue_report(struct store *store, struct store_call *call, struct slice ep, struct slice agent,
                  const struct worker_report *reports, size_t count, store_fn fn)
{
    AUTO(args_done) struct args args = args_new(8 * count + 1);
    args_put(&args, agent);
    for (size_t i = 0; i < count; i++) {
        args_put(&args, reports[i].worker);
        args_put(&args, reports[i].state);
        args_put_number(&args, reports[i].held);
        args_put_number(&args, reports[i].age_ms);
        args_put_number(&args, reports[i].version);
        args_put_number(&args, reports[i].slots);
        args_put_number(&args, reports[i].start_ms);
        args_put_number(&args, reports[i].ready_age_ms);
    }
    args_eval(&args, store, call, SCRIPT_REPORT, ep, fn);
}

void queue_crashed(struct store *store, struct store_call *call, struct slice ep,
                   const struct crash_args *args, store_fn fn)
{
    const struct slice argv[] = {args->agent, NUMBER(args->release), args->said,
                                 args->is_from_outside ? SLICE("1") : SLICE("0")};
    store_eval(store, call, SCRIPT_CRASHED, ep, argv, COUNT_OF(argv), fn);
}

void queue_proven(struct store *store, struct store_call *call, struct slice ep, int64_t release,
                  store_fn fn)
{
    store_eval(store, call, SCRIPT_PROVEN, ep, (const struct slice[]){NUMBER(release)}, 1, fn);
}

void queue_pin(struct store *store, struct store_call *call, struct slice ep,
               const struct pin_args *args, store_fn fn)
{
    const struct slice argv[] = {NUMBER(args->version), NUMBER(args->release), args->image};
    store_eval(store, call, SCRIPT_PIN, ep, argv, COUNT_OF(argv), fn);
}

void queue_beat(struct store *store, struct store_call *call, struct slice agent,
                struct slice description, int64_t answered_ms, store_fn fn)
{
    const struct slice argv[] = {agent, description, NUMBER(answered_ms)};
    store_eval(store, call, SCRIPT_BEAT, SLICE("sys"), argv, COUNT_OF(argv), fn);
}
