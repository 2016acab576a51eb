/* An open long poll of a handler: job-take or job-stop. Held for POLL_MS, then answered 204. */
#ifndef WORKER_POLL_H
#define WORKER_POLL_H

#include "base/buf.h"
#include "base/list.h"
#include "net/http.h"

#define POLL_MS 20000 /* the oldest SDKs give up after 30 s */
#define BATCH_MAX 128

struct slot;
struct poll {
    struct list link;             /* slot.takes or slot.stops */
    struct list hungry;           /* taker.polls, job-take only, while it may be given jobs */
    struct http_request *request; /* NULL: of a server, held until its slot ends it */
    struct slot *slot;
    struct timer timer;
    uint64_t since;  /* order of arrival */
    size_t wanted;   /* most jobs it takes */
    bool is_batch;   /* answered with a list */
    struct buf body; /* jobs of the take that is being dealt out */
};

/* request NULL: no time limit, no answer. */
struct poll *poll_new(struct slot *slot, struct list *polls, struct http_request *request);
/* Answers and frees. */
void poll_answer(struct poll *poll, int status, struct slice body);
/* Answers all with 204. */
void poll_answer_all(struct list *polls);

#endif
