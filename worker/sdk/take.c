/* take -> run -> take: the next request goes out as soon as the last result is answered.
 *
 * With room for one job it is job-take and the job runs on this very thread; with room for more it
 * is job-take-batch and a crew runs them. An empty answer (204, 400, an empty list) is asked again
 * at once, unless it came so fast that asking again would spin. 429 waits 5 s like the RunPod SDK;
 * other errors back off.
 *
 * When the drain bell rings while a request is open, the agent may have put a job on the wire just
 * then. The request goes on for TAKE_GRACE_MS, and what arrives is run. */
#include "take.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "crew.h"
#include "work.h"

#define TAKE_TIMEOUT_MS 90000u
#define TAKE_GRACE_MS 1000u
#define AWAY_MS_MAX 300000u /* nobody to work for: the process ends */
#define FAST_MS 20u         /* an empty answer that came sooner is no long poll ... */
#define FAST_PAUSE_MS 50u   /* ... and is not asked again at once */
#define LIMITED_PAUSE_MS 5000u
#define PAUSE_FIRST_MS 50u
#define PAUSE_LAST_MS 2000u

struct taker {
    struct host *host;
    struct line *line; /* job-take */
    struct line *post; /* results of jobs that run here */
    struct crew *crew; /* NULL: jobs run here */
    unsigned concurrency;
    unsigned room;          /* jobs this request may bring */
    unsigned accepted;      /* jobs it did bring */
    struct list jobs;       /* job.queued: brought, not yet started */
    unsigned pause_ms;      /* next back-off; 0: the last request went well */
    uint64_t away_since_ms; /* 0: the agent answers */
};

static enum err taker_turn(struct taker *taker);
static char *taker_url(struct taker *taker);
static enum err taker_failed(struct taker *taker, enum err err);
static void taker_answered(struct taker *taker, const struct line_reply *reply, uint64_t took_ms);
static void on_element(struct slice element, void *arg);
static void taker_start(struct taker *taker);

static void taker_init(struct taker *taker, struct host *host)
{
    *taker = (struct taker){.host = host, .concurrency = library_concurrency(&host->library)};
    list_init(&taker->jobs);
    taker->line = line_new(
        &(struct line_config){.key = host->key, .quit = &host->drain, .grace_ms = TAKE_GRACE_MS});
    taker->post = line_new(&(struct line_config){.key = host->key});
    taker->crew = taker->concurrency > 1 ? crew_new(host, taker->concurrency) : NULL;
}

enum err take_loop(struct host *host)
{
    struct taker taker;
    taker_init(&taker, host);
    enum err err = ERR_OK;
    while (err == ERR_OK && !bell_is_rung(&host->drain)) {
        err = taker_turn(&taker);
    }
    crew_free(taker.crew);
    line_free(taker.line);
    line_free(taker.post);
    return err == ERR_CLOSING ? ERR_OK : err;
}

static enum err taker_turn(struct taker *taker)
{
    taker->room = roster_wait_room(&taker->host->roster, taker->concurrency);
    if (bell_is_rung(&taker->host->drain)) {
        return ERR_CLOSING;
    }
    AUTO_STR url = taker_url(taker);
    struct line_reply reply;
    uint64_t start_ms = clock_mono_ms();
    enum err err = line_send(
        taker->line, &(struct line_request){.url = url, .timeout_ms = TAKE_TIMEOUT_MS}, &reply);
    if (err != ERR_OK) {
        return taker_failed(taker, err);
    }
    taker->away_since_ms = 0;
    taker_answered(taker, &reply, clock_mono_ms() - start_ms);
    taker_start(taker);
    return ERR_OK;
}

static char *taker_url(struct taker *taker)
{
    const struct routes *routes = &taker->host->routes;
    bool is_batch = taker->room > 1 && routes->batch != NULL;
    taker->room = is_batch ? taker->room : 1;
    AUTO(buf_done) struct buf url = BUF_INIT;
    char query[64];
    buf_put_str(&url, is_batch ? routes->batch : routes->take);
    if (is_batch) {
        (void)snprintf(query, sizeof(query), "batch_size=%u", taker->room);
        routes_add_query(&url, query);
    }
    routes_add_query(&url, roster_count(&taker->host->roster) > 0 ? "job_in_progress=1"
                                                                  : "job_in_progress=0");
    return buf_take_str(&url);
}

static void taker_back_off(struct taker *taker)
{
    taker->pause_ms = taker->pause_ms == 0 ? PAUSE_FIRST_MS : taker->pause_ms * 2;
    taker->pause_ms = taker->pause_ms > PAUSE_LAST_MS ? PAUSE_LAST_MS : taker->pause_ms;
    bell_wait(&taker->host->drain, taker->pause_ms);
}

/* A poll that nobody answered in its whole time is no failure: the agent is there. */
static enum err taker_failed(struct taker *taker, enum err err)
{
    if (err == ERR_CLOSING) {
        return err;
    }
    uint64_t now_ms = clock_mono_ms();
    if (taker->away_since_ms == 0) {
        taker->away_since_ms = now_ms;
        log_warn("handler.agent_away", "reason=%s", err_name(err));
    }
    if (now_ms - taker->away_since_ms > AWAY_MS_MAX) {
        return ERR_REFUSED;
    }
    taker_back_off(taker);
    return ERR_OK;
}

static void taker_accept(struct taker *taker, struct slice body)
{
    enum json_type type = JSON_NULL;
    struct json_problem problem;
    if (json_check(body, &type, &problem) != ERR_OK) {
        log_error("handler.bad_answer", "reason=not_json bytes=%zu", body.len);
    } else if (type == JSON_ARRAY) {
        json_each(body, on_element, taker);
    } else if (type == JSON_OBJECT) {
        on_element(body, taker);
    }
}

static void taker_answered(struct taker *taker, const struct line_reply *reply, uint64_t took_ms)
{
    taker->accepted = 0;
    if (reply->status == 200 && reply->is_json) {
        taker_accept(taker, reply->body);
    }
    if (reply->status == 429) {
        bell_wait(&taker->host->drain, LIMITED_PAUSE_MS);
    } else if (reply->status >= 300 && reply->status != 400) {
        log_warn("handler.take_refused", "status=%ld", reply->status);
        taker_back_off(taker);
        return;
    } else if (taker->accepted == 0 && took_ms < FAST_MS) {
        bell_wait(&taker->host->drain, FAST_PAUSE_MS);
    }
    taker->pause_ms = 0;
}

/* More jobs than asked for cannot be held; the agent sees from the pings that they are not here. */
static void on_element(struct slice element, void *arg)
{
    struct taker *taker = arg;
    struct job *job = NULL;
    enum err err =
        taker->accepted < taker->room ? job_parse(element, taker->host, &job) : ERR_TOO_LARGE;
    if (err != ERR_OK) {
        log_error("handler.bad_job", "reason=%s bytes=%zu", err_name(err), element.len);
        return;
    }
    taker->accepted++;
    roster_add(&taker->host->roster, job);
    list_push(&taker->jobs, &job->queued);
}

static void taker_start(struct taker *taker)
{
    struct list *at;
    while ((at = list_pop(&taker->jobs)) != NULL) {
        struct job *job = container_of(at, struct job, queued);
        if (taker->crew != NULL) {
            crew_give(taker->crew, job);
        } else {
            work_run(taker->host, job, taker->post);
        }
    }
}
