/* Brings waiting jobs of one endpoint to the polls of its free handlers. */
#ifndef WORKER_TAKE_H
#define WORKER_TAKE_H

#include "poll.h"
#include "queue/queue.h"

struct url;

enum taker_state {
    TAKER_IDLE,
    TAKER_TAKING,
    TAKER_LISTENING,
    TAKER_RECLAIMING,
    TAKER_PAUSED,
    TAKER_STATE_COUNT
};

struct taker {
    struct list polls; /* poll.hungry */
    /* private */
    unsigned state;
    struct store *bell;     /* blocks in BLPOP; made when first needed */
    struct store_call call; /* take or reclaim */
    struct store_call bell_call, pass_call;
    struct timer pause;
    struct poll *order[TAKE_MAX]; /* whom the next jobs of the take on its way are for */
    size_t order_count;
    bool needs_reclaim; /* jobs may be ours in the store that never reached us */
};

void taker_init(struct taker *taker);
void taker_done(struct taker *taker);
bool taker_is_idle(const struct taker *taker);
/* The plane's route job-take and job-take-batch. */
void take_request(struct slot *slot, struct http_request *request, const struct url *url);
void taker_add(struct taker *taker, struct poll *poll);
void taker_forget(struct taker *taker, struct poll *poll); /* it is about to go */
/* The store was away: what was taken without reaching us goes back. */
void taker_reclaim(struct taker *taker);

#endif
