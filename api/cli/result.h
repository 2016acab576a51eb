/* Job objects as the API answers them: what they say, how they are printed, which exit status they
 * give. */
#ifndef CLI_RESULT_H
#define CLI_RESULT_H

#include "queue/job.h"

enum exit_status {
    EXIT_OK = 0,        /* COMPLETED, or the call did what it should */
    EXIT_ERROR = 1,     /* the API could not be reached, or refused */
    EXIT_USAGE = 2,     /* the command line is wrong */
    EXIT_FAILED = 3,    /* the job is FAILED */
    EXIT_CANCELLED = 4, /* the job is CANCELLED */
    EXIT_TIMED_OUT = 5, /* the job is TIMED_OUT */
    EXIT_NOT_FINAL = 6, /* the job is still waiting or running */
    EXIT_INTERRUPTED = 130,
};
#define RESULT_EPILOGUE                                                                        \
    "Exit status: 0 COMPLETED or done, 1 the API cannot be reached or refuses, 2 bad usage,\n" \
    "3 FAILED, 4 CANCELLED, 5 TIMED_OUT, 6 still waiting or running, 130 Ctrl-C."

struct result {
    char *id; /* owned; "" when the answer has none */
    enum job_state state;
    bool has_state;
    /* borrowed from the body, JSON text, empty when absent */
    struct slice output, error, reason, detail, position;
};
void result_done(struct result *result);
AUTO_DEFINE_EMBEDDED(result_done, struct result)

/* Never fails: what the body does not say is empty. */
void result_read(struct slice body, struct result *ret_result);
bool result_is_final(const struct result *result);
int result_exit_status(const struct result *result);
/* One line on stdout; EXIT_ERROR with a message when it cannot be written, else EXIT_OK. */
int result_print(struct slice body);
/* Percent done (0 to 100) that progress output tells: a number, or the member "percent" or
 * "progress" of an object; -1 when it tells none. Pure. */
int result_percent(struct slice output);

#endif
