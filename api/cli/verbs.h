/* Commands with verbs of their own (`millrace keys create ...`), and the simplest thing a verb
 * does: one call whose answer is printed. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include <stddef.h>

#include "client.h"
#include "command.h"

struct verb {
    const char *name;
    const char *usage; /* after the command's name */
    command_fn run;
};

/* Runs the verb that argv names, the first one of the table (they are ended by a NULL name) when it
 * names none. argv[0] is the command. */
int verbs_run(const struct verb *verbs, int argc, char **argv);

/* Exit status of the process; what went wrong has been told on stderr. */
int ask_and_print(const struct client_options *options, const struct call *call);

#endif
