/*   step: arrive -> start or die -> finish -> take -> stop drained ones -> (each second) decide,
 * follow
 *
 * Workers are a flat array; the numbers are small and the tests many, so all is linear. */
#include "sim.h"

#include <math.h>
#include <stdlib.h>

#define TICK 1000

struct worker {
    size_t endpoint, agent;
    bool is_resting; /* died; a new process comes at ready_ms */
    bool is_draining;
    int64_t born_ms, ready_ms, since_ms; /* since the begin */
    bool is_ready;
    int64_t jobs;
    int64_t ends_ms[SIM_WORKER_JOBS_MAX], begins_ms[SIM_WORKER_JOBS_MAX];
};

struct sim {
    struct sim_endpoint *endpoints;
    size_t endpoint_count;
    const struct sim_agent *agents;
    size_t agent_count;
    int64_t now_ms, tick_ms;
    struct worker *workers; /* owned */
    size_t worker_count, worker_cap;
    struct roster roster;
    sim_decision_fn fn;
    void *arg;
};

/* --- roster --- */

static struct table_item *create_endpoint(void)
{
    struct roster_endpoint *endpoint = xcalloc(1, sizeof(*endpoint));
    return &endpoint->item;
}

static void destroy_endpoint(struct table_item *item)
{
    struct roster_endpoint *endpoint = container_of(item, struct roster_endpoint, item);
    roster_endpoint_drop_workers(endpoint);
    free(endpoint->workers);
    free(endpoint);
}

static struct table_item *create_agent(void)
{
    struct roster_agent *agent = xcalloc(1, sizeof(*agent));
    agent->is_live = agent->is_known = true;
    return &agent->item;
}

static void destroy_agent(struct table_item *item)
{
    struct roster_agent *agent = container_of(item, struct roster_agent, item);
    roster_wishes_free(agent->wishes, agent->wish_count);
    free(agent->text);
    free(agent);
}

static void describe(struct sim *sim, size_t index)
{
    struct roster_agent *agent = roster_agent_at(&sim->roster, index);
    struct buf text = BUF_INIT;
    (void)buf_printf(&text, "{\"slots\":%lld,\"gpus\":[", (long long)sim->agents[index].slots);
    for (size_t i = 0; i < COUNT_OF(sim->agents[index].cards) && sim->agents[index].cards[i]; i++) {
        (void)buf_printf(&text, "%s{\"uuid\":\"GPU-%zu-%zu\",\"name\":\"%s\"}", i > 0 ? "," : "",
                         index, i, sim->agents[index].cards[i]);
    }
    (void)buf_put_str(&text, "]}");
    agent->text = buf_take_str(&text);
    enum err err = decode_agent(slice_of(agent->text), &agent->value);
    ensure(err == ERR_OK);
}

struct sim *sim_new(struct sim_endpoint *endpoints, size_t endpoint_count,
                    const struct sim_agent *agents, size_t agent_count)
{
    struct sim *sim = xcalloc(1, sizeof(*sim));
    *sim = (struct sim){.endpoints = endpoints,
                        .endpoint_count = endpoint_count,
                        .agents = agents,
                        .agent_count = agent_count};
    sim->roster.is_cards_stale = true;
    table_init(&sim->roster.endpoints, create_endpoint, destroy_endpoint);
    table_init(&sim->roster.agents, create_agent, destroy_agent);
    for (size_t e = 0; e < endpoint_count; e++) {
        struct table_item *item = table_list(&sim->roster.endpoints, slice_of(endpoints[e].id));
        struct roster_endpoint *endpoint = container_of(item, struct roster_endpoint, item);
        endpoint->conf = &endpoints[e].conf;
        endpoint->version = endpoint->counts.death_release = endpoints[e].conf.release = 1;
        ensure(endpoint == roster_endpoint_at(&sim->roster, e));
        endpoints[e].waits_ms = xcalloc(endpoints[e].job_count + 1, sizeof(int64_t));
    }
    for (size_t a = 0; a < agent_count; a++) {
        AUTO_STR id = xasprintf("agent-%03zu", a);
        (void)table_list(&sim->roster.agents, slice_of(id));
        describe(sim, a);
    }
    return sim;
}

void sim_free(struct sim *sim)
{
    table_done(&sim->roster.endpoints);
    table_done(&sim->roster.agents);
    free(sim->workers);
    free(sim);
}

void sim_endpoint_done(struct sim_endpoint *endpoint)
{
    free(endpoint->waits_ms);
    free(endpoint->starts_ms);
    free(endpoint->stops_ms);
    endpoint->waits_ms = endpoint->starts_ms = endpoint->stops_ms = NULL;
}

void sim_on_decision(struct sim *sim, sim_decision_fn fn, void *arg)
{
    sim->fn = fn;
    sim->arg = arg;
}

/* --- processes --- */

/* Room for one more: doubles at each power of two. */
static void *grown(void *items, size_t count, size_t size)
{
    bool is_full = (count & (count - 1)) == 0;
    return is_full ? xrealloc(items, (count > 0 ? 2 * count : 1) * size) : items;
}

static void note(int64_t **times, size_t *count, int64_t at_ms)
{
    *times = grown(*times, *count, sizeof(**times));
    (*times)[(*count)++] = at_ms;
}

static void launch(struct sim *sim, struct worker *worker)
{
    struct sim_endpoint *endpoint = &sim->endpoints[worker->endpoint];
    worker->is_resting = worker->is_ready = worker->is_draining = false;
    worker->born_ms = worker->since_ms = sim->now_ms;
    worker->ready_ms = sim->now_ms + endpoint->start_ms;
    note(&endpoint->starts_ms, &endpoint->start_count, sim->now_ms);
}

static void add_worker(struct sim *sim, size_t endpoint, size_t agent)
{
    if (sim->worker_count == sim->worker_cap) {
        sim->worker_cap = sim->worker_cap ? sim->worker_cap * 2 : 64;
        sim->workers = xrealloc(sim->workers, sim->worker_cap * sizeof(*sim->workers));
    }
    struct worker *worker = &sim->workers[sim->worker_count++];
    *worker = (struct worker){.endpoint = endpoint, .agent = agent};
    launch(sim, worker);
}

static void remove_worker(struct sim *sim, size_t index)
{
    struct worker *worker = &sim->workers[index];
    struct sim_endpoint *endpoint = &sim->endpoints[worker->endpoint];
    endpoint->was_stopped_busy = endpoint->was_stopped_busy || worker->jobs > 0;
    if (!worker->is_resting) {
        endpoint->worker_ms += sim->now_ms - worker->born_ms;
        note(&endpoint->stops_ms, &endpoint->stop_count, sim->now_ms);
    }
    *worker = sim->workers[--sim->worker_count];
}

/* As worker/slot.c: 0.5, 1, 2 ... s of rest. */
static void die(struct sim *sim, struct worker *worker)
{
    struct sim_endpoint *endpoint = &sim->endpoints[worker->endpoint];
    int64_t doublings = endpoint->deaths < 7 ? endpoint->deaths : 7;
    endpoint->worker_ms += sim->now_ms - worker->born_ms;
    endpoint->deaths++;
    endpoint->death_ms = sim->now_ms;
    worker->is_resting = true;
    worker->since_ms = sim->now_ms;
    worker->ready_ms = sim->now_ms + (INT64_C(500) << doublings);
    sim->tick_ms = sim->now_ms; /* the report of a death wakes the scheduler */
}

static void begin_or_die(struct sim *sim, struct worker *worker)
{
    if (worker->is_ready || sim->now_ms < worker->ready_ms) {
        return;
    }
    if (worker->is_resting) {
        launch(sim, worker);
    } else if (sim->endpoints[worker->endpoint].dies) {
        die(sim, worker);
    } else {
        worker->is_ready = true;
        worker->since_ms = sim->now_ms;
    }
}

static void finish(struct sim *sim, struct worker *worker)
{
    struct sim_endpoint *endpoint = &sim->endpoints[worker->endpoint];
    for (int64_t i = 0; i < worker->jobs; i++) {
        if (worker->ends_ms[i] <= sim->now_ms) {
            endpoint->finished++;
            endpoint->work_ms += worker->ends_ms[i] - worker->begins_ms[i];
            worker->jobs--;
            worker->ends_ms[i] = worker->ends_ms[worker->jobs];
            worker->begins_ms[i] = worker->begins_ms[worker->jobs];
            worker->since_ms = worker->jobs == 0 ? sim->now_ms : worker->since_ms;
            i--;
        }
    }
}

/* --- jobs --- */

static int64_t jobs_of(const struct sim_endpoint *endpoint)
{
    return endpoint->slots > 0 ? endpoint->slots : 1;
}

/* The one with the fewest jobs, then the one that has waited longest. */
static struct worker *find_taker(struct sim *sim, size_t endpoint)
{
    struct worker *best = NULL;
    for (size_t i = 0; i < sim->worker_count; i++) {
        struct worker *worker = &sim->workers[i];
        if (worker->endpoint == endpoint && worker->is_ready && !worker->is_draining &&
            worker->jobs < jobs_of(&sim->endpoints[endpoint]) &&
            (best == NULL || worker->jobs < best->jobs ||
             (worker->jobs == best->jobs && worker->since_ms < best->since_ms))) {
            best = worker;
        }
    }
    return best;
}

static void take(struct sim *sim, size_t index)
{
    struct sim_endpoint *endpoint = &sim->endpoints[index];
    struct worker *worker;
    while (endpoint->taken < endpoint->arrived && (worker = find_taker(sim, index)) != NULL) {
        const struct sim_job *job = &endpoint->jobs[endpoint->taken];
        worker->since_ms = worker->jobs == 0 ? sim->now_ms : worker->since_ms;
        worker->begins_ms[worker->jobs] = sim->now_ms;
        worker->ends_ms[worker->jobs++] = sim->now_ms + job->work_ms;
        endpoint->waits_ms[endpoint->taken++] = sim->now_ms - job->at_ms;
    }
}

static void arrive(struct sim *sim, size_t index)
{
    struct sim_endpoint *endpoint = &sim->endpoints[index];
    while (endpoint->arrived < endpoint->job_count &&
           endpoint->jobs[endpoint->arrived].at_ms <= sim->now_ms) {
        endpoint->arrived++;
        if (roster_endpoint_at(&sim->roster, index)->ready == 0) {
            sim->tick_ms = sim->now_ms; /* mr:wake */
        }
    }
}

/* --- decide and follow --- */

static void fill_workers(struct sim *sim, size_t index)
{
    struct roster_endpoint *endpoint = roster_endpoint_at(&sim->roster, index);
    roster_endpoint_drop_workers(endpoint);
    for (size_t i = 0; i < sim->worker_count; i++) {
        const struct worker *worker = &sim->workers[i];
        struct worker_value value = {
            .state = worker->is_resting  ? WORKER_UNHEALTHY
                     : !worker->is_ready ? WORKER_STARTING
                     : worker->jobs > 0  ? WORKER_BUSY
                                         : WORKER_IDLE,
            .since_ms = SIM_BEGIN_MS + worker->since_ms,
            .slots = worker->is_ready ? jobs_of(&sim->endpoints[index]) : 0,
            .start_ms = worker->is_ready ? worker->ready_ms - worker->born_ms : 0,
            .ready_ms = worker->is_ready ? SIM_BEGIN_MS + worker->ready_ms : 0,
            .agent = slice_of(sim->roster.agents.items[worker->agent]->id)};
        if (worker->endpoint == index) {
            roster_endpoint_add_worker(endpoint, SLICE("w"), &value);
        }
    }
}

static void fill_endpoint(struct sim *sim, size_t index)
{
    struct sim_endpoint *from = &sim->endpoints[index];
    struct roster_endpoint *to = roster_endpoint_at(&sim->roster, index);
    to->is_read = true;
    to->waiting = to->counts.queued = (int64_t)(from->arrived - from->taken);
    to->counts.running = (int64_t)(from->taken - from->finished);
    to->counts.arrivals = (int64_t)from->arrived;
    to->counts.finished = (int64_t)from->finished;
    to->counts.work_ms = from->work_ms;
    to->counts.deaths = from->deaths;
    to->counts.death_ms = from->deaths > 0 ? SIM_BEGIN_MS + from->death_ms : 0;
    from->aged = from->aged > from->taken ? from->aged : from->taken;
    while (from->aged < from->arrived &&
           (double)(sim->now_ms - from->jobs[from->aged].at_ms) > from->conf.scaler_value * 1000) {
        from->aged++;
    }
    to->late = (int64_t)(from->aged - from->taken);
    fill_workers(sim, index);
}

static int64_t count_kept(const struct sim *sim, size_t endpoint, size_t agent)
{
    int64_t count = 0;
    for (size_t i = 0; i < sim->worker_count; i++) {
        const struct worker *worker = &sim->workers[i];
        count += worker->endpoint == endpoint && worker->agent == agent && !worker->is_draining;
    }
    return count;
}

static int64_t worth(const struct worker *worker)
{
    return worker->is_resting ? 0 : !worker->is_ready ? 1 : 2 + worker->jobs;
}

static void drain_cheapest(struct sim *sim, size_t endpoint, size_t agent)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < sim->worker_count; i++) {
        const struct worker *worker = &sim->workers[i];
        if (worker->endpoint == endpoint && worker->agent == agent && !worker->is_draining &&
            (best == SIZE_MAX || worth(worker) <= worth(&sim->workers[best]))) {
            best = i;
        }
    }
    if (sim->workers[best].jobs > 0) {
        sim->workers[best].is_draining = true;
    } else {
        remove_worker(sim, best);
    }
}

static bool revive(struct sim *sim, size_t endpoint, size_t agent)
{
    for (size_t i = 0; i < sim->worker_count; i++) {
        struct worker *worker = &sim->workers[i];
        if (worker->endpoint == endpoint && worker->agent == agent && worker->is_draining) {
            worker->is_draining = false;
            return true;
        }
    }
    return false;
}

static int64_t count_processes(const struct sim *sim, size_t agent)
{
    int64_t count = 0;
    for (size_t i = 0; i < sim->worker_count; i++) {
        count += sim->workers[i].agent == agent;
    }
    return count;
}

static void follow(struct sim *sim, size_t agent)
{
    const struct roster_agent *told = roster_agent_at(&sim->roster, agent);
    for (size_t e = 0; e < sim->endpoint_count; e++) {
        int64_t wish = roster_agent_wish(told, slice_of(sim->endpoints[e].id));
        while (count_kept(sim, e, agent) > wish) {
            drain_cheapest(sim, e, agent);
        }
    }
    for (size_t e = 0; e < sim->endpoint_count; e++) {
        int64_t wish = roster_agent_wish(told, slice_of(sim->endpoints[e].id));
        while (count_kept(sim, e, agent) < wish) {
            if (revive(sim, e, agent)) {
                continue;
            }
            if (count_processes(sim, agent) >= sim->agents[agent].slots) {
                break;
            }
            add_worker(sim, e, agent);
        }
    }
}

static void tell_decision(struct sim *sim, struct roster_endpoint *endpoint)
{
    if (endpoint->decision.want != endpoint->want_told ||
        endpoint->placed != endpoint->placed_told) {
        if (sim->fn != NULL) {
            sim->fn(endpoint, sim->now_ms, sim->arg);
        }
        endpoint->want_told = endpoint->decision.want;
        endpoint->placed_told = endpoint->placed;
    }
}

static void decide(struct sim *sim)
{
    AUTO(plan_done) struct plan plan = {0};
    sim->roster.now_ms = SIM_BEGIN_MS + sim->now_ms;
    for (size_t e = 0; e < sim->endpoint_count; e++) {
        fill_endpoint(sim, e);
    }
    plan_make(&plan, &sim->roster);
    for (size_t a = 0; a < sim->agent_count; a++) {
        struct roster_wish *wishes;
        size_t count = plan_wishes(&plan, &sim->roster, a, &wishes);
        roster_agent_set_wishes(roster_agent_at(&sim->roster, a), wishes, count);
        follow(sim, a);
    }
    for (size_t e = 0; e < sim->endpoint_count; e++) {
        struct roster_endpoint *endpoint = roster_endpoint_at(&sim->roster, e);
        bool is_above = endpoint->placed > sim->endpoints[e].conf.workers_max;
        sim->endpoints[e].was_above_max = sim->endpoints[e].was_above_max || is_above;
        tell_decision(sim, endpoint);
    }
}

/* --- run --- */

int64_t sim_workers(const struct sim *sim, size_t endpoint)
{
    int64_t count = 0;
    for (size_t i = 0; i < sim->worker_count; i++) {
        count += sim->workers[i].endpoint == endpoint && !sim->workers[i].is_resting;
    }
    return count;
}

static void step_workers(struct sim *sim)
{
    for (size_t i = 0; i < sim->worker_count; i++) {
        begin_or_die(sim, &sim->workers[i]);
        finish(sim, &sim->workers[i]);
    }
    for (size_t i = sim->worker_count; i > 0; i--) {
        if (sim->workers[i - 1].is_draining && sim->workers[i - 1].jobs == 0) {
            remove_worker(sim, i - 1);
        }
    }
}

void sim_run(struct sim *sim, int64_t until_ms)
{
    for (; sim->now_ms < until_ms; sim->now_ms += SIM_STEP_MS) {
        step_workers(sim);
        for (size_t e = 0; e < sim->endpoint_count; e++) {
            arrive(sim, e);
            take(sim, e);
        }
        if (sim->now_ms >= sim->tick_ms) {
            sim->tick_ms = sim->now_ms + TICK;
            decide(sim);
        }
        for (size_t e = 0; e < sim->endpoint_count; e++) {
            int64_t count = sim_workers(sim, e);
            sim->endpoints[e].most =
                count > sim->endpoints[e].most ? count : sim->endpoints[e].most;
        }
    }
    for (size_t i = 0; i < sim->worker_count; i++) { /* what lives on has cost so far */
        struct worker *worker = &sim->workers[i];
        sim->endpoints[worker->endpoint].worker_ms +=
            worker->is_resting ? 0 : sim->now_ms - worker->born_ms;
        worker->born_ms = sim->now_ms;
    }
}

/* --- traces --- */

static double next_gap(enum sim_arrivals arrivals, double rate, uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    double part = ((double)(*seed >> 11) + 1) / 9007199254740993.0;
    return (arrivals == SIM_POISSON ? -log(part) : 1) * 1000 / rate;
}

void sim_trace_add(struct sim_trace *trace, enum sim_arrivals arrivals, double rate,
                   int64_t begin_ms, int64_t end_ms, int64_t work_ms)
{
    uint64_t seed = 88172645463325252ULL + (uint64_t)begin_ms + trace->seed * 7919;
    for (double at = (double)begin_ms; at < (double)end_ms; at += next_gap(arrivals, rate, &seed)) {
        trace->jobs = grown(trace->jobs, trace->count, sizeof(*trace->jobs));
        trace->jobs[trace->count++] = (struct sim_job){(int64_t)at, work_ms};
    }
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

int64_t sim_wait(const struct sim_endpoint *endpoint, double q)
{
    if (endpoint->taken == 0) {
        return 0;
    }
    int64_t *sorted = xcalloc(endpoint->taken, sizeof(*sorted));
    memcpy(sorted, endpoint->waits_ms, endpoint->taken * sizeof(*sorted));
    qsort(sorted, endpoint->taken, sizeof(*sorted), compare);
    size_t index = (size_t)(q * (double)(endpoint->taken - 1));
    int64_t wait = sorted[index];
    free(sorted);
    return wait;
}
