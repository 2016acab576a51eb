/* job-done: head -> body -> verdict -> (progress | ending) -> 200 once stored
 *
 * Whatever is well addressed is answered 200, also for jobs that are unknown or over: SDKs drop a
 * result on any 4xx and cannot do anything about it. While Redis is away the post stays open for
 * PATIENCE_MS and is then answered 200 while the agent goes on trying: the result is in its hands.
 */
#include "post.h"

#include "base/log.h"
#include "ending.h"
#include "held.h"
#include "intake.h"
#include "plane.h"
#include "slot.h"
#include "verdict.h"

#define PATIENCE_MS 60000

struct post {
    struct http_request *request;
    struct held *held; /* ending */
    struct timer patience;
};

static void post_wait(struct held *held, struct http_request *request);
static void post_stored(void *arg);
static void post_patience_over(struct timer *timer);
static void post_gone(struct http_request *request);

static void answer_ok(struct http_request *request)
{
    plane_answer(request, 200, SLICE("{}"));
}

/* The job of a post: in the path, else in X-Request-ID, as templates without a job id have it. */
static struct held *find_job(struct slot *slot, const struct http_request *request,
                             const struct url *url)
{
    struct slice id = url->job.len > 0 ? url->job : http_header(request, "x-request-id");
    struct held *held = held_find(slot, id);
    if (held == NULL) {
        log_debug("post.unknown", "worker=%s job=%s", slot->worker, log_quote(id));
    } else {
        held->was_received = true;
    }
    return held;
}

/* ---- head ---- */

static void fail_too_large(struct held *held, int64_t len)
{
    AUTO(buf_done) struct buf members = BUF_INIT;
    AUTO_STR text = xasprintf("the result is too large: %lld bytes, the limit is %zu",
                              (long long)len, POST_MAX);
    verdict_put_error(&members, slice_of(text));
    log_warn("post.too_large", "job=%s bytes=%lld", held->id, (long long)len);
    ending_start(held, ENDING_FAILED, &members);
}

void post_head(struct slot *slot, struct http_request *request, const struct url *url)
{
    int64_t len = request->content_length > 0 ? request->content_length : 0;
    if ((uint64_t)len > POST_MAX) {
        struct held *held = find_job(slot, request, url);
        if (held != NULL && slice_is(url->operation, "job-done")) {
            fail_too_large(held, len);
        }
        answer_ok(request); /* the job has its answer; any other status only makes a repeat */
    } else {
        intake_begin(slot->group->agent, request, POST_MAX);
    }
}

/* ---- job-done ---- */

void post_done_request(struct slot *slot, struct http_request *request, const struct url *url)
{
    struct verdict verdict;
    verdict_read(request->body, &verdict);
    struct held *held = find_job(slot, request, url);
    if (verdict.is_last) {
        log_info("worker.refresh", "worker=%s", slot->worker);
        slot_drain(slot, FATE_REPLACE);
    }
    if (held == NULL) {
        answer_ok(request);
    } else if (verdict.kind == VERDICT_PROGRESS) {
        if (held->state == HELD_RUNNING && verdict.members.len > 0) {
            progress_put(held, buf_slice(&verdict.members));
        }
        answer_ok(request);
    } else {
        slot->has_worked = true;
        http_forget(request); /* the verdict has its own copy: large results are not kept twice */
        ending_start(held, verdict.kind == VERDICT_FAILED ? ENDING_FAILED : ENDING_COMPLETED,
                     &verdict.members);
        post_wait(held, request);
    }
    verdict_done(&verdict);
}

static void post_wait(struct held *held, struct http_request *request)
{
    struct post *post = xcalloc(1, sizeof(*post));
    post->request = request;
    post->held = held;
    request->op = post;
    request->on_gone = post_gone;
    timer_start(held->group->agent->loop, &post->patience, PATIENCE_MS, post_patience_over);
    ending_on_stored(held, post_stored, post);
}

static void post_stored(void *arg)
{
    struct post *post = arg;
    timer_stop(&post->patience);
    answer_ok(post->request);
    free(post);
}

static void post_patience_over(struct timer *timer)
{
    struct post *post = container_of(timer, struct post, patience);
    ending_detach(post->held);
    post_stored(post);
}

static void post_gone(struct http_request *request)
{
    struct post *post = request->op;
    timer_stop(&post->patience);
    ending_detach(post->held);
    free(post);
}

/* ---- job-stream ---- */

/* A handler that numbers its posts (sdk/python/millrace_stream.py) repeats those whose answers it
 * did not get. Numbers only grow in the order of the chunks, also over two connections that are
 * read side by side, so one that is not higher has come before. */
static bool is_repeated(struct held *held, const struct url *url)
{
    int64_t number = url_param_int(url, "chunk", 0);
    if (number <= 0) {
        return false;
    }
    bool is_known = number <= held->chunk_number;
    held->chunk_number = is_known ? held->chunk_number : number;
    return is_known;
}

void post_stream_request(struct slot *slot, struct http_request *request, const struct url *url)
{
    struct held *held = find_job(slot, request, url);
    if (held == NULL || held->state != HELD_RUNNING || is_repeated(held, url)) {
        answer_ok(request);
        return;
    }
    stream_post(&held->stream, request);
}
