/*   line -> which job? -> list -> (250 ms, or enough) log.lua -> forget -> next
 *
 * A line of the SDK names its job; any other belongs to the job in work when there is exactly one.
 * While Redis is away lines wait, BYTES_MAX at most; then new ones are left out and a line says how
 * many. Nothing waits for this: a handler's output never slows it down. */
#include "scribe.h"

#include "group.h"
#include "held.h"
#include "lines.h"
#include "slot.h"

#define DELAY_MS 250
#define RETRY_MS 1000
#define BYTES_MAX ((size_t)256 << 10)
#define BATCH_LINES 200

struct scribe_line {
    struct list link;
    char *worker, *job, *text; /* owned */
    size_t size;
};

static void scribe_due(struct timer *timer);
static void scribe_stored(struct store_call *call, enum err err, const struct reply *reply);

static struct group *group_of(struct scribe *scribe)
{
    return container_of(scribe, struct group, scribe);
}

static void line_add(struct scribe *scribe, const char *worker, struct slice job, struct slice text)
{
    struct scribe_line *line = xcalloc(1, sizeof(*line));
    AUTO(buf_done) struct buf clean = BUF_INIT;
    text_clean(text, &clean);
    line->worker = xstrdup(worker);
    line->job = slice_dup(job);
    line->size = clean.len;
    line->text = buf_take_str(&clean);
    scribe->bytes += line->size;
    list_push(&scribe->lines, &line->link);
}

static void line_free(struct scribe *scribe, struct scribe_line *line)
{
    scribe->bytes -= line->size;
    list_unlink(&line->link);
    free(line->worker);
    free(line->job);
    free(line->text);
    free(line);
}

static struct scribe_line *first(const struct scribe *scribe)
{
    return container_of(scribe->lines.next, struct scribe_line, link);
}

static void schedule(struct scribe *scribe, uint64_t delay_ms)
{
    if (!timer_is_running(&scribe->timer) && scribe->in_flight == 0) {
        timer_start(group_of(scribe)->agent->loop, &scribe->timer, delay_ms, scribe_due);
    }
}

static struct slice only_job(const struct slot *slot)
{
    const struct list *jobs = &slot->jobs;
    bool is_one = !list_is_empty(jobs) && jobs->next == jobs->prev;
    return is_one ? slice_of(container_of(jobs->next, struct held, slot_link)->id) : SLICE_NONE;
}

void scribe_note(struct slot *slot, struct slice line)
{
    struct scribe *scribe = &slot->group->scribe;
    AUTO(buf_done) struct buf job = BUF_INIT;
    enum line_kind kind = line_read(line, &job);
    if (scribe->bytes + line.len > BYTES_MAX) {
        scribe->left_out++;
        return;
    }
    line_add(scribe, slot->worker, kind == LINE_PLAIN ? only_job(slot) : buf_slice(&job), line);
    schedule(scribe, DELAY_MS);
}

static void scribe_due(struct timer *timer)
{
    struct scribe *scribe = container_of(timer, struct scribe, timer);
    const struct group *group = group_of(scribe);
    struct log_line lines[BATCH_LINES];
    size_t count = 0;
    list_each (at, &scribe->lines) {
        const struct scribe_line *line = container_of(at, struct scribe_line, link);
        if (count == COUNT_OF(lines)) {
            break;
        }
        lines[count++] = (struct log_line){slice_of(line->worker), slice_of(line->job),
                                           (struct slice){line->text, line->size}};
    }
    if (count > 0) {
        scribe->in_flight = count;
        queue_log(group->agent->store, &scribe->call, group_ep(group), lines, count, scribe_stored);
    }
}

static void tell_left_out(struct scribe *scribe)
{
    AUTO_STR text = xasprintf("millrace: %zu lines are left out here", scribe->left_out);
    scribe->left_out = 0;
    line_add(scribe, "", SLICE_NONE, slice_of(text));
}

static void scribe_stored(struct store_call *call, enum err err, const struct reply *reply)
{
    struct scribe *scribe = container_of(call, struct scribe, call);
    size_t count = scribe->in_flight;
    (void)reply;
    scribe->in_flight = 0;
    if (err_is_retryable(err)) {
        schedule(scribe, RETRY_MS);
        return;
    }
    for (; count > 0; count--) { /* stored, or never to be */
        line_free(scribe, first(scribe));
    }
    if (scribe->left_out > 0) {
        tell_left_out(scribe);
    }
    if (!list_is_empty(&scribe->lines)) {
        schedule(scribe, DELAY_MS);
    }
    agent_check_stopped(group_of(scribe)->agent);
}

void scribe_init(struct scribe *scribe)
{
    list_init(&scribe->lines);
}

void scribe_done(struct scribe *scribe)
{
    timer_stop(&scribe->timer);
    store_detach(&scribe->call);
    while (!list_is_empty(&scribe->lines)) {
        line_free(scribe, first(scribe));
    }
}

bool scribe_is_idle(const struct scribe *scribe)
{
    return list_is_empty(&scribe->lines);
}
