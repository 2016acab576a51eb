/* millrace logs: what the handlers of an endpoint wrote; with -f also what they will.
 *
 * Each line of the API is one JSON object with the id of its place; following asks again for what
 * comes after the last one, so a node that restarts costs nothing. */
#include <poll.h>
#include <stdio.h>

#include "base/id.h"
#include "base/json.h"
#include "client.h"
#include "command.h"
#include "message.h"
#include "operands.h"
#include "result.h"

#define PAUSE_MS 500

struct logs_options {
    struct client_options client;
    const char *worker, *job;
    int64_t tail;
    bool is_following, is_json;
};

struct logs {
    struct client *client;
    const struct logs_options *options;
    const char *endpoint;
    char last[64]; /* id of the last line, empty before the first */
};

static const char *const operand_names[] = {"ENDPOINT", NULL};

static void put_text(struct slice string, const char *before, const char *after)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    if (string.len > 0 && json_unquote(string, &text) == ERR_OK) {
        (void)printf("%s%.*s%s", before, SLICE_ARG(buf_slice(&text)), after);
    }
}

static void print_line(struct logs *logs, struct slice line)
{
    enum { ID, WORKER, JOB, TEXT };
    struct json_member members[] = {
        {.name = "id"}, {.name = "worker"}, {.name = "job"}, {.name = "line"}};
    struct json_problem problem;
    AUTO(buf_done) struct buf id = BUF_INIT;
    if (json_scan(line, members, COUNT_OF(members), &problem) != ERR_OK ||
        json_unquote(members[ID].value, &id) != ERR_OK) {
        return;
    }
    (void)snprintf(logs->last, sizeof(logs->last), "%.*s", SLICE_ARG(buf_slice(&id)));
    if (logs->options->is_json) {
        (void)printf("%.*s\n", SLICE_ARG(line));
        return;
    }
    put_text(members[WORKER].value, "", " ");
    put_text(members[JOB].value, "[", "] ");
    put_text(members[TEXT].value, "", "\n");
}

/* False when stdout is closed: nobody reads any more. */
static bool print_lines(struct logs *logs, struct slice body)
{
    while (body.len > 0) {
        print_line(logs, slice_cut(&body, '\n'));
    }
    return fflush(stdout) == 0 && !ferror(stdout);
}

static char *path_of(const struct logs *logs)
{
    const struct logs_options *options = logs->options;
    struct buf path = BUF_INIT;
    (void)buf_printf(&path, "/v2/%s/logs?tail=%lld", logs->endpoint, (long long)options->tail);
    if (options->worker != NULL) {
        (void)buf_printf(&path, "&worker=%s", options->worker);
    }
    if (options->job != NULL) {
        (void)buf_printf(&path, "&job=%s", options->job);
    }
    if (logs->last[0] != '\0') {
        (void)buf_printf(&path, "&after=%s", logs->last);
    }
    return buf_take_str(&path);
}

static int run(struct logs *logs)
{
    do {
        AUTO(answer_done) struct answer answer = {0};
        AUTO_STR path = path_of(logs);
        const struct call call = {.method = "GET", .path = path};
        if (!client_ask(logs->client, &call, &answer)) {
            return client_failure();
        }
        if (!print_lines(logs, buf_slice(&answer.body))) {
            return EXIT_ERROR;
        }
        if (logs->options->is_following) {
            (void)poll(NULL, 0, PAUSE_MS);
        }
    } while (logs->options->is_following && !client_is_interrupted());
    if (logs->last[0] == '\0' && logs->options->job != NULL && !client_is_interrupted()) {
        message("no line names this job; what handlers in pods write is in the logs of their "
                "containers, which `millrace logs %s` names",
                logs->endpoint);
    }
    return client_is_interrupted() ? client_failure() : EXIT_OK;
}

/* They go into a URL as they are. */
static bool check_id(const char *flag, const char *id)
{
    bool is_good = id == NULL || id_is_valid(slice_of(id));
    if (!is_good) {
        message_error("%s '%s': use 1 to 128 of A-Z a-z 0-9 _ -", flag, id);
    }
    return is_good;
}

int cmd_logs(int argc, char **argv)
{
    static char follow_flag[] = "--follow";
    struct logs_options options = {0};
    const struct config_option list[] = {
        CLIENT_OPTIONS(options.client),
        {"follow", CONFIG_FLAG, &options.is_following, NULL, NULL, 0, 0, NULL,
         "go on with each further line; also -f"},
        {"worker", CONFIG_STRING, &options.worker, "ID", NULL, 0, 0, NULL, "only of this worker"},
        {"job", CONFIG_STRING, &options.job, "ID", NULL, 0, 0, NULL, "only of this job"},
        {"tail", CONFIG_INT, &options.tail, "N", "100", 1, 5000, NULL,
         "begin with the last N lines"},
        {"json", CONFIG_FLAG, &options.is_json, NULL, NULL, 0, 0, NULL,
         "print the JSON objects of the API"},
    };
    const struct config_spec spec = {
        "millrace logs",
        "Print what the handlers of an endpoint wrote.",
        "ENDPOINT",
        list,
        COUNT_OF(list),
        "Exit status: 0 done, 1 the API cannot be reached or refuses, 2 bad usage."};
    for (int i = 1; i < argc; i++) {
        argv[i] = strcmp(argv[i], "-f") == 0 ? follow_flag : argv[i];
    }
    struct config_strings operands = config_load(&spec, argc, argv);
    if (!operands_check(&spec, &operands, operand_names, 1) ||
        !check_id("--worker", options.worker) || !check_id("--job", options.job)) {
        return EXIT_USAGE;
    }
    AUTO(client_free) struct client *client = client_new(&options.client);
    if (client == NULL) {
        return EXIT_USAGE;
    }
    struct logs logs = {.client = client, .options = &options, .endpoint = operands.items[0]};
    return run(&logs);
}
