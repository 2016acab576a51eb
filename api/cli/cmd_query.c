/* One call, its answer on stdout: millrace status, and the plain ones (cancel, retry, purge,
 * health, requests), which differ only in a row of text. */
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

/* --- the plain ones --- */

struct plain {
    const char *program, *summary, *epilogue;
    const char *method;
    const char *operation; /* last part of the path before the job */
    bool has_job;
    const char *alone; /* path asked when no endpoint is given; NULL: one is needed */
};

#define PLAIN_EPILOGUE \
    "Exit status: 0 the API answered, 1 it cannot be reached or refuses, 2 bad usage."

static char *plain_path(const struct plain *plain, const struct config_strings *operands)
{
    if (operands->count == 0) {
        return xstrdup(plain->alone);
    }
    return xasprintf("/v2/%s/%s%s%s", operands->items[0], plain->operation,
                     plain->has_job ? "/" : "", plain->has_job ? operands->items[1] : "");
}

static int ask_plainly(const struct plain *plain, int argc, char **argv)
{
    struct client_options options = {0};
    const struct config_option list[] = {CLIENT_OPTIONS(options)};
    const char *text = plain->has_job ? job_operands : plain->alone ? "[ENDPOINT]" : "ENDPOINT";
    const char *const *names = plain->has_job ? job_names : endpoint_names;
    size_t needed = plain->has_job ? 2 : plain->alone ? 0 : 1;
    const struct config_spec spec = {plain->program, plain->summary, text,
                                     list,           COUNT_OF(list), plain->epilogue};
    struct config_strings operands = config_load(&spec, argc, argv);
    if (!operands_check(&spec, &operands, names, needed)) {
        return EXIT_USAGE;
    }
    AUTO(client_free) struct client *client = client_new(&options);
    if (client == NULL) {
        return EXIT_USAGE;
    }
    AUTO(answer_done) struct answer answer = {0};
    AUTO_STR path = plain_path(plain, &operands);
    const struct call call = {.method = plain->method, .path = path};
    return client_ask(client, &call, &answer) ? result_print(buf_slice(&answer.body))
                                              : client_failure();
}

int cmd_cancel(int argc, char **argv)
{
    static const struct plain plain = {
        "millrace cancel",
        "Stop a job, waiting or running.",
        "A job that is final already stays as it is; the answer says which.\n\n" PLAIN_EPILOGUE,
        "POST",
        "cancel",
        true,
        NULL};
    return ask_plainly(&plain, argc, argv);
}

int cmd_retry(int argc, char **argv)
{
    static const struct plain plain = {"millrace retry",
                                       "Queue a job that is FAILED or TIMED_OUT once more.",
                                       PLAIN_EPILOGUE,
                                       "POST",
                                       "retry",
                                       true,
                                       NULL};
    return ask_plainly(&plain, argc, argv);
}

int cmd_purge(int argc, char **argv)
{
    static const struct plain plain = {
        "millrace purge",
        "Cancel all waiting jobs of an endpoint; running ones go on.",
        PLAIN_EPILOGUE,
        "POST",
        "purge-queue",
        false,
        NULL};
    return ask_plainly(&plain, argc, argv);
}

int cmd_health(int argc, char **argv)
{
    static const struct plain plain = {
        "millrace health",
        "Count the jobs and workers of an endpoint; without one, tell whether the program at the "
        "URL can serve.",
        PLAIN_EPILOGUE,
        "GET",
        "health",
        false,
        "/healthz"};
    return ask_plainly(&plain, argc, argv);
}

int cmd_requests(int argc, char **argv)
{
    static const struct plain plain = {"millrace requests",
                                       "List the latest jobs of an endpoint.",
                                       PLAIN_EPILOGUE,
                                       "GET",
                                       "requests",
                                       false,
                                       NULL};
    return ask_plainly(&plain, argc, argv);
}
