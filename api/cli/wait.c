/* /status-sync in slices. Between two slices the progress line gets the new state; a reason why the
 * job waits becomes a line of its own once it has lasted, and at once when the handler is what is
 * broken. A call without an answer is repeated with growing pauses, because a node that is being
 * restarted comes back; the job does not notice. */
#include "wait.h"

#include <poll.h>

#include "base/clock.h"
#include "base/json.h"
#include "message.h"

#define SLICE_TERMINAL_MS 1000
#define SLICE_MS 5000         /* so that a handler that cannot start is told soon */
#define REASON_AFTER_MS 10000 /* short waits need no explanation */
#define HEALTH_AFTER_MS 4000
#define FAILURES_MAX 12 /* with the pauses below about 30 s */
#define PAUSE_MS 250
#define PAUSE_MAX_MS 4000

void wait_init(struct wait *wait, struct client *client, const char *endpoint, int64_t timeout_s)
{
    *wait = (struct wait){.client = client,
                          .endpoint = endpoint,
                          .timeout_s = timeout_s,
                          .started_ms = clock_mono_ms(),
                          .state = xstrdup("sending")};
}

void wait_done(struct wait *wait)
{
    message_progress_end();
    if (wait->client != NULL) {
        client_on_tick(wait->client, NULL, NULL);
    }
    free(wait->job);
    free(wait->state);
    free(wait->last_reason);
}

static uint64_t waited_ms(const struct wait *wait)
{
    return clock_mono_ms() - wait->started_ms;
}

bool wait_is_over(const struct wait *wait)
{
    return wait->timeout_s > 0 && waited_ms(wait) >= (uint64_t)wait->timeout_s * 1000;
}

long wait_left_ms(const struct wait *wait)
{
    int64_t left_ms = wait->timeout_s * 1000 - (int64_t)waited_ms(wait);
    return left_ms > 1 ? (long)left_ms : 1;
}

long wait_slice_ms(const struct wait *wait)
{
    long slice_ms = message_has_terminal() ? SLICE_TERMINAL_MS : SLICE_MS;
    if (wait->timeout_s > 0) {
        long left_ms = wait_left_ms(wait);
        slice_ms = left_ms < slice_ms ? left_ms : slice_ms;
    }
    return slice_ms > 1000 ? slice_ms : 1000; /* the API clamps to a second anyway */
}

static void show(void *arg)
{
    struct wait *wait = arg;
    message_progress("%s  %s  %.0f s", wait->job != NULL ? wait->job : wait->endpoint, wait->state,
                     (double)waited_ms(wait) / 1000);
}

/* "IN_PROGRESS 40 %", "IN_QUEUE STARTING, position 3" */
static char *describe(const struct result *result, const char *reason)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    (void)buf_put_str(&text, result->has_state ? job_state_name(result->state) : "?");
    int percent = result->state == JOB_IN_PROGRESS ? result_percent(result->output) : -1;
    if (percent >= 0) {
        (void)buf_printf(&text, " %d %%", percent);
    } else if (result->state == JOB_IN_PROGRESS && result->output.len > 0) {
        size_t len = result->output.len < 60 ? result->output.len : 60;
        (void)buf_printf(&text, " %.*s", (int)len, result->output.ptr);
    }
    if (reason[0] != '\0') {
        (void)buf_printf(&text, " %s", reason);
    }
    if (result->position.len > 0) {
        (void)buf_printf(&text, ", position %.*s", SLICE_ARG(result->position));
    }
    return buf_take_str(&text);
}

static char *text_of(struct slice json)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    if (json.len > 1 && json.ptr[0] == '"') {
        (void)json_unquote(json, &text);
    }
    for (size_t i = 0; i < text.len; i++) {
        text.ptr[i] = (unsigned char)text.ptr[i] < ' ' ? ' ' : text.ptr[i];
    }
    return slice_dup(buf_slice(&text));
}

static void tell_reason(struct wait *wait, const char *reason, const struct result *result)
{
    bool is_broken = strcmp(reason, "CRASH_LOOP") == 0;
    bool is_told = wait->last_reason != NULL && strcmp(wait->last_reason, reason) == 0;
    if (reason[0] == '\0' || is_told || (!is_broken && waited_ms(wait) < REASON_AFTER_MS)) {
        return;
    }
    AUTO_STR detail = text_of(result->detail);
    if (is_broken) {
        message_error("the handler of %s ends before it takes a job (CRASH_LOOP)%s%s: correct it, "
                      "then `millrace endpoints apply` its document; the job keeps waiting",
                      wait->endpoint, detail[0] ? ": " : "", detail);
    } else {
        message("%s waits: %s%s%s", wait->job, reason, detail[0] ? ": " : "", detail);
    }
    free(wait->last_reason);
    wait->last_reason = xstrdup(reason);
}

void wait_note(struct wait *wait, struct slice body)
{
    AUTO(result_done) struct result result = {0};
    result_read(body, &result);
    if (wait->job == NULL && result.id[0] != '\0') {
        wait->job = xstrdup(result.id);
    }
    AUTO_STR reason = text_of(result.reason);
    free(wait->state);
    wait->state = describe(&result, reason);
    wait->is_unexplained = result.has_state && result.state == JOB_IN_QUEUE && reason[0] == '\0';
    if (!result_is_final(&result) && wait->job != NULL) {
        tell_reason(wait, reason, &result);
        show(wait);
    }
}

static bool is_without_worker(struct slice health)
{
    enum { UNHEALTHY, READY, RUNNING, COUNT };
    struct json_member top[] = {{.name = "workers"}};
    struct json_member workers[COUNT] = {
        {.name = "unhealthy"}, {.name = "ready"}, {.name = "running"}};
    struct json_problem where;
    if (json_scan(health, top, 1, &where) != ERR_OK ||
        json_scan(top[0].value, workers, COUNT, &where) != ERR_OK) {
        return false;
    }
    return slice_to_i64_or(workers[UNHEALTHY].value, 0) > 0 &&
           slice_to_i64_or(workers[READY].value, 0) == 0 &&
           slice_to_i64_or(workers[RUNNING].value, 0) == 0;
}

void wait_explain(struct wait *wait)
{
    if (!wait->is_unexplained || wait->is_health_told || waited_ms(wait) < HEALTH_AFTER_MS) {
        return;
    }
    AUTO(answer_done) struct answer answer = {0};
    AUTO_STR path = xasprintf("/v2/%s/health", wait->endpoint);
    const struct call call = {.method = "GET", .path = path};
    if (client_call(wait->client, &call, &answer) == ERR_OK && answer.status == 200 &&
        is_without_worker(buf_slice(&answer.body))) {
        wait->is_health_told = true;
        message_error("the handler of %s ends before it takes a job: see why in log/agent-*.log of "
                      "the data folder, correct it, then `millrace endpoints apply` its document; "
                      "the job keeps waiting",
                      wait->endpoint);
    }
}

static bool is_temporary(enum err err, const struct answer *answer)
{
    if (err == ERR_OK) {
        return answer->status == 503 || answer->status == 429 || answer->status == 502;
    }
    return err != ERR_CLOSING;
}

bool wait_ask(struct wait *wait, const struct call *call, struct answer *answer)
{
    client_on_tick(wait->client, show, wait);
    for (wait->failures = 0;; wait->failures++) {
        enum err err = client_call(wait->client, call, answer);
        if (err == ERR_OK && !client_is_refusal(wait->client, answer)) {
            return true;
        }
        if (err == ERR_CLOSING || client_is_interrupted()) {
            return false;
        }
        if (!is_temporary(err, answer) || wait->failures == FAILURES_MAX || wait_is_over(wait)) {
            message_error("%s", client_problem(wait->client));
            return false;
        }
        int pause_ms = PAUSE_MS << (wait->failures < 4 ? wait->failures : 4);
        (void)poll(NULL, 0, pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS);
    }
}

int wait_give_up(const struct wait *wait)
{
    if (!client_is_interrupted()) {
        return client_failure();
    }
    message("the job goes on; `millrace status %s %s` tells its state, `millrace cancel %s %s` "
            "stops it",
            wait->endpoint, wait->job, wait->endpoint, wait->job);
    return client_failure();
}

int wait_until_final(struct wait *wait, struct answer *answer)
{
    for (;;) {
        wait_note(wait, buf_slice(&answer->body));
        AUTO(result_done) struct result result = {0};
        result_read(buf_slice(&answer->body), &result);
        if (result_is_final(&result) || !result.has_state || wait_is_over(wait)) {
            int status = result_exit_status(&result);
            return result_print(buf_slice(&answer->body)) == EXIT_OK ? status : EXIT_ERROR;
        }
        wait_explain(wait);
        long slice_ms = wait_slice_ms(wait);
        AUTO_STR path =
            xasprintf("/v2/%s/status-sync/%s?wait=%ld", wait->endpoint, wait->job, slice_ms);
        struct call call = {.method = "GET", .path = path, .wait_ms = slice_ms};
        if (!wait_ask(wait, &call, answer)) {
            return wait_give_up(wait);
        }
    }
}
