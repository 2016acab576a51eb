/* join -> (frame | look) -> serve -> frame | look ... -> last event
 *
 * Frames from the bus carry chunks with their index; a look reads a page from Redis. Both become a
 * run: events with the index of the first, and every reader whose place is inside gets its rest. A
 * reader whose place is before the run has a gap, so the next look starts there; readers take turns
 * when several are behind. A frame counts only with the job's token (see watch.c), in the running
 * attempt; everything else the bus says, and each second of silence, leads to a look.
 *
 * A new attempt has its own chunks from index 0 on: each reader is told once, by `attempt`, before
 * anything of it. A final status is held back until the reader has all chunks. */
#include "tail.h"

#include <stdio.h>

#include "base/log.h"
#include "base/map.h"
#include "net/bus_chunks.h"
#include "node.h"
#include "watch.h"

/* A look may cross a frame on its way; after one more, Redis has lost what the frame brought, and
 * the agent will send it again: until then the waiter's check looks once a second. */
#define MISSES_MAX 1

struct tails {
    const struct node *node;
    struct map map; /* tail.node */
};

struct tail {
    struct map_node node;
    struct tails *tails;
    struct list readers; /* tail_reader.link */
    struct waiter waiter;
    struct store_call call;
    struct timer room_timer;
    enum job_state state;
    int64_t attempt;
    int64_t stored;      /* chunks of the attempt known to be in Redis */
    uint64_t number;     /* of the status, grows */
    struct buf status;   /* the job object */
    char version[64];    /* of the status, as Redis names it */
    bool is_serving;     /* stays although all readers have left */
    bool must_look;      /* told while a look was on its way */
    unsigned misses;     /* looks in a row that brought nothing though more was announced */
    struct slice ep, id; /* parts of the key */
    char key[];          /* "EP/ID" */
};

/* Chunks as events, one after the other. */
struct run {
    int64_t attempt, first;
    size_t count;
    struct buf text;
    struct buf ends; /* size_t: where each event ends in text */
};

static void tail_told(struct waiter *waiter, struct slice final);
static void tail_got_chunks(struct waiter *waiter, struct slice chunks);
static void tail_read(struct store_call *call, enum err err, const struct reply *reply);
static void tail_learn(struct tail *tail, const struct chunks_page *page);
static bool tail_serve(struct tail *tail, const struct run *run);
static void tail_go_on(struct tail *tail);
static void tail_end(struct tail *tail);

/* ---- runs ---- */

static void run_put(struct run *run, struct slice chunk)
{
    const struct sse_place id = {run->attempt, run->first + (int64_t)run->count + 1, 0};
    sse_put_event(&run->text, "chunk", &id, chunk);
    (void)buf_put(&run->ends, &run->text.len, sizeof(run->text.len));
    run->count++;
}

static struct run run_of_page(const struct chunks_page *page)
{
    struct run run = {.attempt = page->job.attempt, .first = page->first};
    for (size_t i = 0; i < page->count; i++) {
        run_put(&run, chunks_page_at(page, i));
    }
    return run;
}

static void run_done(struct run *run)
{
    buf_done(&run->text);
    buf_done(&run->ends);
}
AUTO_DEFINE_EMBEDDED(run_done, struct run)

/* The events from a place on; empty when the place is not inside. */
static struct slice run_from(const struct run *run, const struct sse_place *place)
{
    int64_t skip = place->next - run->first;
    if (place->attempt != run->attempt || skip < 0 || skip >= (int64_t)run->count) {
        return SLICE_NONE;
    }
    size_t start = 0;
    if (skip > 0) {
        memcpy(&start, run->ends.ptr + (size_t)(skip - 1) * sizeof(start), sizeof(start));
    }
    return slice_from(buf_slice(&run->text), start);
}

/* ---- life ---- */

struct tails *tails_new(const struct node *node)
{
    struct tails *tails = xcalloc(1, sizeof(*tails));
    tails->node = node;
    map_init(&tails->map);
    return tails;
}

void tails_free(struct tails *tails)
{
    if (tails != NULL) {
        ensure(tails->map.count == 0);
        map_done(&tails->map);
        free(tails);
    }
}

static struct tail *tail_new(struct tails *tails, struct slice ep, struct slice id,
                             struct slice key)
{
    struct tail *tail = xcalloc(1, sizeof(*tail) + key.len);
    memcpy(tail->key, key.ptr, key.len);
    tail->tails = tails;
    tail->ep = (struct slice){tail->key, ep.len};
    tail->id = (struct slice){tail->key + ep.len + 1, id.len};
    tail->waiter.on_chunks = tail_got_chunks;
    list_init(&tail->readers);
    map_put(&tails->map, &tail->node, (struct slice){tail->key, key.len});
    watch_join(tails->node->watch, &tail->waiter, tail->id, tail_told);
    return tail;
}

static struct tail *tail_get(struct tails *tails, struct slice ep, struct slice id)
{
    AUTO(buf_done) struct buf key = BUF_INIT;
    (void)buf_printf(&key, "%.*s/%.*s", SLICE_ARG(ep), SLICE_ARG(id));
    struct map_node *node = map_get(&tails->map, buf_slice(&key));
    return node != NULL ? container_of(node, struct tail, node)
                        : tail_new(tails, ep, id, buf_slice(&key));
}

static void tail_free(struct tail *tail)
{
    map_del(&tail->tails->map, &tail->node);
    watch_leave(&tail->waiter);
    store_detach(&tail->call);
    timer_stop(&tail->room_timer);
    buf_done(&tail->status);
    free(tail);
}

/* False when it was not needed any more and is gone. */
static bool tail_keep(struct tail *tail)
{
    if (tail->is_serving || !list_is_empty(&tail->readers)) {
        return true;
    }
    tail_free(tail);
    return false;
}

bool tail_join(struct tails *tails, struct tail_reader *reader, struct slice ep,
               const struct chunks_page *page)
{
    struct tail *tail = tail_get(tails, ep, page->job.id);
    reader->tail = tail;
    list_init(&reader->link);
    list_push(&tail->readers, &reader->link);
    if (reader->place.attempt < 0) {
        reader->place = (struct sse_place){.attempt = page->job.attempt};
    }
    tail_learn(tail, page);
    void (*on_end)(struct tail_reader *) = reader->on_end;
    reader->on_end = NULL;
    AUTO(run_done) struct run run = run_of_page(page);
    if (tail_serve(tail, &run)) {
        tail_go_on(tail);
    }
    reader->on_end = on_end;
    return reader->tail == NULL;
}

void tail_leave(struct tail_reader *reader)
{
    struct tail *tail = reader->tail;
    if (tail != NULL) {
        reader->tail = NULL;
        list_unlink(&reader->link);
        (void)tail_keep(tail);
    }
}

static void reader_end(struct tail_reader *reader)
{
    tail_leave(reader);
    if (reader->on_end != NULL) {
        reader->on_end(reader);
    }
}

/* The node drains, or the job is no more. */
static void tail_end(struct tail *tail)
{
    tail->is_serving = true;
    while (!list_is_empty(&tail->readers)) {
        reader_end(container_of(tail->readers.next, struct tail_reader, link));
    }
    tail->is_serving = false;
    (void)tail_keep(tail);
}

/* ---- what is heard ---- */

static void tail_told(struct waiter *waiter, struct slice final)
{
    (void) final; /* chunks may be missing: the list in Redis is the truth */
    struct tail *tail = container_of(waiter, struct tail, waiter);
    if (tail->tails->node->is_draining) {
        tail_end(tail);
        return;
    }
    tail->must_look = true;
    tail_go_on(tail);
}

static void tail_got_chunks(struct waiter *waiter, struct slice payload)
{
    struct tail *tail = container_of(waiter, struct tail, waiter);
    struct bus_chunks chunks;
    if (bus_chunks_read(payload, &chunks) != ERR_OK || chunks.attempt < tail->attempt) {
        return;
    }
    if (chunks.attempt > tail->attempt || tail->state != JOB_IN_PROGRESS) {
        tail_told(waiter, SLICE_NONE);
        return;
    }
    AUTO(run_done) struct run run = {.attempt = chunks.attempt, .first = chunks.first};
    while (chunks.count > 0) {
        run_put(&run, bus_chunks_next(&chunks));
    }
    tail->stored = chunks.first > tail->stored ? chunks.first : tail->stored;
    if (tail_serve(tail, &run)) {
        tail_go_on(tail);
    }
}

static void room_made(struct timer *timer)
{
    struct tail *tail = container_of(timer, struct tail, room_timer);
    const struct run nothing = {0};
    if (tail_serve(tail, &nothing)) {
        tail_go_on(tail);
    }
}

/* Called while streams are flushed, possibly after the store was: so by a timer, in a new turn. */
void tail_has_room(struct tail_reader *reader)
{
    struct tail *tail = reader->tail;
    if (tail != NULL && reader->is_skipped) {
        reader->is_skipped = false;
        timer_start(tail->tails->node->loop, &tail->room_timer, 0, room_made);
    }
}

/* ---- looks ---- */

static bool is_behind(const struct tail *tail, const struct tail_reader *reader)
{
    return !reader->is_skipped && reader->place.attempt == tail->attempt &&
           reader->place.next < tail->stored;
}

/* The next in turn of the readers that lack chunks; NULL: none. */
static struct tail_reader *next_behind(struct tail *tail)
{
    list_each (at, &tail->readers) {
        struct tail_reader *reader = container_of(at, struct tail_reader, link);
        if (is_behind(tail, reader)) {
            list_unlink(&reader->link);
            list_push(&tail->readers, &reader->link);
            return reader;
        }
    }
    return NULL;
}

static void tail_go_on(struct tail *tail)
{
    if (store_call_is_waiting(&tail->call)) {
        return;
    }
    struct tail_reader *reader = next_behind(tail);
    if (reader == NULL && !tail->must_look) {
        return;
    }
    const struct node *node = tail->tails->node;
    const struct chunks_request request = {.watcher = slice_of(node->bus_address),
                                           .attempt = tail->attempt,
                                           .first = reader ? reader->place.next : tail->stored,
                                           .bytes_max = TAIL_PAGE_BYTES,
                                           .version = slice_of(tail->version)};
    tail->must_look = false;
    queue_chunks(node->store, &tail->call, tail->ep, tail->id, &request, tail_read);
}

static void tail_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct tail *tail = container_of(call, struct tail, call);
    struct chunks_page page;
    if (err == ERR_OK) {
        err = queue_chunks_result(reply, tail->id, &page);
    }
    if (err == ERR_NOT_FOUND) {
        tail_end(tail);
        return;
    }
    if (err != ERR_OK) { /* the check of the waiter looks again */
        log_debug("tail.read", "job=%.*s err=%s", SLICE_ARG(tail->id), err_name(err));
        return;
    }
    tail_learn(tail, &page);
    tail->misses = page.count == 0 && page.stored < tail->stored ? tail->misses + 1 : 0;
    AUTO(run_done) struct run run = run_of_page(&page);
    if (tail_serve(tail, &run) && (tail->misses <= MISSES_MAX || tail->must_look)) {
        tail_go_on(tail);
    }
}

/* A look may be older than the frames that came meanwhile: while an attempt runs, chunks only get
 * more. */
static void tail_learn(struct tail *tail, const struct chunks_page *page)
{
    const struct job_view *job = &page->job;
    bool is_same_run = job->state == JOB_IN_PROGRESS && job->attempt == tail->attempt;
    if (!is_same_run || page->stored > tail->stored) {
        tail->stored = page->stored;
    }
    tail->state = job->state;
    tail->attempt = job->attempt;
    watch_token(&tail->waiter, job->token);
    if (!slice_is(page->version, tail->version)) {
        (void)snprintf(tail->version, sizeof(tail->version), "%.*s", SLICE_ARG(page->version));
        tail->number++;
        buf_done(&tail->status);
        job_put_object(&tail->status, job);
    }
}

/* ---- serving ---- */

static void put_attempt(struct tail_reader *reader, int64_t attempt, struct buf *out)
{
    bool has_something = reader->place.attempt > 0;
    reader->place = (struct sse_place){.attempt = attempt};
    if (has_something) {
        AUTO(buf_done) struct buf data = BUF_INIT;
        (void)buf_printf(&data, "{\"attempt\":%lld}", (long long)attempt);
        sse_put_event(out, "attempt", &reader->place, buf_slice(&data));
    }
}

static void put_status(struct tail_reader *reader, const struct tail *tail, struct buf *out)
{
    if (reader->place.extra < SSE_EXTRA_MAX) {
        reader->place.extra++;
    }
    reader->seen = tail->number;
    sse_put_event(out, "status", &reader->place, buf_slice(&tail->status));
}

/* What changed, then chunks, then the end: false when that was the last event. */
static bool reader_serve(struct tail_reader *reader, const struct tail *tail, const struct run *run)
{
    reader->is_skipped = http_stream_backlog(reader->request) > TAIL_BACKLOG_MAX;
    if (reader->is_skipped) {
        return true;
    }
    AUTO(buf_done) struct buf out = BUF_INIT;
    bool is_final = job_state_is_final(tail->state);
    if (reader->place.attempt != tail->attempt) {
        put_attempt(reader, tail->attempt, &out);
    }
    if (!is_final && reader->seen != tail->number) {
        put_status(reader, tail, &out);
    }
    http_stream_write(reader->request, buf_slice(&out));
    struct slice events = run_from(run, &reader->place);
    if (events.len > 0) {
        reader->place.next = run->first + (int64_t)run->count;
        reader->place.extra = 0;
        http_stream_write(reader->request, events);
    }
    if (!is_final || reader->place.next < tail->stored) {
        return true;
    }
    buf_clear(&out);
    put_status(reader, tail, &out);
    http_stream_write(reader->request, buf_slice(&out));
    return false;
}

/* False when nobody is left and the tail is gone. */
static bool tail_serve(struct tail *tail, const struct run *run)
{
    struct list serving;
    list_init(&serving);
    list_splice(&serving, &tail->readers);
    tail->is_serving = true;
    while (!list_is_empty(&serving)) {
        struct tail_reader *reader = container_of(serving.next, struct tail_reader, link);
        list_unlink(&reader->link);
        list_push(&tail->readers, &reader->link);
        if (!reader_serve(reader, tail, run)) {
            reader_end(reader);
        }
    }
    tail->is_serving = false;
    return tail_keep(tail);
}
