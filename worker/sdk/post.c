/* Posts to job-done and job-stream, as the RunPod SDK sends them: raw JSON, the job's id in the URL
 * and in X-Request-ID.
 *
 * An agent that restarts or waits for its store is away for a while. A result that cost minutes of
 * GPU time is not dropped for that: connection errors, 408, 429 and 5xx are tried again with
 * growing, jittered pauses for POST_PATIENCE_MS after the first failure. The agent ignores repeated
 * results, and any other 4xx is final: the same bytes would be refused again. */
#include "post.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "host.h"

#define POST_PATIENCE_MS 90000u
#define POST_TIMEOUT_MS 120000u /* the agent answers when the result is stored, not before */
#define PAUSE_FIRST_MS 50u
#define PAUSE_LAST_MS 2000u

/* When to stop trying. */
enum patience { PATIENCE_NONE, PATIENCE_UNTIL_CANCELLED, PATIENCE_FULL };

struct post {
    struct job *job;
    const char *url;
    struct slice body;
    enum patience patience;
};

static enum err post_send(const struct post *post);
static enum err post_once(const struct post *post);
static bool post_may_retry(const struct post *post, enum err err);

static char *job_url(const struct job *job, const char *template, bool is_stream)
{
    AUTO(buf_done) struct buf url = BUF_INIT;
    AUTO_STR plain = routes_expand(template, job->host->routes.worker, job->id);
    buf_put_str(&url, plain);
    routes_add_query(&url, is_stream ? "isStream=true" : "isStream=false");
    return buf_take_str(&url);
}

enum err post_progress(struct job *job, struct slice json)
{
    AUTO_STR url = job_url(job, job->host->routes.done, false);
    AUTO(buf_done) struct buf body = BUF_INIT;
    buf_put_str(&body, "{\"status\":\"IN_PROGRESS\",\"output\":");
    buf_put_slice(&body, json);
    buf_put_char(&body, '}');
    if (buf_is_over(&body)) {
        return ERR_TOO_LARGE;
    }
    return post_send(&(struct post){job, url, buf_slice(&body), PATIENCE_NONE});
}

enum err post_chunk(struct job *job, struct slice json)
{
    AUTO_STR url = job_url(job, job->host->routes.stream, false);
    AUTO(buf_done) struct buf body = BUF_INIT;
    buf_put_str(&body, "{\"output\":");
    buf_put_slice(&body, json);
    buf_put_char(&body, '}');
    if (buf_is_over(&body)) {
        return ERR_TOO_LARGE;
    }
    return post_send(&(struct post){job, url, buf_slice(&body), PATIENCE_UNTIL_CANCELLED});
}

/* The output buffer is already most of the body; what a handler left out becomes what the RunPod
 * SDK sends: an empty list for a generator, else null. */
enum err post_result(struct job *job)
{
    AUTO_STR url = job_url(job, job->host->routes.done, job->chunk_count > 0);
    struct buf *body = &job->output;
    if (body->len == 0 && job->error == NULL) {
        buf_put_str(body, job->chunk_count > 0 ? "{\"output\":[]" : "{\"output\":null");
    }
    if (job->error != NULL) {
        buf_put_str(body, body->len > 0 ? ",\"error\":" : "{\"error\":");
        buf_put_json_str(body, slice_of(job->error));
    }
    buf_put_str(body, job->is_retiring ? ",\"stopPod\":true}" : "}");
    if (buf_is_over(body)) {
        return ERR_TOO_LARGE;
    }
    return post_send(&(struct post){job, url, buf_slice(body), PATIENCE_FULL});
}

/* Half to one and a half times the pause, so that many workers do not come back at once. */
static unsigned jittered(unsigned pause_ms)
{
    unsigned random = 0;
    id_random(&random, sizeof(random));
    return pause_ms / 2 + random % (pause_ms + 1);
}

static enum err post_send(const struct post *post)
{
    enum err err = post_once(post);
    uint64_t give_up_ms = clock_mono_ms() + POST_PATIENCE_MS;
    unsigned pause_ms = PAUSE_FIRST_MS;
    while (err != ERR_OK && post_may_retry(post, err) && clock_mono_ms() < give_up_ms) {
        bell_wait(&post->job->host->end, jittered(pause_ms));
        pause_ms = pause_ms * 2 > PAUSE_LAST_MS ? PAUSE_LAST_MS : pause_ms * 2;
        err = post_once(post);
    }
    if (err != ERR_OK && post->patience != PATIENCE_NONE) {
        log_error("handler.post_failed", "job=%s bytes=%zu reason=%s", post->job->id,
                  post->body.len, err_name(err));
    }
    return err;
}

static enum err post_once(const struct post *post)
{
    const struct line_request request = {.url = post->url,
                                         .request_id = post->job->id,
                                         .body = &post->body,
                                         .timeout_ms = POST_TIMEOUT_MS};
    struct line_reply reply;
    enum err err = line_send(post->job->line, &request, &reply);
    if (err != ERR_OK) {
        return err;
    }
    if (reply.status >= 200 && reply.status < 300) {
        return ERR_OK;
    }
    bool is_passing = reply.status >= 500 || reply.status == 408 || reply.status == 429;
    log_warn("handler.post_refused", "job=%s status=%ld", post->job->id, reply.status);
    return is_passing ? ERR_STORE_AWAY : ERR_BAD_REQUEST;
}

static bool post_may_retry(const struct post *post, enum err err)
{
    if (err == ERR_BAD_REQUEST || post->patience == PATIENCE_NONE) {
        return false;
    }
    return post->patience == PATIENCE_FULL || !atomic_load(&post->job->is_cancelled);
}
