/* A table and a search; the verb's own options are the verb's business. */
#include "verbs.h"

#include <stdio.h>

#include "message.h"
#include "result.h"

static int print_usage(const struct verb *verbs, const char *command)
{
    for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
        (void)printf("%s millrace %s %s\n", verb == verbs ? "Usage:" : "      ", command,
                     verb->usage);
    }
    return EXIT_OK;
}

static int refuse(const struct verb *verbs, const char *command, const char *name)
{
    AUTO(buf_done) struct buf allowed = BUF_INIT;
    for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
        (void)buf_printf(&allowed, "%s%s", verb == verbs ? "" : ", ", verb->name);
    }
    message_error("there is no `millrace %s %s`; allowed: %.*s", command, name,
                  SLICE_ARG(buf_slice(&allowed)));
    return EXIT_USAGE;
}

int verbs_run(const struct verb *verbs, int argc, char **argv)
{
    if (argc < 2) {
        return verbs->run(argc, argv);
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        return print_usage(verbs, argv[0]);
    }
    for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
        if (strcmp(name, verb->name) == 0) {
            return verb->run(argc - 1, argv + 1);
        }
    }
    return refuse(verbs, argv[0], name);
}

int ask_and_print(const struct client_options *options, const struct call *call)
{
    AUTO(client_free) struct client *client = client_new(options);
    AUTO(answer_done) struct answer answer = {0};
    if (client == NULL) {
        return EXIT_USAGE;
    }
    if (!client_ask(client, call, &answer)) {
        return client_failure();
    }
    return answer.body.len > 0 ? result_print(buf_slice(&answer.body)) : EXIT_OK;
}
