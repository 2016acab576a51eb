/* millrace: the command line. One table of sub-commands; each reads its own options. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "command.h"
#include "message.h"

struct command {
    const char *name;
    const char *summary;
    command_fn run;
};

static const struct command commands[] = {
    {"up", "run all of Millrace on this machine", cmd_up},
    {"endpoints", "list, create, update and delete endpoints", cmd_endpoints},
    {"keys", "create, list and revoke API keys", cmd_keys},
    {"run", "queue one job", cmd_run},
    {"runsync", "run one job and wait for its result", cmd_runsync},
    {"status", "tell the state of a job", cmd_status},
    {"stream", "print the stream of a job as it comes", cmd_stream},
    {"cancel", "stop a job, waiting or running", cmd_cancel},
    {"retry", "queue a failed job once more", cmd_retry},
    {"purge", "cancel all waiting jobs of an endpoint", cmd_purge},
    {"logs", "print what the handlers of an endpoint wrote", cmd_logs},
    {"health", "count the jobs and workers of an endpoint; without one: can this node serve?",
     cmd_health},
    {"requests", "list the latest jobs of an endpoint", cmd_requests},
    {"workers", "list the handler processes of an endpoint, or of all", cmd_workers},
    {"doctor", "examine Redis, scheduler, agents, API and endpoints", cmd_doctor},
};

static void print_help(void)
{
    (void)puts("Usage: millrace COMMAND [options]\nRun GPU jobs on your own machines.\n\n"
               "Commands:");
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        (void)printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    (void)puts("\n`millrace COMMAND --help` tells the options and exit statuses of a command.");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help();
        return 0;
    }
    if (strcmp(name, "--version") == 0) {
        (void)printf("millrace %s\n", MILLRACE_VERSION);
        return 0;
    }
    const struct command *command = find_command(name);
    if (command == NULL) {
        message_error("%s%s; `millrace --help` lists the commands",
                      name[0] ? "there is no command " : "a command is missing", name);
        return 2;
    }
    return command->run(argc - 1, argv + 1);
}
