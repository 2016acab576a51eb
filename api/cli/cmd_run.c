/* millrace run and runsync: send one job.
 *
 * run answers as soon as the job is stored (--wait: when it is final), runsync when it is final.
 * Both wait by /status-sync, so a wait longer than the API holds an answer is the same wait. */
#include "command.h"

#include "client.h"
#include "input.h"
#include "message.h"
#include "operands.h"
#include "wait.h"

struct run_options {
    struct client_options client;
    bool is_waiting;
    int64_t timeout_s;
};

static const char *const operand_names[] = {"ENDPOINT", "INPUT", NULL};
static const char operand_text[] = "ENDPOINT [INPUT | @FILE | -]";
static const char epilogue[] =
    "INPUT is the JSON text of the job's input (default {}), @FILE a file that holds it, - "
    "standard\n"
    "input. The job object is printed on stdout as the API answers it.\n\n" RESULT_EPILOGUE;

/* The first call; its path says whether the API holds the answer back. */
static bool submit(struct wait *wait, const char *operation, const struct buf *body,
                   struct answer *answer)
{
    bool is_sync = operation[3] != '\0';
    long slice_ms = wait_slice_ms(wait);
    AUTO_STR path = is_sync ? xasprintf("/v2/%s/%s?wait=%ld", wait->endpoint, operation, slice_ms)
                            : xasprintf("/v2/%s/%s", wait->endpoint, operation);
    struct call call = {
        .method = "POST", .path = path, .body = buf_slice(body), .wait_ms = is_sync ? slice_ms : 0};
    return client_ask(wait->client, &call, answer);
}

static int send_job(const struct run_options *options, const char *operation,
                    const struct config_strings *operands)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    const char *input = operands->count > 1 ? operands->items[1] : NULL;
    if (input_body(input, &body, &problem) != ERR_OK) {
        message_error("%.*s", SLICE_ARG(buf_slice(&problem)));
        return EXIT_USAGE;
    }
    AUTO(client_free) struct client *client = client_new(&options->client);
    if (client == NULL) {
        return EXIT_USAGE;
    }
    AUTO(wait_done) struct wait wait;
    AUTO(answer_done) struct answer answer = {0};
    wait_init(&wait, client, operands->items[0], options->timeout_s);
    if (!submit(&wait, operation, &body, &answer)) {
        return client_failure();
    }
    return options->is_waiting ? wait_until_final(&wait, &answer)
                               : result_print(buf_slice(&answer.body));
}

#define WAIT_OPTIONS(to)                                                             \
    CLIENT_OPTIONS((to).client),                                                     \
    {                                                                                \
        "timeout", CONFIG_INT, &(to).timeout_s, "SECONDS", "0", 0, 604800, NULL,     \
            "stop waiting after so long, the job goes on; 0: wait until it is final" \
    }

int cmd_run(int argc, char **argv)
{
    struct run_options options = {0};
    const struct config_option list[] = {
        WAIT_OPTIONS(options),
        {"wait", CONFIG_FLAG, &options.is_waiting, NULL, NULL, 0, 0, NULL,
         "wait until the job is final and print its result"},
    };
    const struct config_spec spec = {"millrace run", "Queue one job.", operand_text,
                                     list,           COUNT_OF(list),   epilogue};
    struct config_strings operands = config_load(&spec, argc, argv);
    if (!operands_check(&spec, &operands, operand_names, 1)) {
        return EXIT_USAGE;
    }
    return send_job(&options, "run", &operands);
}

int cmd_runsync(int argc, char **argv)
{
    struct run_options options = {.is_waiting = true};
    const struct config_option list[] = {WAIT_OPTIONS(options)};
    const struct config_spec spec = {"millrace runsync", "Run one job and wait for its result.",
                                     operand_text,       list,
                                     COUNT_OF(list),     epilogue};
    struct config_strings operands = config_load(&spec, argc, argv);
    if (!operands_check(&spec, &operands, operand_names, 1)) {
        return EXIT_USAGE;
    }
    return send_job(&options, "runsync", &operands);
}
