/* millrace workers: the handler processes of one endpoint or of all, or the machines they run on,
 * as one JSON array. */

#include "base/json_tree.h"
#include "client.h"
#include "command.h"
#include "message.h"
#include "operands.h"
#include "result.h"

static const char *const endpoint_names[] = {"ENDPOINT", NULL};

/* Moves the workers of one endpoint into the list, each with its endpoint's id in front. */
static void take_workers(cJSON *endpoint, cJSON *list)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(endpoint, "id");
    cJSON *workers = cJSON_GetObjectItemCaseSensitive(endpoint, "workers");
    while (workers != NULL && workers->child != NULL) {
        cJSON *worker = cJSON_DetachItemViaPointer(workers, workers->child);
        cJSON *row = cJSON_CreateObject();
        (void)cJSON_AddItemToObject(row, "endpoint", cJSON_Duplicate(id, true));
        while (worker->child != NULL) {
            cJSON *member = cJSON_DetachItemViaPointer(worker, worker->child);
            AUTO_STR name = xstrdup(member->string);
            (void)cJSON_AddItemToObject(row, name, member);
        }
        cJSON_Delete(worker);
        (void)cJSON_AddItemToArray(list, row);
    }
}

static int print_workers(struct slice body)
{
    AUTO(cJSON_Delete) cJSON *answer = cJSON_ParseWithLength(body.ptr, body.len);
    AUTO(cJSON_Delete) cJSON *list = cJSON_CreateArray();
    if (cJSON_IsArray(answer)) {
        cJSON *endpoint;
        cJSON_ArrayForEach(endpoint, answer)
        {
            take_workers(endpoint, list);
        }
    } else if (cJSON_IsObject(answer)) {
        take_workers(answer, list);
    } else {
        message_error("the API answered something unexpected: is --url right?");
        return EXIT_ERROR;
    }
    char *text = cJSON_PrintUnformatted(list);
    int status = result_print(slice_of(text));
    cJSON_free(text);
    return status;
}

/* print: what to do with the answer. */
static int ask(const struct client_options *options, const char *path, int (*print)(struct slice))
{
    AUTO(client_free) struct client *client = client_new(options);
    AUTO(answer_done) struct answer answer = {0};
    const struct call call = {.method = "GET", .path = path};
    if (client == NULL) {
        return EXIT_USAGE;
    }
    return client_ask(client, &call, &answer) ? print(buf_slice(&answer.body)) : client_failure();
}

int cmd_workers(int argc, char **argv)
{
    struct client_options options = {0};
    bool is_about_agents = false;
    const struct config_option list[] = {
        CLIENT_OPTIONS(options),
        {.name = "agents",
         .kind = CONFIG_FLAG,
         .target = &is_about_agents,
         .help =
             "list the machines instead: slots, graphics cards with their state, labels, cache"},
    };
    const struct config_spec spec = {
        "millrace workers",
        "List the handler processes of an endpoint, or of all.",
        "[ENDPOINT]",
        list,
        COUNT_OF(list),
        "Each has its endpoint, id, state, number of jobs held, since (milliseconds since 1970),\n"
        "version of the endpoint it was started with, and agent.\n\n"
        "Exit status: 0 the API answered, 1 it cannot be reached or refuses, 2 bad usage."};
    struct config_strings operands = config_load(&spec, argc, argv);
    if (!operands_check(&spec, &operands, endpoint_names, 0)) {
        return EXIT_USAGE;
    }
    if (is_about_agents && operands.count == 0) {
        return ask(&options, "/v1/agents", result_print);
    }
    if (is_about_agents) {
        message_error("--agents lists all machines: leave ENDPOINT out");
        return EXIT_USAGE;
    }
    AUTO_STR path =
        xasprintf("/v1/endpoints%s%s?includeWorkers=true", operands.count > 0 ? "/" : "",
                  operands.count > 0 ? operands.items[0] : "");
    return ask(&options, path, print_workers);
}
