/* Waiting for a job: its state until it is final, the time is over, or Ctrl-C. */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include "client.h"
#include "result.h"

struct wait {
    struct client *client;
    const char *endpoint;
    char *job;           /* owned; NULL until the first answer */
    uint64_t started_ms; /* clock_mono_ms() */
    int64_t timeout_s;   /* 0: as long as it takes */
    /* private */
    char *state;         /* what the progress line says; owned */
    char *last_reason;   /* the one told last; owned */
    unsigned failures;   /* calls in a row without an answer */
    bool is_unexplained; /* the job is queued and the API does not say why */
    bool is_health_told; /* ... but the workers' state did */
};
void wait_init(struct wait *wait, struct client *client, const char *endpoint, int64_t timeout_s);
void wait_done(struct wait *wait);
AUTO_DEFINE_EMBEDDED(wait_done, struct wait)

/* How long one call should be held back: short slices on a terminal, where the line moves. */
long wait_slice_ms(const struct wait *wait);
long wait_left_ms(const struct wait *wait); /* of the time; at least 1; only with a timeout */
/* Takes note of a job object: id, state, why it waits. */
void wait_note(struct wait *wait, struct slice body);
/* The answer holds a job object; asks /status-sync until it is final, prints the last one, and
 * returns the exit status. An API node that goes away for a while is waited for. */
int wait_until_final(struct wait *wait, struct answer *answer);
/* Repeats a call that changes nothing until it is answered 2xx; false: told on stderr, give up. */
bool wait_ask(struct wait *wait, const struct call *call, struct answer *answer);
/* After wait_ask() failed: how to go on with the job, after Ctrl-C; the exit status. */
int wait_give_up(const struct wait *wait);
/* A job that is queued for long without a reason: tells once when no worker of the endpoint can
 * take it, because its handler ends at once. */
void wait_explain(struct wait *wait);
bool wait_is_over(const struct wait *wait); /* the time is */

#endif
