/* One long poll after the other, whether or not a job runs, as the RunPod SDK does it. The agent
 * may name a job again and again until it is gone, so only an answer that brought something new is
 * followed at once by the next poll. */
#include "stop.h"

#include "base/json.h"
#include "base/log.h"
#include "host.h"

#define STOP_TIMEOUT_MS 90000u
#define STOP_PAUSE_MS 1000u
#define STOP_LIMITED_PAUSE_MS 5000u
#define JOB_ID_MAX 256

struct stopping {
    struct host *host;
    unsigned stopped;
};

static unsigned stop_turn(struct host *host, struct line *line, const char *url);
static unsigned stop_jobs(struct host *host, struct slice body);
static void on_id(struct slice element, void *arg);

void *stop_main(void *arg)
{
    struct host *host = arg;
    AUTO(line_free)
    struct line *line = line_new(&(struct line_config){.key = host->key, .quit = &host->end});
    unsigned pause_ms;
    do {
        pause_ms = stop_turn(host, line, host->routes.stop);
    } while (!bell_wait(&host->end, pause_ms));
    return NULL;
}

/* Returns how long to wait before the next poll. */
static unsigned stop_turn(struct host *host, struct line *line, const char *url)
{
    struct line_reply reply;
    enum err err =
        line_send(line, &(struct line_request){.url = url, .timeout_ms = STOP_TIMEOUT_MS}, &reply);
    if (err != ERR_OK) {
        return STOP_PAUSE_MS;
    }
    if (reply.status == 429) {
        return STOP_LIMITED_PAUSE_MS;
    }
    return reply.status == 200 && stop_jobs(host, reply.body) > 0 ? 0 : STOP_PAUSE_MS;
}

static unsigned stop_jobs(struct host *host, struct slice body)
{
    struct json_member list = {.name = "jobsToStop"};
    struct json_problem problem;
    struct stopping stopping = {.host = host};
    if (json_scan(body, &list, 1, &problem) == ERR_OK && list.value.len > 0 &&
        list.type == JSON_ARRAY) {
        json_each(list.value, on_id, &stopping);
    }
    return stopping.stopped;
}

static void on_id(struct slice element, void *arg)
{
    struct stopping *stopping = arg;
    AUTO(buf_done) struct buf id = BUF_INIT;
    if (element.len == 0 || element.ptr[0] != '"' || json_unquote(element, &id) != ERR_OK) {
        return;
    }
    if (id.len <= JOB_ID_MAX && roster_cancel(&stopping->host->roster, buf_slice(&id))) {
        stopping->stopped++;
        log_info("handler.job_stopped", "job=%.*s", SLICE_ARG(buf_slice(&id)));
    }
}
