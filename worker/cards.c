/* A reading changes what is known of a card; what follows from it (a check, a word to the
 * scheduler) is one function, tend(), after each reading, each check and once a second.
 *
 * What must never happen: a card is given while it is out or being checked. What is given stays
 * with its process, ill or not; the process drains, and the next one gets others. */
#include "cards.h"

#include "agent.h"
#include "base/log.h"
#include "base/metrics.h"
#include "gpu/watch.h"

#define TEND_MS 1000
#define SETTLE_LOOK_MS 100 /* so soon a card whose process has ended is looked at again */
#define STUCK_MS 30000     /* a look that takes longer does not come back */

struct card_place {
    struct cards *cards;
    struct card_check *check; /* NULL: none runs */
};

struct cards {
    struct agent *agent;
    struct cards_config config;
    struct watch *watch; /* NULL without cards */
    struct card_place places[GPU_MAX];
    struct timer timer;
    bool is_stopping, is_stuck;
};

static void on_readings(const struct gpu_reading *readings, void *arg);
static void tend(struct cards *cards);
static void tend_due(struct timer *timer);

struct cards *cards_new(struct agent *agent, const struct cards_config *config)
{
    struct cards *cards = xcalloc(1, sizeof(*cards));
    cards->agent = agent;
    cards->config = *config;
    for (size_t i = 0; i < config->gpus->count; i++) {
        cards->places[i].cards = cards;
    }
    if (config->source != NULL) {
        cards->watch =
            watch_new(agent->loop, config->source, config->gpus->count, on_readings, cards);
        timer_start(agent->loop, &cards->timer, TEND_MS, tend_due);
    }
    return cards;
}

static uint64_t now_of(const struct cards *cards)
{
    return loop_now_ms(cards->agent->loop);
}

/* ---- changes ---- */

static void tell(struct cards *cards, const struct gpu *gpu)
{
    const struct gpu_health *health = &gpu->health;
    if (health->trouble != HEALTH_WELL) {
        log_warn("gpu.out", "gpu=%s cause=%s reason=%s given=%d", gpu->uuid,
                 health_name(health->trouble), log_quote(slice_of(health->reason)), gpu->is_given);
    } else {
        log_info("gpu.well", "gpu=%s checked=%d", gpu->uuid, health->is_checked);
    }
    agent_converge(cards->agent); /* a process on a card that is ill is replaced */
    agent_describe(cards->agent);
}

static void on_readings(const struct gpu_reading *readings, void *arg)
{
    struct cards *cards = arg;
    struct gpus *gpus = cards->config.gpus;
    cards->is_stuck = false;
    for (size_t i = 0; i < gpus->count; i++) {
        struct gpu *gpu = &gpus->items[i];
        if (readings[i].xid != 0) {
            log_warn("gpu.xid", "gpu=%s xid=%u", gpu->uuid, readings[i].xid);
        }
        if (health_read(&gpu->health, &cards->config.rules, &readings[i],
                        gpu->is_given || gpu->is_checking, now_of(cards))) {
            tell(cards, gpu);
        }
    }
    tend(cards);
}

/* The driver hangs: nothing that a reading said still holds. */
static void check_driver(struct cards *cards)
{
    if (cards->is_stuck || watch_busy_ms(cards->watch) < STUCK_MS) {
        return;
    }
    cards->is_stuck = true;
    for (size_t i = 0; i < cards->config.gpus->count; i++) {
        struct gpu *gpu = &cards->config.gpus->items[i];
        health_fail(&gpu->health, &cards->config.rules, HEALTH_LOST, "the driver does not answer",
                    now_of(cards));
        tell(cards, gpu);
    }
}

/* ---- checks ---- */

static void check_ended(const struct card_check_end *end, void *arg)
{
    struct card_place *place = arg;
    struct cards *cards = place->cards;
    struct gpu *gpu = &cards->config.gpus->items[place - cards->places];
    place->check = NULL;
    gpu->is_checking = false;
    health_settle(&gpu->health, watch_look(cards->watch), now_of(cards));
    if (end->verdict == CARD_UNFIT) {
        health_fail(&gpu->health, &cards->config.rules, HEALTH_UNFIT, end->problem, now_of(cards));
    } else if (gpu->health.trouble != HEALTH_LOST) { /* it may have gone meanwhile */
        log_info("gpu.checked", "gpu=%s %s=%s", gpu->uuid,
                 end->verdict == CARD_FIT ? "report" : "skipped",
                 log_quote(slice_of(end->verdict == CARD_FIT ? end->report : end->problem)));
        health_pass(&gpu->health);
    }
    tell(cards, gpu);
    tend(cards);
}

static void start_check(struct cards *cards, size_t index)
{
    struct gpu *gpu = &cards->config.gpus->items[index];
    const struct card_check_spec spec = {
        .tools = &cards->agent->tools,
        .uuid = gpu->uuid,
        .fake = cards->config.fake,
        .limit_ms = cards->config.limit_ms,
    };
    gpu->is_checking = true;
    cards->places[index].check = card_check_start(&spec, check_ended, &cards->places[index]);
}

static bool is_settling(const struct cards *cards)
{
    for (size_t i = 0; i < cards->config.gpus->count; i++) {
        if (cards->config.gpus->items[i].health.is_settling) {
            return true;
        }
    }
    return false;
}

static void tend(struct cards *cards)
{
    for (size_t i = 0; i < cards->config.gpus->count && !cards->is_stopping; i++) {
        struct gpu *gpu = &cards->config.gpus->items[i];
        bool is_due =
            !gpu->is_given && !gpu->is_checking && health_wants_check(&gpu->health, now_of(cards));
        if (is_due && cards->config.is_checking) {
            start_check(cards, i);
        } else if (is_due) {
            health_pass(&gpu->health);
            tell(cards, gpu);
        }
    }
    timer_start(cards->agent->loop, &cards->timer, is_settling(cards) ? SETTLE_LOOK_MS : TEND_MS,
                tend_due);
}

static void tend_due(struct timer *timer)
{
    struct cards *cards = container_of(timer, struct cards, timer);
    if (is_settling(cards)) {
        (void)watch_look(cards->watch);
    }
    check_driver(cards);
    tend(cards);
}

/* ---- ledger ---- */

bool cards_give(struct cards *cards, size_t count, char *const *types, int *ret_indexes)
{
    bool is_given = gpus_give(cards->config.gpus, count, types, ret_indexes);
    if (is_given) {
        agent_describe(cards->agent);
    }
    return is_given;
}

void cards_take_back(struct cards *cards, const int *indexes, size_t count)
{
    gpus_take_back(cards->config.gpus, indexes, count);
    if (count == 0) {
        return;
    }
    uint64_t round = cards->watch != NULL ? watch_look(cards->watch) : 0;
    for (size_t i = 0; i < count && cards->watch != NULL; i++) {
        health_settle(&cards->config.gpus->items[indexes[i]].health, round, now_of(cards));
    }
    agent_describe(cards->agent);
}

bool cards_are_well(const struct cards *cards, const int *indexes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (cards->config.gpus->items[indexes[i]].health.trouble != HEALTH_WELL) {
            return false;
        }
    }
    return true;
}

bool cards_are_of(const struct cards *cards, const int *indexes, size_t count, char *const *types)
{
    return gpus_are_of(cards->config.gpus, indexes, count, types);
}

void cards_put_json(const struct cards *cards, struct buf *out)
{
    const struct gpus *gpus = cards->config.gpus;
    buf_put_str(out, "\"gpus\":");
    gpus_put_json(gpus, out);
    if (gpus->driver[0] != '\0') {
        buf_put_str(out, ",\"driver\":");
        buf_put_json_str(out, slice_of(gpus->driver));
    }
    if (gpus->cuda[0] != '\0') {
        buf_put_str(out, ",\"cuda\":");
        buf_put_json_str(out, slice_of(gpus->cuda));
    }
}

void cards_put_metrics(const struct cards *cards, struct buf *out)
{
    static const char *const states[] = {"free", "given", "checking", "out"};
    const struct gpus *gpus = cards->config.gpus;
    metrics_head(out, "millrace_gpus", "gauge", "Graphics cards by state.");
    for (size_t s = 0; s < COUNT_OF(states); s++) {
        size_t count = 0;
        for (size_t i = 0; i < gpus->count; i++) {
            count += strcmp(gpu_state(&gpus->items[i]), states[s]) == 0;
        }
        metrics_put(out, "millrace_gpus", METRICS_LABELS({"state", slice_of(states[s])}),
                    (double)count);
    }
    metrics_head(out, "millrace_gpu_out", "gauge",
                 "1 for a card that is out of the pool, and why.");
    for (size_t i = 0; i < gpus->count; i++) {
        const struct gpu *gpu = &gpus->items[i];
        if (gpu->health.trouble != HEALTH_WELL) {
            metrics_put(out, "millrace_gpu_out",
                        METRICS_LABELS({"gpu", slice_of(gpu->uuid)},
                                       {"cause", slice_of(health_name(gpu->health.trouble))}),
                        1);
        }
    }
}

/* ---- end ---- */

void cards_stop(struct cards *cards)
{
    cards->is_stopping = true;
    for (size_t i = 0; i < cards->config.gpus->count; i++) {
        card_check_cancel(steal(cards->places[i].check));
    }
}

void cards_free(struct cards *cards)
{
    if (cards != NULL) {
        timer_stop(&cards->timer);
        watch_close(cards->watch);
        free(cards);
    }
}
