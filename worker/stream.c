/* A post's chunks are numbered by being put at the end of the buffer, answered 200 at once, and
 * appended to the store with the agent's next beat (pulse.h) or when they are 8 KB, one append on
 * its way at a time. An append is repeated until it is stored; the store skips what it has already,
 * so nothing is lost or doubled.
 *
 *   post -> buffer -> append -> stored -> announce -> (more? append : ending_flushed)
 *
 * The latest stored chunks are kept: a store that comes back without them (it says how many it has)
 * gets them again. Those it has lost that are not here any more it replaces by marks, so that every
 * chunk keeps its number.
 *
 * When Redis does not keep up, posts beyond STREAM_BUFFER_MAX stay unanswered: the handler waits,
 * memory does not grow. */
#include "stream.h"

#include "base/log.h"
#include "ending.h"
#include "group.h"
#include "held.h"
#include "lease.h"
#include "net/bus_chunks.h"
#include "parcel.h"
#include "plane.h"
#include "stop.h"
#include "verdict.h"

#define RETRY_MS 500
#define APPEND_BYTES ((size_t)4 << 20)

struct parked {
    struct list link;
    struct http_request *request;
};

static void on_beat(struct pulse_member *member);
static void on_retry(struct timer *timer);
static void stream_append(struct stream *stream);
static void stream_appended(struct store_call *call, enum err err, const struct reply *reply);
static void stream_stored(struct stream *stream);

static size_t chunk_count(const struct stream *stream)
{
    return stream->lens.len / sizeof(size_t);
}

static size_t chunk_len(const struct stream *stream, size_t index)
{
    size_t len = 0;
    memcpy(&len, stream->lens.ptr + index * sizeof(len), sizeof(len));
    return len;
}

static size_t *total_of(const struct stream *stream)
{
    return &stream->held->group->agent->buffered_bytes;
}

void stream_init(struct stream *stream, struct held *held)
{
    stream->held = held;
    list_init(&stream->parked);
    pulse_member_init(&stream->member, on_beat);
}

bool stream_is_empty(const struct stream *stream)
{
    return chunk_count(stream) == stream->kept;
}

static size_t unstored_bytes(const struct stream *stream)
{
    return stream->bytes.len - stream->kept_bytes;
}

int64_t stream_put_rest(const struct stream *stream, struct buf *out, size_t *ret_count)
{
    size_t at = 0;
    for (size_t i = 0; i < chunk_count(stream); i++) {
        parcel_put_chunk(out, (struct slice){stream->bytes.ptr + at, chunk_len(stream, i)});
        at += chunk_len(stream, i);
    }
    *ret_count = chunk_count(stream);
    return stream->next - (int64_t)stream->kept;
}

/* ---- posts ---- */

static void answer_parked(struct parked *parked)
{
    list_unlink(&parked->link);
    plane_answer(parked->request, 200, SLICE("{}"));
    free(parked);
}

static void parked_gone(struct http_request *request)
{
    struct parked *parked = request->op;
    list_unlink(&parked->link);
    free(parked);
}

static void park(struct stream *stream, struct http_request *request)
{
    struct parked *parked = xcalloc(1, sizeof(*parked));
    parked->request = request;
    request->op = parked;
    request->on_gone = parked_gone;
    list_push(&stream->parked, &parked->link);
}

static void answer_all(struct stream *stream)
{
    while (!list_is_empty(&stream->parked)) {
        answer_parked(container_of(stream->parked.next, struct parked, link));
    }
}

static struct loop *loop_of(const struct stream *stream)
{
    return stream->held->group->agent->loop;
}

static void wait_for_beat(struct stream *stream)
{
    pulse_join(&stream->held->group->agent->pulse, &stream->member);
}

bool stream_has_room(const struct stream *stream)
{
    return unstored_bytes(stream) <= STREAM_BUFFER_MAX;
}

void stream_post(struct stream *stream, struct http_request *request)
{
    stream_put(stream, request->body);
    if (stream_has_room(stream)) {
        plane_answer(request, 200, SLICE("{}"));
    } else {
        park(stream, request);
    }
}

void stream_put(struct stream *stream, struct slice body)
{
    size_t before = stream->bytes.len;
    stream->first_ms = !stream_is_empty(stream) ? stream->first_ms : loop_now_ms(loop_of(stream));
    if (verdict_chunks(body, &stream->bytes, &stream->lens) != ERR_OK) {
        log_warn("stream.unreadable", "job=%s bytes=%zu", stream->held->id, body.len);
    }
    *total_of(stream) += stream->bytes.len - before;
    if (unstored_bytes(stream) >= STREAM_FLUSH_BYTES) {
        stream_flush(stream);
    } else if (!timer_is_running(&stream->timer) && !stream_is_empty(stream)) {
        wait_for_beat(stream);
    }
}

/* ---- append ---- */

static void on_beat(struct pulse_member *member)
{
    stream_flush(container_of(member, struct stream, member));
}

static void on_retry(struct timer *timer)
{
    stream_flush(container_of(timer, struct stream, timer));
}

void stream_flush(struct stream *stream)
{
    if (stream->in_flight == 0 && !stream_is_empty(stream)) {
        timer_stop(&stream->timer);
        pulse_leave(&stream->member);
        stream_append(stream);
    }
}

/* The first chunks that are not stored, at most `most` of them; their number. */
static size_t first_chunks(const struct stream *stream, size_t most,
                           struct slice chunks[APPEND_MAX])
{
    size_t count = 0, at = stream->kept_bytes, end = at + APPEND_BYTES;
    while (stream->kept + count < chunk_count(stream) && count < most && (count == 0 || at < end)) {
        size_t len = chunk_len(stream, stream->kept + count);
        chunks[count++] = (struct slice){stream->bytes.ptr + at, len};
        at += len;
    }
    return count;
}

static void stream_append(struct stream *stream)
{
    struct group *group = stream->held->group;
    struct slice chunks[APPEND_MAX];
    size_t count = first_chunks(stream, APPEND_MAX, chunks);
    stream->in_flight = count;
    const struct append_args args = {.job = held_name(stream->held),
                                     .first = stream->next,
                                     .must_fill = stream->must_fill,
                                     .chunks = chunks,
                                     .count = count};
    queue_append(group->agent->store, &stream->call, group_ep(group), &args, stream_appended);
}

/* The chunks that have just been stored, to those that follow the stream. */
static void announce(const struct stream *stream, struct slice watchers, size_t count)
{
    if (memchr(watchers.ptr ? watchers.ptr : "", BUS_CLOSE_MARK, watchers.len) == NULL) {
        return;
    }
    struct slice chunks[APPEND_MAX];
    AUTO(buf_done) struct buf payload = BUF_INIT;
    buf_init(&payload, BUS_FRAME_MAX);
    count = first_chunks(stream, count, chunks);
    bus_chunks_put(&payload, stream->held->attempt, stream->next, chunks, count);
    held_announce_chunks(stream->held, watchers,
                         buf_is_over(&payload) ? SLICE_NONE : buf_slice(&payload));
}

/* Drops the oldest stored chunks, not one at a time: what stays behind them is moved. */
static void drop_old(struct stream *stream)
{
    size_t count = 0, bytes = 0;
    if (stream->kept_bytes <= 2 * STREAM_KEEP_BYTES) {
        return;
    }
    while (stream->kept_bytes - bytes > STREAM_KEEP_BYTES) {
        bytes += chunk_len(stream, count++);
    }
    buf_consume(&stream->bytes, bytes);
    buf_consume(&stream->lens, count * sizeof(size_t));
    stream->kept -= count;
    stream->kept_bytes -= bytes;
}

/* The next chunks are stored. */
static void keep(struct stream *stream, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += chunk_len(stream, stream->kept + i);
    }
    stream->kept += count;
    stream->kept_bytes += bytes;
    stream->next += (int64_t)count;
    stream->must_fill = false;
    *total_of(stream) -= bytes;
    drop_old(stream);
}

/* The store has only the first `stored` chunks: the rest goes again, as far as it is here. */
static void rewind_to(struct stream *stream, int64_t stored)
{
    log_warn("stream.went_back", "job=%s stored=%lld known=%lld here=%zu", stream->held->id,
             (long long)stored, (long long)stream->next, stream->kept);
    while (stream->kept > 0 && stream->next > stored) {
        size_t len = chunk_len(stream, --stream->kept);
        stream->kept_bytes -= len;
        stream->next--;
        *total_of(stream) += len;
    }
    stream->must_fill = stream->next > stored;
}

static void stream_appended(struct store_call *call, enum err err, const struct reply *reply)
{
    struct stream *stream = container_of(call, struct stream, call);
    struct slice watchers = SLICE_NONE, token = SLICE_NONE;
    int64_t stored = 0;
    size_t count = stream->in_flight;
    stream->in_flight = 0;
    if (err == ERR_OK) {
        err = queue_append_result(reply, &stored, &watchers, &token);
    }
    if (err != ERR_OK) {
        log_warn("stream.waits", "job=%s err=%s", stream->held->id, err_name(err));
        timer_start(loop_of(stream), &stream->timer, RETRY_MS, on_retry);
        return;
    }
    if (stored == APPEND_KNOWS_LESS && !stream->held->is_refused) {
        lease_renew(stream->held->group); /* has the job adopted */
        timer_start(loop_of(stream), &stream->timer, RETRY_MS, on_retry);
        return;
    }
    meter_time(stream->held->group, METER_STREAM, loop_now_ms(loop_of(stream)) - stream->first_ms);
    stream->first_ms = loop_now_ms(loop_of(stream));
    if (stored < 0) { /* the job is over: what is left of it has no reader */
        keep(stream, chunk_count(stream) - stream->kept);
        stop_job(stream->held);
    } else if (stored < stream->next) {
        rewind_to(stream, stored);
    } else {
        announce(stream, watchers, count);
        keep(stream, count);
    }
    stream_stored(stream);
}

static void stream_stored(struct stream *stream)
{
    if (stream_has_room(stream)) {
        answer_all(stream);
    }
    if (stream_is_empty(stream)) {
        ending_flushed(stream->held);
    } else if (stream->held->ending != NULL || unstored_bytes(stream) >= STREAM_FLUSH_BYTES) {
        stream_flush(stream);
    } else {
        wait_for_beat(stream);
    }
}

void stream_done(struct stream *stream)
{
    answer_all(stream);
    timer_stop(&stream->timer);
    pulse_leave(&stream->member);
    store_detach(&stream->call);
    *total_of(stream) -= unstored_bytes(stream);
    buf_done(&stream->bytes);
    buf_done(&stream->lens);
}
