/* millrace stream: the elements of a job's stream, one JSON line each, as they come.
 *
 *   submit (with --input) -> events until the state is final -> the error, if any
 * Reading consumes nothing. A connection that is lost (a node restarts) is made again and goes on
 * behind the last event. While the job is queued the connection is cut now and then on purpose, to
 * find out why it waits. */
#include <poll.h>
#include <stdio.h>

#include "client.h"
#include "command.h"
#include "events.h"
#include "input.h"
#include "message.h"
#include "operands.h"
#include "wait.h"

#define QUEUED_SLICE_MS 5000
#define PAUSE_MS 250 /* after a connection that brought nothing */

struct stream_options {
    struct client_options client;
    const char *input;
    int64_t timeout_s;
};

static const char *const operand_names[] = {"ENDPOINT", "JOB", NULL};

struct follow {
    struct wait *wait;
    struct events events;
    struct buf status; /* the latest job object */
    enum job_state state;
    bool has_chunks;
    size_t count; /* events of this connection */
};

/* One line, whatever blanks the handler has put between its tokens. */
static void print_element(struct follow *follow, struct slice element)
{
    message_progress_end();
    for (size_t i = 0; i < element.len; i++) {
        (void)fputc(element.ptr[i] == '\n' ? ' ' : element.ptr[i], stdout);
    }
    (void)fputc('\n', stdout);
    follow->has_chunks = true;
}

static void take_status(struct follow *follow, struct slice status)
{
    buf_clear(&follow->status);
    (void)buf_put_slice(&follow->status, status);
    AUTO(result_done) struct result result = {0};
    result_read(status, &result);
    follow->state = result.state;
    wait_note(follow->wait, status);
}

static void on_event(const struct event *event, void *arg)
{
    struct follow *follow = arg;
    follow->count++;
    if (slice_is(event->name, "chunk")) {
        print_element(follow, event->data);
    } else if (slice_is(event->name, "status")) {
        take_status(follow, event->data);
    } else if (slice_is(event->name, "attempt") && follow->has_chunks) {
        message("%s starts over: its elements so far do not count", follow->wait->job);
    }
}

/* False when stdout is closed: nobody reads any more. */
static bool on_bytes(struct slice bytes, void *arg)
{
    struct follow *follow = arg;
    events_feed(&follow->events, bytes);
    return fflush(stdout) == 0 && !ferror(stdout);
}

static long slice_ms(const struct follow *follow)
{
    bool is_queued = follow->state == JOB_IN_QUEUE;
    if (follow->wait->timeout_s == 0) {
        return is_queued ? QUEUED_SLICE_MS : 0;
    }
    long left_ms = wait_left_ms(follow->wait);
    return is_queued && left_ms > QUEUED_SLICE_MS ? QUEUED_SLICE_MS : left_ms;
}

/* One connection. */
static bool follow_once(struct follow *follow, struct answer *answer)
{
    struct wait *wait = follow->wait;
    AUTO_STR path = xasprintf("/v2/%s/events/%s", wait->endpoint, wait->job);
    AUTO_STR header =
        follow->events.last_id.len == 0
            ? NULL
            : xasprintf("Last-Event-ID: %.*s", SLICE_ARG(buf_slice(&follow->events.last_id)));
    const struct call call = {.method = "GET",
                              .path = path,
                              .wait_ms = slice_ms(follow),
                              .header = header,
                              .on_bytes = on_bytes,
                              .arg = follow};
    follow->count = 0;
    events_cut(&follow->events);
    return wait_ask(wait, &call, answer);
}

static int end(const struct follow *follow)
{
    AUTO(result_done) struct result result = {0};
    result_read(buf_slice(&follow->status), &result);
    message_progress_end();
    if (result_is_final(&result) && result.error.len > 0) {
        message_error("%s: %.*s", job_state_name(result.state), SLICE_ARG(result.error));
    }
    return result_exit_status(&result);
}

static int follow_until_final(struct follow *follow)
{
    AUTO(answer_done) struct answer answer = {0};
    for (;;) {
        if (!follow_once(follow, &answer)) {
            return wait_give_up(follow->wait);
        }
        if (ferror(stdout)) {
            return EXIT_ERROR;
        }
        if (job_state_is_final(follow->state) || wait_is_over(follow->wait)) {
            return end(follow);
        }
        if (follow->count == 0) {
            (void)poll(NULL, 0, PAUSE_MS);
        }
        wait_explain(follow->wait);
    }
}

static int follow_job(struct wait *wait)
{
    struct follow follow = {.wait = wait, .state = JOB_IN_QUEUE};
    follow.events = (struct events){.fn = on_event, .arg = &follow};
    int status = follow_until_final(&follow);
    events_done(&follow.events);
    buf_done(&follow.status);
    return status;
}

static bool submit(struct wait *wait, const struct buf *body)
{
    AUTO(answer_done) struct answer answer = {0};
    AUTO_STR path = xasprintf("/v2/%s/run", wait->endpoint);
    const struct call call = {.method = "POST", .path = path, .body = buf_slice(body)};
    if (!client_ask(wait->client, &call, &answer)) {
        return false;
    }
    wait_note(wait, buf_slice(&answer.body));
    return wait->job != NULL;
}

static int stream_job(const struct stream_options *options, const struct config_strings *operands)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    if (options->input != NULL && input_body(options->input, &body, &problem) != ERR_OK) {
        message_error("%.*s", SLICE_ARG(buf_slice(&problem)));
        return EXIT_USAGE;
    }
    AUTO(client_free) struct client *client = client_new(&options->client);
    if (client == NULL) {
        return EXIT_USAGE;
    }
    AUTO(wait_done) struct wait wait;
    wait_init(&wait, client, operands->items[0], options->timeout_s);
    if (options->input == NULL) {
        wait.job = xstrdup(operands->items[1]);
    } else if (!submit(&wait, &body)) {
        return client_failure();
    }
    return follow_job(&wait);
}

int cmd_stream(int argc, char **argv)
{
    struct stream_options options = {0};
    const struct config_option list[] = {
        CLIENT_OPTIONS(options.client),
        {"input", CONFIG_STRING, &options.input, "INPUT", NULL, 0, 0, NULL,
         "send a job first: its input as JSON text, @FILE, or - for standard input"},
        {"timeout", CONFIG_INT, &options.timeout_s, "SECONDS", "0", 0, 604800, NULL,
         "stop after so long, the job goes on; 0: until it is final"},
    };
    const struct config_spec spec = {
        "millrace stream", "Print the stream of a job, one JSON element a line, as it comes.",
        "ENDPOINT [JOB]",  list,
        COUNT_OF(list),    RESULT_EPILOGUE};
    struct config_strings operands = config_load(&spec, argc, argv);
    if (!operands_check(&spec, &operands, operand_names, options.input != NULL ? 1 : 2)) {
        return EXIT_USAGE;
    }
    if (options.input != NULL && operands.count > 1) {
        message_error("give a JOB to follow or --input for a new one, not both");
        return EXIT_USAGE;
    }
    return stream_job(&options, &operands);
}
