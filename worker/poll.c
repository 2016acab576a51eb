/* The request, its place in the lists and its timer live and die together. */
#include "poll.h"

#include "group.h"
#include "plane.h"
#include "slot.h"

static void poll_free(struct poll *poll)
{
    taker_forget(&poll->slot->group->taker, poll);
    list_unlink(&poll->link);
    timer_stop(&poll->timer);
    buf_done(&poll->body);
    free(poll);
}

static void poll_gone(struct http_request *request)
{
    poll_free(request->op);
}

static void poll_due(struct timer *timer)
{
    poll_answer(container_of(timer, struct poll, timer), 204, SLICE_NONE);
}

struct poll *poll_new(struct slot *slot, struct list *polls, struct http_request *request)
{
    static uint64_t arrivals;
    struct poll *poll = xcalloc(1, sizeof(*poll));
    list_init(&poll->hungry);
    list_push(polls, &poll->link);
    poll->slot = slot;
    poll->request = request;
    poll->since = ++arrivals;
    if (request != NULL) {
        request->op = poll;
        request->on_gone = poll_gone;
        timer_start(slot->group->agent->loop, &poll->timer, POLL_MS, poll_due);
    }
    return poll;
}

void poll_answer(struct poll *poll, int status, struct slice body)
{
    if (poll->request != NULL) {
        plane_answer(poll->request, status, body); /* body may be the poll's own */
    }
    poll_free(poll);
}

void poll_answer_all(struct list *polls)
{
    while (!list_is_empty(polls)) {
        poll_answer(container_of(polls->next, struct poll, link), 204, SLICE_NONE);
    }
}
