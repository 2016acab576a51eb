/* millrace stream: the elements of a job's stream, one JSON line each, as they come.
 *
 *   submit (with --input) -> /stream?wait until the state is final -> the error, if any
 * Reading consumes: an element that was printed is not given again, and a second reader gets other
 * ones. The state is final only in an answer that holds the last elements. */
#include <stdio.h>

#include "base/json.h"
#include "client.h"
#include "command.h"
#include "input.h"
#include "message.h"
#include "operands.h"
#include "wait.h"

struct stream_options {
    struct client_options client;
    const char *input;
    int64_t timeout_s;
};

static const char *const operand_names[] = {"ENDPOINT", "JOB", NULL};

static void print_element(struct slice element, void *arg)
{
    (void)arg;
    (void)fwrite(element.ptr, 1, element.len, stdout);
    (void)fputc('\n', stdout);
}

/* False when stdout is closed: nobody reads any more. */
static bool print_elements(struct slice body)
{
    struct json_member members[] = {{.name = "stream"}};
    struct json_problem where;
    if (json_scan(body, members, 1, &where) == ERR_OK && members[0].type == JSON_ARRAY &&
        members[0].value.len > 2) {
        message_progress_end();
        json_each(members[0].value, print_element, NULL);
    }
    return fflush(stdout) == 0 && !ferror(stdout);
}

/* The stream tells only the state; people want to know why. */
static void tell_error(struct wait *wait)
{
    AUTO(answer_done) struct answer answer = {0};
    AUTO_STR path = xasprintf("/v2/%s/status/%s", wait->endpoint, wait->job);
    const struct call call = {.method = "GET", .path = path};
    if (client_call(wait->client, &call, &answer) != ERR_OK) {
        return;
    }
    AUTO(result_done) struct result result = {0};
    result_read(buf_slice(&answer.body), &result);
    if (result.error.len > 0) {
        message_error("%s: %.*s", job_state_name(result.state), SLICE_ARG(result.error));
    }
}

static int follow(struct wait *wait)
{
    AUTO(answer_done) struct answer answer = {0};
    for (;;) {
        long slice_ms = wait_slice_ms(wait);
        AUTO_STR path = xasprintf("/v2/%s/stream/%s?wait=%ld&shape=object", wait->endpoint,
                                  wait->job, slice_ms);
        const struct call call = {.method = "GET", .path = path, .wait_ms = slice_ms};
        if (!wait_ask(wait, &call, &answer)) {
            return client_failure();
        }
        AUTO(result_done) struct result result = {0};
        result_read(buf_slice(&answer.body), &result);
        if (!print_elements(buf_slice(&answer.body))) {
            return EXIT_ERROR;
        }
        wait_note(wait, buf_slice(&answer.body));
        if (result_is_final(&result) || !result.has_state || wait_is_over(wait)) {
            message_progress_end();
            if (result_is_final(&result) && result.state != JOB_COMPLETED) {
                tell_error(wait);
            }
            return result_exit_status(&result);
        }
        wait_explain(wait);
    }
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
    return follow(&wait);
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
