/*   begin -> [waiting ->] accepted -> over
 *                    \\-> 503 after PATIENCE_MS
 *
 * Who stores results does not tell: room is looked for each ROOM_MS while somebody waits. First
 * come, first read: a large body is not overtaken by smaller ones for ever. */
#include "intake.h"

#include "agent.h"
#include "base/log.h"
#include "plane.h"

#define ROOM_MS 20
#define PATIENCE_MS 60000

struct receipt {
    struct list link;
    struct agent *agent;
    struct http_request *request;
    size_t weight, body_max;
    uint64_t began_ms;
    bool is_accepted;
};

static void on_room_timer(struct timer *timer);

void intake_init(struct intake *intake, size_t max)
{
    *intake = (struct intake){.bodies = {.max = max}};
    list_init(&intake->waiting);
}

void intake_done(struct intake *intake)
{
    ensure(list_is_empty(&intake->waiting) && intake->bodies.used == 0);
    timer_stop(&intake->timer);
}

static size_t used(const struct agent *agent)
{
    return agent->intake.bodies.used + agent->buffered_bytes;
}

bool intake_has_room(const struct agent *agent)
{
    return used(agent) <= agent->intake.bodies.max;
}

/* Small ones pass beside large ones, but not when the store takes nothing. */
static bool fits(const struct receipt *receipt)
{
    const struct agent *agent = receipt->agent;
    const struct bodies *bodies = &agent->intake.bodies;
    return receipt->weight == 0 ? agent->buffered_bytes <= bodies->max
                                : bodies_have_room(bodies, used(agent), receipt->weight);
}

static void receipt_free(struct receipt *receipt)
{
    receipt->request->op = NULL;
    receipt->request->on_gone = NULL;
    list_unlink(&receipt->link);
    if (receipt->is_accepted) {
        receipt->agent->intake.bodies.used -= receipt->weight;
    }
    free(receipt);
}

static void on_gone(struct http_request *request)
{
    receipt_free(request->op);
}

static void accept_now(struct receipt *receipt)
{
    receipt->is_accepted = true;
    receipt->agent->intake.bodies.used += receipt->weight;
    list_unlink(&receipt->link);
    http_accept(receipt->request, receipt->body_max);
}

static void look_again(struct agent *agent)
{
    struct intake *intake = &agent->intake;
    if (!list_is_empty(&intake->waiting) && !timer_is_running(&intake->timer)) {
        timer_start(agent->loop, &intake->timer, ROOM_MS, on_room_timer);
    }
}

void intake_begin(struct agent *agent, struct http_request *request, size_t body_max)
{
    struct receipt *receipt = xcalloc(1, sizeof(*receipt));
    struct intake *intake = &agent->intake;
    receipt->agent = agent;
    receipt->request = request;
    receipt->body_max = body_max;
    receipt->weight =
        bodies_weight(request->content_length > 0 ? (size_t)request->content_length : 0);
    receipt->began_ms = loop_now_ms(agent->loop);
    list_init(&receipt->link);
    request->op = receipt;
    request->on_gone = on_gone;
    if (fits(receipt) && (receipt->weight == 0 || list_is_empty(&intake->waiting))) {
        accept_now(receipt);
        return;
    }
    log_debug("post.waits", "bytes=%zu used=%zu", receipt->weight, used(agent));
    list_push(&intake->waiting, &receipt->link);
    look_again(agent);
}

void intake_grew(struct http_request *request, size_t bytes)
{
    struct receipt *receipt = request->op;
    struct bodies *bodies = &receipt->agent->intake.bodies;
    bodies->used -= receipt->weight;
    receipt->weight = bodies_weight(bytes);
    bodies->used += receipt->weight;
}

void intake_over(struct http_request *request)
{
    receipt_free(request->op);
}

static void refuse(struct receipt *receipt)
{
    struct agent *agent = receipt->agent;
    struct http_request *request = receipt->request;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    bodies_put_problem(&agent->intake.bodies, &problem);
    log_error("post.no_room", "bytes=%zu received=%zu unstored=%zu problem=%s", receipt->weight,
              agent->intake.bodies.used, agent->buffered_bytes, log_quote(buf_slice(&problem)));
    receipt_free(receipt);
    plane_refuse(request, buf_slice(&problem));
}

/* The first that waits is read, or has waited for too long, or all go on waiting. */
static void on_room_timer(struct timer *timer)
{
    struct intake *intake = container_of(timer, struct intake, timer);
    struct agent *agent = container_of(intake, struct agent, intake);
    uint64_t now = loop_now_ms(agent->loop);
    while (!list_is_empty(&intake->waiting)) {
        struct receipt *first = container_of(intake->waiting.next, struct receipt, link);
        if (fits(first)) {
            accept_now(first);
        } else if (now - first->began_ms >= PATIENCE_MS) {
            refuse(first);
        } else {
            break;
        }
    }
    look_again(agent);
}
