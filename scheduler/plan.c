/* One round of decisions.      count workers -> measure -> scale each endpoint -> place all ->
 * reasons
 *
 * Workers of agents that are gone do not count. An endpoint that could not be read in this round
 * keeps what it has. An endpoint without a document (deleted) wants nothing and gets nothing.
 *
 * A worker that was wished a moment ago and has not been reported yet counts as starting: it may
 * have taken the job it was wished for, and must not be taken back for want of waiting jobs.
 *
 * idleTimeout 0 means: stay warm until somebody else needs the room; see turn.c. */
#include "plan.h"

#include "cards.h"
#include "podplan.h"

#define REPORT_MS 5000 /* agents report what they start well within that time */
#define TURN_MS 60000  /* where endpoints take turns: a worker's part, beyond its cold start */

static void count_workers(struct plan *plan, struct roster *roster, size_t endpoint);
static void scale_endpoint(struct plan *plan, struct roster *roster, size_t index);
static void note_results(struct plan *plan, struct roster *roster);

static void copy_agents(struct plan *plan, const struct roster *roster)
{
    for (size_t a = 0; a < roster->agents.count; a++) {
        const struct roster_agent *agent = roster_agent_at(roster, a);
        plan->place.agents[a] = (struct place_agent){
            .slots = agent->value.slots, .is_open = agent->is_live && !agent->value.is_pod};
        memcpy(plan->place.agents[a].cards, agent->cards, sizeof(agent->cards));
    }
}

void plan_make(struct plan *plan, struct roster *roster)
{
    size_t endpoints = roster->endpoints.count, agents = roster->agents.count;
    plan->place = (struct place){
        .agents = xcalloc(agents + 1, sizeof(struct place_agent)),
        .agent_count = agents,
        .endpoints = xcalloc(endpoints + 1, sizeof(struct place_endpoint)),
        .endpoint_count = endpoints,
        .cells = xcalloc(endpoints * agents + 1, sizeof(struct place_cell)),
    };
    cards_count(roster);
    podplan_begin(roster);
    copy_agents(plan, roster);
    for (size_t e = 0; e < endpoints; e++) {
        count_workers(plan, roster, e);
        podplan_count(plan, roster, e);
        scale_endpoint(plan, roster, e);
        podplan_want(plan, roster, e);
    }
    place(&plan->place);
    note_results(plan, roster);
}

void plan_done(struct plan *plan)
{
    free(plan->place.agents);
    free(plan->place.endpoints);
    free(plan->place.cells);
    plan->place = (struct place){0};
}

/* --- workers --- */

static bool is_expired(const struct roster *roster, const struct roster_endpoint *endpoint,
                       const struct roster_worker *worker)
{
    int64_t timeout_ms = endpoint->conf->idle_timeout_s * 1000;
    return roster->now_ms - worker->since_ms >= timeout_ms;
}

static enum place_class class_of(const struct roster *roster,
                                 const struct roster_endpoint *endpoint,
                                 const struct roster_worker *worker)
{
    static const enum place_class classes[] = {
        [WORKER_STARTING] = PLACE_STARTING,   [WORKER_PULLING] = PLACE_STARTING,
        [WORKER_IDLE] = PLACE_IDLE,           [WORKER_BUSY] = PLACE_BUSY,
        [WORKER_UNHEALTHY] = PLACE_UNHEALTHY,
    };
    ensure((size_t)worker->state < COUNT_OF(classes));
    if (worker->state == WORKER_IDLE && endpoint->conf->idle_timeout_s == 0) {
        return PLACE_WARM;
    }
    bool is_old = worker->state == WORKER_IDLE && is_expired(roster, endpoint, worker);
    return is_old ? PLACE_EXPIRED : classes[worker->state];
}

/* What was wished and is not there yet: started in a moment, or for lack of something never. */
static void count_missing(struct plan *plan, const struct roster *roster, size_t endpoint)
{
    struct slice id = slice_of(roster->endpoints.items[endpoint]->id);
    for (size_t a = 0; a < roster->agents.count; a++) {
        const struct roster_agent *agent = roster_agent_at(roster, a);
        struct place_cell *cell = place_cell(&plan->place, endpoint, a);
        bool is_fixed = agent->is_gone || podplan_is_pod(roster, agent);
        int64_t missing = is_fixed ? 0 : roster_agent_wish(agent, id);
        for (size_t class = 0; class < PLACE_CLASS_COUNT; class ++) {
            missing -= cell->present[class];
        }
        cell->present[PLACE_MISSING] = missing > 0 ? missing : 0;
    }
}

static void count_worker(struct plan *plan, const struct roster *roster, size_t index, size_t agent,
                         const struct roster_worker *worker)
{
    struct place_cell *cell = place_cell(&plan->place, index, agent);
    enum place_class class = class_of(roster, roster_endpoint_at(roster, index), worker);
    if (class == PLACE_WARM && (cell->present[class] == 0 || worker->since_ms < cell->warm_ms)) {
        cell->warm_ms = worker->since_ms;
    }
    cell->present[class]++;
}

static void count_workers(struct plan *plan, struct roster *roster, size_t index)
{
    struct roster_endpoint *endpoint = roster_endpoint_at(roster, index);
    memset(endpoint->by_state, 0, sizeof(endpoint->by_state));
    for (size_t i = 0; endpoint->conf != NULL && i < endpoint->worker_count; i++) {
        const struct roster_worker *worker = &endpoint->workers[i];
        size_t a = table_index(&roster->agents, slice_of(worker->agent));
        if (a < roster->agents.count && !roster_agent_at(roster, a)->is_gone &&
            !podplan_skips(endpoint, roster, roster_agent_at(roster, a), worker)) {
            count_worker(plan, roster, index, a, worker);
            endpoint->by_state[worker->state]++;
        }
    }
    count_missing(plan, roster, index);
}

static int64_t sum_of(const struct plan *plan, size_t endpoint, enum place_class class)
{
    int64_t sum = 0;
    for (size_t a = 0; a < plan->place.agent_count; a++) {
        sum += place_cell(&plan->place, endpoint, a)->present[class];
    }
    return sum;
}

/* --- where it may and should run --- */

static bool has_labels(const struct agent_value *agent, const struct endpoint *conf)
{
    for (size_t i = 0; i < conf->label_count; i++) {
        if (!agent_has_label(agent, conf->labels[i].key, conf->labels[i].value)) {
            return false;
        }
    }
    return true;
}

static void bar_agents(struct plan *plan, const struct roster *roster, size_t index)
{
    const struct endpoint *conf = roster_endpoint_at(roster, index)->conf;
    for (size_t a = 0; conf->label_count > 0 && a < roster->agents.count; a++) {
        const struct agent_value *agent = &roster_agent_at(roster, a)->value;
        place_cell(&plan->place, index, a)->is_barred = !has_labels(agent, conf);
    }
}

/* Asked only when something is to be started: it compares many texts. */
static void note_warmth(struct plan *plan, const struct roster *roster, size_t index)
{
    const struct roster_endpoint *endpoint = roster_endpoint_at(roster, index);
    for (size_t a = 0; a < roster->agents.count; a++) {
        place_cell(&plan->place, index, a)->warmth =
            agent_warmth(&roster_agent_at(roster, a)->value, slice_of(endpoint->item.id),
                         endpoint->conf->release, endpoint->conf->image.name);
    }
}

static int64_t count_present(const struct plan *plan, size_t index)
{
    int64_t count = 0;
    for (size_t a = 0; a < plan->place.agent_count; a++) {
        const struct place_cell *cell = place_cell(&plan->place, index, a);
        for (size_t class = 0; class < PLACE_CLASS_COUNT && !cell->is_barred; class ++) {
            count += cell->present[class];
        }
    }
    return count;
}

/* --- scale --- */

static int64_t count_starting(const struct plan *plan, const struct roster *roster, size_t index)
{
    bool is_fresh = roster->now_ms - roster_endpoint_at(roster, index)->grown_ms < REPORT_MS;
    if (roster_endpoint_at(roster, index)->is_clustered) {
        return sum_of(plan, index, PLACE_STARTING) +
               podplan_starting(roster_endpoint_at(roster, index));
    }
    return sum_of(plan, index, PLACE_STARTING) +
           (is_fresh ? sum_of(plan, index, PLACE_MISSING) : 0);
}

/* Sum and number of what is known; the mean of nothing is 0. */
struct mean {
    int64_t sum, count;
};

static void mean_add(struct mean *mean, int64_t value)
{
    mean->sum += value > 0 ? value : 0;
    mean->count += value > 0;
}

static int64_t mean_of(struct mean mean)
{
    return mean.count > 0 ? mean.sum / mean.count : 0;
}

static void measure(struct roster *roster, struct roster_endpoint *endpoint)
{
    const struct roster_counts *counts = &endpoint->counts;
    struct mean slots = {0}, start = {0}, age = {0};
    struct load_reading reading = {.now_ms = roster->now_ms,
                                   .arrivals = counts->arrivals - counts->arrivals_low,
                                   .finished = counts->finished,
                                   .work_ms = counts->work_ms,
                                   .jobs = endpoint->waiting + counts->running};
    for (size_t i = 0; i < endpoint->worker_count; i++) {
        const struct roster_worker *worker = &endpoint->workers[i];
        int64_t age_ms = roster->now_ms - worker->since_ms;
        mean_add(&slots, worker->slots);
        mean_add(&start, worker->start_ms);
        mean_add(&age, worker->state == WORKER_BUSY && worker->slots <= 1 ? age_ms : 0);
        if (worker->state == WORKER_STARTING && age_ms > reading.start_floor_ms) {
            reading.start_floor_ms = age_ms;
        }
    }
    reading.slots = slots.count > 0 ? (double)slots.sum / (double)slots.count : 0;
    reading.start_ms = mean_of(start);
    reading.running_ms = mean_of(age);
    load_remember(&endpoint->load, counts->start_ms);
    load_read(&endpoint->load, &reading);
}

static enum breaker breaker_of(const struct roster *roster, struct roster_endpoint *endpoint)
{
    const struct roster_counts *counts = &endpoint->counts;
    bool is_of_release = counts->death_release == endpoint->conf->release;
    endpoint->youngest_ms = 0;
    for (size_t i = 0; i < endpoint->worker_count; i++) {
        int64_t ready_ms = endpoint->workers[i].ready_ms;
        endpoint->youngest_ms = ready_ms > endpoint->youngest_ms ? ready_ms : endpoint->youngest_ms;
    }
    struct breaker_input input = {.deaths = is_of_release ? counts->deaths : 0,
                                  .last_ms = counts->death_ms,
                                  .ready_ms = endpoint->youngest_ms,
                                  .pardon_ms = endpoint->pardon_ms,
                                  .now_ms = roster->now_ms};
    return breaker(&input);
}

static struct scale_input input_of(const struct plan *plan, const struct roster *roster,
                                   size_t index)
{
    struct roster_endpoint *endpoint = roster_endpoint_at(roster, index);
    const struct load *load = &endpoint->load;
    int64_t expired = sum_of(plan, index, PLACE_EXPIRED);
    return (struct scale_input){
        .scaler = endpoint->conf->scaler,
        .scaler_value = endpoint->conf->scaler_value,
        .min = endpoint->conf->workers_min,
        .max = endpoint->conf->workers_max,
        .queued = endpoint->counts.queued,
        .waiting = endpoint->waiting,
        .late = endpoint->late,
        .running = endpoint->counts.running,
        .starting = count_starting(plan, roster, index),
        .idle = sum_of(plan, index, PLACE_IDLE) + sum_of(plan, index, PLACE_WARM) + expired,
        .busy = sum_of(plan, index, PLACE_BUSY) + endpoint->pods_old_busy,
        .unhealthy = sum_of(plan, index, PLACE_UNHEALTHY),
        .expired = expired,
        .rate = load->rate,
        .rate_held = load->rate_held,
        .job_s = load->job_s,
        .start_s = load->start_s,
        .slots = load->slots,
        .peak = load->peak,
        .breaker = breaker_of(roster, endpoint),
    };
}

/* That many of the idle ones may go, whichever they are, after as long as a new one would take;
 * never the last worker: a look each second does not see short jobs. */
static void expire_spare(struct plan *plan, const struct roster *roster, size_t index)
{
    struct roster_endpoint *endpoint = roster_endpoint_at(roster, index);
    int64_t timeout_ms = endpoint->conf->idle_timeout_s * 1000;
    int64_t start_ms = (int64_t)(endpoint->load.start_s * 1000);
    int64_t window_ms = timeout_ms > start_ms || timeout_ms == 0 ? timeout_ms : start_ms;
    int64_t expired = sum_of(plan, index, PLACE_EXPIRED);
    int64_t idle = expired + sum_of(plan, index, PLACE_IDLE);
    int64_t others = sum_of(plan, index, PLACE_BUSY) + sum_of(plan, index, PLACE_STARTING);
    int64_t more = window_ms > 0 ? load_spare(&endpoint->load, roster->now_ms, window_ms, idle) : 0;
    more = (more < idle + others ? more : idle + others - 1) - expired;
    for (size_t a = 0; a < plan->place.agent_count && more > 0; a++) {
        int64_t *present = place_cell(&plan->place, index, a)->present;
        int64_t some = more < present[PLACE_IDLE] ? more : present[PLACE_IDLE];
        present[PLACE_IDLE] -= some;
        present[PLACE_EXPIRED] += some;
        more -= some;
    }
}

static struct scale_decision decide(struct plan *plan, struct roster *roster, size_t index)
{
    struct roster_endpoint *endpoint = roster_endpoint_at(roster, index);
    if (endpoint->conf == NULL) {
        return (struct scale_decision){0, SCALE_KEEP};
    }
    if (!endpoint->is_read || !podplan_is_known(roster, endpoint)) {
        return (struct scale_decision){sum_of(plan, index, PLACE_MISSING), SCALE_UNKNOWN};
    }
    measure(roster, endpoint);
    expire_spare(plan, roster, index);
    endpoint->input = input_of(plan, roster, index);
    endpoint->ready = endpoint->input.idle + endpoint->input.busy;
    return scale(&endpoint->input);
}

/* Where endpoints take turns: since when it waits for one, and since when it has had one. */
static void note_turn(const struct roster *roster, struct roster_endpoint *endpoint)
{
    const struct scale_input *in = &endpoint->input;
    const int64_t *workers = endpoint->by_state;
    int64_t starting = workers[WORKER_STARTING] + workers[WORKER_PULLING];
    bool has_any = starting + endpoint->ready > 0;
    bool is_starving = in->waiting > 0 && endpoint->decision.want > 0 && !has_any;
    if (!is_starving || endpoint->starving_ms == 0) {
        endpoint->starving_ms = is_starving ? roster->now_ms : 0;
    }
    if (endpoint->ready == 0 || endpoint->served_ms == 0) {
        endpoint->served_ms = endpoint->ready > 0 ? roster->now_ms : 0;
    }
}

static bool is_over(const struct roster *roster, int64_t since_ms)
{
    return since_ms > 0 && roster->now_ms - since_ms >= TURN_MS;
}

static void scale_endpoint(struct plan *plan, struct roster *roster, size_t index)
{
    struct roster_endpoint *endpoint = roster_endpoint_at(roster, index);
    struct place_endpoint *placed = &plan->place.endpoints[index];
    endpoint->decision = decide(plan, roster, index);
    *placed = (struct place_endpoint){.want = endpoint->decision.want, .weight = 1};
    if (endpoint->conf == NULL) {
        return;
    }
    note_turn(roster, endpoint);
    placed->gpus_each = endpoint->conf->gpu_count;
    placed->weight = endpoint->conf->weight;
    placed->min = endpoint->conf->workers_min;
    placed->is_starving = is_over(roster, endpoint->starving_ms);
    placed->has_had_turn = is_over(roster, endpoint->served_ms);
    cards_types_of(roster, endpoint->conf, placed);
    bar_agents(plan, roster, index);
    if (placed->want > count_present(plan, index)) {
        note_warmth(plan, roster, index);
    }
}

/* --- results --- */

static void note_reason(const struct plan *plan, struct roster_endpoint *endpoint, size_t index)
{
    const struct scale_input *in = &endpoint->input;
    struct reason_input why = {.max = in->max,
                               .want = endpoint->decision.want,
                               .placed = endpoint->placed,
                               .ready = endpoint->ready,
                               .starting = in->starting,
                               .is_pulling = endpoint->by_state[WORKER_PULLING] > 0 &&
                                             endpoint->by_state[WORKER_STARTING] == 0,
                               .trouble = endpoint->trouble,
                               .breaker = in->breaker,
                               .is_low_only = in->queued > 0 && in->waiting == 0,
                               .needs_gpu = endpoint->conf->gpu_count > 0,
                               .has_machine = endpoint->is_clustered ||
                                              place_fits_somewhere(&plan->place, index)};
    endpoint->reason = reason(&why);
}

static void note_results(struct plan *plan, struct roster *roster)
{
    for (size_t e = 0; e < roster->endpoints.count; e++) {
        struct roster_endpoint *endpoint = roster_endpoint_at(roster, e);
        const struct place_endpoint *result = &plan->place.endpoints[e];
        bool is_needed = endpoint->waiting > 0;
        endpoint->grown_ms =
            result->placed > endpoint->placed ? roster->now_ms : endpoint->grown_ms;
        endpoint->placed = podplan_is_decided(endpoint)
                               ? endpoint->pods_wanted + endpoint->pods_old_busy
                               : result->placed;
        endpoint->throttled = endpoint->decision.want - endpoint->placed;
        endpoint->throttled -= is_needed ? 0 : result->given_up; /* a warm one gone is no loss */
        if (endpoint->conf != NULL && endpoint->is_read) {
            note_reason(plan, endpoint, e);
        }
        podplan_note(plan, roster, e);
    }
}

size_t plan_wishes(const struct plan *plan, const struct roster *roster, size_t agent,
                   struct roster_wish **ret_wishes)
{
    struct roster_wish *wishes = xcalloc(roster->endpoints.count + 1, sizeof(*wishes));
    size_t count = 0;
    for (size_t e = 0; e < roster->endpoints.count; e++) {
        int64_t wish = place_cell(&plan->place, e, agent)->wish;
        struct slice id = slice_of(roster->endpoints.items[e]->id);
        if (wish > 0 || podplan_is_of(roster, agent, id)) {
            wishes[count++] = (struct roster_wish){{slice_dup(id), id.len}, wish};
        }
    }
    *ret_wishes = wishes;
    return count;
}
