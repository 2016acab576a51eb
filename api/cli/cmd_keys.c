/* millrace keys: create, list, revoke. The key itself is on stdout once, when it is created. */
#include <stdio.h>

#include "key_body.h"
#include "message.h"
#include "operands.h"
#include "result.h"
#include "verbs.h"

struct keys_options {
    struct client_options client;
    struct config_strings scopes;
    const char *expires;
};

static const char *const id_names[] = {"ID", NULL};
static const char epilogue[] =
    "Exit status: 0 done, 1 the API cannot be reached or refuses, 2 bad usage.";

static int create(const struct keys_options *options, const char *name)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    if (key_body_put(&body, name, &options->scopes, options->expires, &problem) != ERR_OK) {
        message_error("%.*s", SLICE_ARG(buf_slice(&problem)));
        return EXIT_USAGE;
    }
    const struct call call = {.method = "POST", .path = "/v1/keys", .body = buf_slice(&body)};
    return ask_and_print(&options->client, &call);
}

static int keys_create(int argc, char **argv)
{
    static struct keys_options options; /* its list lives as long as the process, config.h */
    const struct config_option list[] = {
        CLIENT_OPTIONS(options.client),
        {"scope", CONFIG_STRINGS, &options.scopes, "ENDPOINT=WHAT", NULL, 0, 0, NULL,
         "what the key may do there: some of run,read,cancel,purge,admin; '*' is every endpoint"},
        {"expires", CONFIG_STRING, &options.expires, "WHEN", NULL, 0, 0, NULL,
         "end of the key: \"2030-01-31T12:00:00Z\", or milliseconds since 1970"},
    };
    const struct config_spec spec = {
        "millrace keys create",
        "Make an API key and print it, the only time it is shown.",
        "NAME",
        list,
        COUNT_OF(list),
        "--scope may be given several times. `admin` of one endpoint is its document; `admin` of\n"
        "'*' is everything, other keys included.\n\n"
        "Example: millrace keys create shop --scope render=run,read --scope text=run,read\n\n"
        "Exit status: 0 done, 1 the API cannot be reached or refuses, 2 bad usage."};
    struct config_strings operands = config_load(&spec, argc, argv);
    if (operands.count != 1) {
        message_error("%s; usage: %s NAME --scope ENDPOINT=run,read",
                      operands.count == 0 ? "NAME is missing" : "only one NAME is allowed",
                      spec.program);
        return EXIT_USAGE;
    }
    if (options.scopes.count == 0) {
        message_error("--scope is missing; usage: %s NAME --scope ENDPOINT=run,read", spec.program);
        return EXIT_USAGE;
    }
    return create(&options, operands.items[0]);
}

static int keys_list(int argc, char **argv)
{
    struct client_options options = {0};
    const struct config_option list[] = {CLIENT_OPTIONS(options)};
    const struct config_spec spec = {"millrace keys list",
                                     "Print all API keys as JSON, without the keys themselves.",
                                     NULL,
                                     list,
                                     COUNT_OF(list),
                                     epilogue};
    (void)config_load(&spec, argc, argv);
    const struct call call = {.method = "GET", .path = "/v1/keys"};
    return ask_and_print(&options, &call);
}

static int keys_revoke(int argc, char **argv)
{
    struct client_options options = {0};
    const struct config_option list[] = {CLIENT_OPTIONS(options)};
    const struct config_spec spec = {"millrace keys revoke",
                                     "End an API key, on all nodes within 5 seconds.",
                                     "ID",
                                     list,
                                     COUNT_OF(list),
                                     epilogue};
    struct config_strings operands = config_load(&spec, argc, argv);
    if (!operands_check(&spec, &operands, id_names, 1)) {
        return EXIT_USAGE;
    }
    AUTO_STR path = xasprintf("/v1/keys/%s", operands.items[0]);
    const struct call call = {.method = "DELETE", .path = path};
    return ask_and_print(&options, &call);
}

/* --- the table --- */

int cmd_keys(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"list", "list", keys_list},
        {"create", "create NAME --scope ENDPOINT=run,read... [--expires WHEN]", keys_create},
        {"revoke", "revoke ID", keys_revoke},
        {NULL, NULL, NULL},
    };
    return verbs_run(verbs, argc, argv);
}
