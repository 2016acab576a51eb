/* millrace status, cancel, health: one call, its answer on stdout. */
#include "client.h"
#include "command.h"
#include "message.h"
#include "operands.h"
#include "wait.h"

struct query_options {
    struct client_options client;
    bool is_waiting;
    int64_t timeout_s;
};

static const char *const job_names[] = {"ENDPOINT", "JOB", NULL};
static const char *const endpoint_names[] = {"ENDPOINT", NULL};
static const char job_operands[] = "ENDPOINT JOB";

/* Prints the answer of a call and ends with 0, or with what the job's state says. */
static int ask_once(const struct query_options *options, const struct call *call)
{
    AUTO(client_free) struct client *client = client_new(&options->client);
    AUTO(answer_done) struct answer answer = {0};
    if (client == NULL) {
        return EXIT_USAGE;
    }
    return client_ask(client, call, &answer) ? result_print(buf_slice(&answer.body))
                                             : client_failure();
}

static int status_of(const struct query_options *options, const char *endpoint, const char *job)
{
    AUTO(client_free) struct client *client = client_new(&options->client);
    if (client == NULL) {
        return EXIT_USAGE;
    }
    AUTO(answer_done) struct answer answer = {0};
    AUTO_STR path = xasprintf("/v2/%s/status/%s", endpoint, job);
    const struct call call = {.method = "GET", .path = path};
    if (!client_ask(client, &call, &answer)) {
        return client_failure();
    }
    if (options->is_waiting) {
        AUTO(wait_done) struct wait wait;
        wait_init(&wait, client, endpoint, options->timeout_s);
        return wait_until_final(&wait, &answer);
    }
    AUTO(result_done) struct result result = {0};
    result_read(buf_slice(&answer.body), &result);
    int status = result_exit_status(&result);
    return result_print(buf_slice(&answer.body)) == EXIT_OK ? status : EXIT_ERROR;
}

int cmd_status(int argc, char **argv)
{
    struct query_options options = {0};
    const struct config_option list[] = {
        CLIENT_OPTIONS(options.client),
        {"wait", CONFIG_FLAG, &options.is_waiting, NULL, NULL, 0, 0, NULL,
         "wait until the job is final"},
        {"timeout", CONFIG_INT, &options.timeout_s, "SECONDS", "0", 0, 604800, NULL,
         "with --wait: stop waiting after so long; 0: wait until it is final"},
    };
    const struct config_spec spec = {"millrace status", "Tell the state of a job.",
                                     job_operands,      list,
                                     COUNT_OF(list),    RESULT_EPILOGUE};
    struct config_strings operands = config_load(&spec, argc, argv);
    if (!operands_check(&spec, &operands, job_names, 2)) {
        return EXIT_USAGE;
    }
    return status_of(&options, operands.items[0], operands.items[1]);
}

int cmd_cancel(int argc, char **argv)
{
    struct query_options options = {0};
    const struct config_option list[] = {CLIENT_OPTIONS(options.client)};
    const struct config_spec spec = {
        "millrace cancel",
        "Stop a job, waiting or running.",
        job_operands,
        list,
        COUNT_OF(list),
        "A job that is final already stays as it is; the answer says which.\n\n"
        "Exit status: 0 the API answered, 1 it cannot be reached or refuses, 2 bad usage."};
    struct config_strings operands = config_load(&spec, argc, argv);
    if (!operands_check(&spec, &operands, job_names, 2)) {
        return EXIT_USAGE;
    }
    AUTO_STR path = xasprintf("/v2/%s/cancel/%s", operands.items[0], operands.items[1]);
    const struct call call = {.method = "POST", .path = path};
    return ask_once(&options, &call);
}

int cmd_health(int argc, char **argv)
{
    struct query_options options = {0};
    const struct config_option list[] = {CLIENT_OPTIONS(options.client)};
    const struct config_spec spec = {
        "millrace health",
        "Count the jobs and workers of an endpoint.",
        "ENDPOINT",
        list,
        COUNT_OF(list),
        "Exit status: 0 the API answered, 1 it cannot be reached or refuses, 2 bad usage."};
    struct config_strings operands = config_load(&spec, argc, argv);
    if (!operands_check(&spec, &operands, endpoint_names, 1)) {
        return EXIT_USAGE;
    }
    AUTO_STR path = xasprintf("/v2/%s/health", operands.items[0]);
    const struct call call = {.method = "GET", .path = path};
    return ask_once(&options, &call);
}
