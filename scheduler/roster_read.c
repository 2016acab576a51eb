/* Reading the roster: all questions of one stage leave together, each stage needs the answers of
 * the one before.
 *
 *   set -> versions -> documents        every 5 s, and in the ticks after a change
 *   state                               time, agents, beats; counters and workers of each endpoint
 *   queue -> ages                       only of endpoints where jobs wait
 *
 * So an idle tick asks three questions and two for each endpoint. Documents are parsed when their
 * version changes; one that cannot be parsed is said once and the last valid one stays in force (a
 * newer release may have written it).
 *
 * The ages of waiting jobs come from at most ROSTER_PROBES_MAX places of the queue: 0, 1, 3, 7 ...
 * and the last one that could matter, which is how many workers may still be added. The queue is in
 * order of submission, so the farthest late one says how many are late, at least by half. */
#include "roster.h"

#include <inttypes.h>

#include "base/id.h"
#include "base/log.h"
#include "queue/queue.h"

#define CONF_MS 5000
#define WISH_MAX 1000
#define COUNT_MAX (INT64_C(1) << 50) /* sums stay exact */

static void read_set(struct roster *roster);
static void read_versions(struct gather *gather);
static void read_documents(struct gather *gather);
static void read_state(struct gather *gather);
static void read_queue(struct gather *gather);
static void read_ages(struct gather *gather);
static void read_end(struct gather *gather);

static struct roster *roster_of(struct gather *gather)
{
    return container_of(gather, struct roster, gather);
}

/* False after an outage: the round has ended. */
static bool stage_is_complete(struct gather *gather)
{
    struct roster *roster = roster_of(gather);
    if (gather->err != ERR_OK) {
        roster->then(roster, gather->err);
        return false;
    }
    return true;
}

void roster_read(struct roster *roster, roster_fn then)
{
    roster->then = then;
    uint64_t now_ms = loop_now_ms(roster->loop);
    if (now_ms >= roster->conf_due_ms || now_ms < roster->conf_often_ms) {
        roster->conf_due_ms = now_ms + CONF_MS;
        read_set(roster);
    } else {
        read_state(&roster->gather);
    }
}

/* --- set, versions, documents --- */

static void set_arrived(void *target, const struct reply *reply)
{
    struct roster *roster = target;
    if (reply == NULL) {
        return; /* what is known stays known */
    }
    table_unlist_all(&roster->endpoints);
    for (size_t i = 0; i < reply_count(reply); i++) {
        struct slice id = reply_slice(reply_at(reply, i));
        if (endpoint_id_is_valid(id)) {
            (void)table_list(&roster->endpoints, id);
        }
    }
    table_drop_unlisted(&roster->endpoints);
}

static void read_set(struct roster *roster)
{
    gather_begin(&roster->gather, read_versions);
    gather_read(&roster->gather, set_arrived, roster, "SMEMBERS mr:{sys}:endpoints");
    gather_end(&roster->gather);
}

static void version_arrived(void *target, const struct reply *reply)
{
    struct roster_endpoint *endpoint = target;
    if (reply != NULL) {
        endpoint->version = reply_int(reply, 0);
    }
}

static void read_versions(struct gather *gather)
{
    struct roster *roster = roster_of(gather);
    if (!stage_is_complete(gather)) {
        return;
    }
    gather_begin(gather, read_documents);
    for (size_t i = 0; i < roster->endpoints.count; i++) {
        struct roster_endpoint *endpoint = roster_endpoint_at(roster, i);
        gather_read(gather, version_arrived, endpoint, "HGET mr:{%s}:conf version",
                    endpoint->item.id);
    }
    gather_end(gather);
}

static void document_arrived(void *target, const struct reply *reply)
{
    struct roster_endpoint *endpoint = target;
    int64_t version = reply_int(reply_at(reply, 1), 0);
    if (version == 0) {
        return; /* deleted meanwhile: the next look finds no version */
    }
    AUTO(buf_done)
    struct buf problem = BUF_INIT;
    struct endpoint *conf = NULL;
    endpoint->version = endpoint->version_parsed = version;
    if (endpoint_parse(reply_slice(reply_at(reply, 0)), &conf, &problem) != ERR_OK) {
        log_warn("endpoint.invalid", "endpoint=%s version=%" PRId64 " problem=%s",
                 endpoint->item.id, version, log_quote(buf_slice(&problem)));
        return;
    }
    conf->version = version;
    endpoint_free(endpoint->conf);
    endpoint->conf = conf;
}

/* {delivery, when it is due}: for the metrics, so it may be some seconds old. */
static void hook_arrived(void *target, const struct reply *reply)
{
    struct roster_endpoint *endpoint = target;
    endpoint->hook_ms = reply_int(reply_at(reply, 1), 0);
}

static void read_documents(struct gather *gather)
{
    struct roster *roster = roster_of(gather);
    if (!stage_is_complete(gather)) {
        return;
    }
    gather_begin(gather, read_state);
    for (size_t i = 0; i < roster->endpoints.count; i++) {
        struct roster_endpoint *endpoint = roster_endpoint_at(roster, i);
        if (endpoint->version == 0) {
            endpoint_free(steal(endpoint->conf)); /* deleted */
            endpoint->version_parsed = 0;
        } else if (endpoint->version != endpoint->version_parsed) {
            gather_read(gather, document_arrived, endpoint, "HMGET mr:{%s}:conf doc version",
                        endpoint->item.id);
        }
        gather_read(gather, hook_arrived, endpoint, "ZRANGE mr:{%s}:hooks 0 0 WITHSCORES",
                    endpoint->item.id);
    }
    gather_end(gather);
}

/* --- state --- */

static void time_arrived(void *target, const struct reply *reply)
{
    struct roster *roster = target;
    roster->now_ms =
        reply_int(reply_at(reply, 0), 0) * 1000 + reply_int(reply_at(reply, 1), 0) / 1000;
}

static void describe_agent(struct roster *roster, struct roster_agent *agent, struct slice text)
{
    agent->beat_ms = 0;
    if (agent->text != NULL && slice_is(text, agent->text)) {
        return;
    }
    free(agent->text);
    agent->text = slice_dup(text);
    if (decode_agent(slice_of(agent->text), &agent->value) != ERR_OK) {
        agent->value = (struct agent_value){0};
        log_warn("agent.malformed", "agent=%s", agent->item.id);
    }
    roster->is_cards_stale = true;
}

static void agents_arrived(void *target, const struct reply *reply)
{
    struct roster *roster = target;
    if (reply == NULL) {
        return;
    }
    table_unlist_all(&roster->agents);
    for (size_t i = 0; i + 1 < reply_count(reply); i += 2) {
        struct slice id = reply_slice(reply_at(reply, i));
        if (id_is_valid(id)) {
            struct table_item *item = table_list(&roster->agents, id);
            describe_agent(roster, container_of(item, struct roster_agent, item),
                           reply_slice(reply_at(reply, i + 1)));
        }
    }
    size_t before = roster->agents.count;
    table_drop_unlisted(&roster->agents);
    roster->is_cards_stale = roster->is_cards_stale || roster->agents.count != before;
}

static void beats_arrived(void *target, const struct reply *reply)
{
    struct roster *roster = target;
    for (size_t i = 0; i + 1 < reply_count(reply); i += 2) {
        struct roster_agent *agent = roster_find_agent(roster, reply_slice(reply_at(reply, i)));
        if (agent != NULL) {
            agent->beat_ms = reply_int(reply_at(reply, i + 1), 0);
        }
    }
}

/* Gauges may be off by a moment, never below nothing. */
static int64_t count_at(const struct reply *reply, size_t index)
{
    int64_t value = reply_int(reply_at(reply, index), 0);
    return value < 0 ? 0 : value > COUNT_MAX ? COUNT_MAX : value;
}

#define STATS                                                                                   \
    "inQueue inProgress ready throttled startMs seq low ran runMs deaths deathAt deathRelease " \
    "reason"

static void stats_arrived(void *target, const struct reply *reply)
{
    struct roster_endpoint *endpoint = target;
    struct roster_counts *counts = &endpoint->counts;
    int64_t *const fields[] = {
        &counts->queued,   &counts->running,  &counts->ready,        &counts->throttled,
        &counts->start_ms, &counts->arrivals, &counts->arrivals_low, &counts->finished,
        &counts->work_ms,  &counts->deaths,   &counts->death_ms,     &counts->death_release,
    };
    endpoint->is_read = endpoint->is_read && reply != NULL;
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        *fields[i] = count_at(reply, i);
    }
    counts->reason = reason_find(reply_slice(reply_at(reply, COUNT_OF(fields))));
}

static bool is_balanced(const struct roster_endpoint *endpoint)
{
    return endpoint->conf->type == ENDPOINT_LOAD_BALANCER;
}

/* Its requests are at the API nodes, in no queue. */
static void balance_arrived(void *target, const struct reply *reply)
{
    struct roster_endpoint *endpoint = target;
    endpoint->is_read = endpoint->is_read && reply != NULL;
    endpoint->counts.queued = count_at(reply, 0);
    endpoint->counts.running = count_at(reply, 1);
}

static void workers_arrived(void *target, const struct reply *reply)
{
    struct roster_endpoint *endpoint = target;
    endpoint->is_read = endpoint->is_read && reply != NULL;
    for (size_t i = 0; i + 1 < reply_count(reply); i += 2) {
        struct slice id = reply_slice(reply_at(reply, i));
        struct worker_value value;
        if (id_is_valid(id) &&
            decode_worker(reply_slice(reply_at(reply, i + 1)), &value) == ERR_OK) {
            roster_endpoint_add_worker(endpoint, id, &value);
        }
    }
}

static void read_state(struct gather *gather)
{
    struct roster *roster = roster_of(gather);
    if (!stage_is_complete(gather)) {
        return;
    }
    roster->now_ms = 0;
    gather_begin(gather, read_queue);
    gather_read(gather, time_arrived, roster, "TIME");
    gather_read(gather, agents_arrived, roster, "HGETALL mr:{sys}:agents");
    gather_read(gather, beats_arrived, roster, "HGETALL mr:{sys}:beats");
    for (size_t i = 0; i < roster->endpoints.count; i++) {
        struct roster_endpoint *endpoint = roster_endpoint_at(roster, i);
        endpoint->is_read = endpoint->conf != NULL;
        endpoint->waiting = endpoint->late = 0;
        endpoint->oldest_ms = endpoint->oldest_low_ms = 0;
        roster_endpoint_drop_workers(endpoint);
        roster_endpoint_drop_probes(endpoint);
        if (endpoint->conf != NULL) {
            gather_read(gather, stats_arrived, endpoint, "HMGET mr:{%s}:stats " STATS,
                        endpoint->item.id);
            gather_read(gather, workers_arrived, endpoint, "HGETALL mr:{%s}:workers",
                        endpoint->item.id);
        }
        if (endpoint->conf != NULL && is_balanced(endpoint)) {
            queue_balance(gather->store, gather_add(gather, balance_arrived, endpoint),
                          slice_of(endpoint->item.id), SLICE_NONE, 0, 0, 0, gather_arrived);
        }
    }
    gather_end(gather);
}

/* --- queue: what waits, and the assignments that are not known --- */

static void judge_beats(struct roster *roster)
{
    uint64_t connected_for_ms = loop_now_ms(roster->loop) - roster->connected_ms;
    for (size_t i = 0; i < roster->agents.count; i++) {
        struct roster_agent *agent = roster_agent_at(roster, i);
        bool was_gone = agent->is_gone;
        agent->is_live = roster->now_ms - agent->beat_ms <= AGENT_LOST_MS;
        agent->is_gone = !agent->is_live && connected_for_ms > AGENT_LOST_MS;
        agent->is_known = agent->is_known && !agent->is_gone;
        roster->is_cards_stale = roster->is_cards_stale || agent->is_gone != was_gone;
        if (agent->is_gone && !was_gone) {
            log_warn("agent.gone", "agent=%s age_ms=%" PRId64, agent->item.id,
                     roster->now_ms - agent->beat_ms);
        } else if (was_gone && !agent->is_gone) {
            log_info("agent.back", "agent=%s", agent->item.id);
        }
    }
}

static void wishes_arrived(void *target, const struct reply *reply)
{
    struct roster_agent *agent = target;
    size_t count = 0;
    struct roster_wish *wishes = xcalloc(reply_count(reply) / 2 + 1, sizeof(*wishes));
    for (size_t i = 0; i + 1 < reply_count(reply); i += 2) {
        struct slice id = reply_slice(reply_at(reply, i));
        int64_t wish = reply_int(reply_at(reply, i + 1), 0);
        if (endpoint_id_is_valid(id) && wish >= 0) { /* 0: of a pod */
            wishes[count++] =
                (struct roster_wish){{slice_dup(id), id.len}, wish < WISH_MAX ? wish : WISH_MAX};
        }
    }
    roster_agent_set_wishes(agent, wishes, count);
    agent->is_known = reply != NULL;
    agent->written_ms = 0;
}

static void waiting_arrived(void *target, const struct reply *reply)
{
    struct roster_endpoint *endpoint = target;
    int64_t length = reply_int(reply, 0); /* ids of cancelled jobs count here, not in the gauge */
    bool is_all = length >= endpoint->counts.queued || is_balanced(endpoint);
    endpoint->waiting = is_all ? endpoint->counts.queued : length;
}

static void job_arrived(void *target, const struct reply *reply)
{
    struct roster_probe *probe = target;
    struct slice id = reply_slice(reply);
    probe->job = id_is_valid(id) ? slice_dup(id) : NULL;
}

static void read_job(struct gather *gather, struct roster_endpoint *endpoint, int64_t place)
{
    struct roster_probe *probe = &endpoint->probes[endpoint->probe_count++];
    *probe = (struct roster_probe){.place = place};
    gather_read(gather, job_arrived, probe, "LINDEX mr:{%s}:q %" PRId64, endpoint->item.id, place);
}

static void low_arrived(void *target, const struct reply *reply)
{
    struct roster_endpoint *endpoint = target;
    struct slice id = reply_slice(reply);
    endpoint->head_low = id_is_valid(id) ? slice_dup(id) : NULL;
}

/* No more late jobs than that matter. */
static int64_t last_place(const struct roster_endpoint *endpoint)
{
    bool is_by_delay = endpoint->conf->scaler == SCALER_QUEUE_DELAY;
    double slots = endpoint->load.slots >= 1 ? endpoint->load.slots : 1;
    int64_t jobs = is_by_delay ? (int64_t)((double)endpoint->conf->workers_max * slots) : 1;
    return jobs > 0 ? jobs - 1 : 0;
}

static void read_line(struct gather *gather, struct roster_endpoint *endpoint)
{
    gather_read(gather, waiting_arrived, endpoint, "LLEN mr:{%s}:q", endpoint->item.id);
    free(steal(endpoint->head_low));
    gather_read(gather, low_arrived, endpoint, "LINDEX mr:{%s}:q:low 0", endpoint->item.id);
    int64_t last = last_place(endpoint);
    for (int64_t place = 0; place < last && endpoint->probe_count + 1 < ROSTER_PROBES_MAX;
         place = place * 2 + 1) {
        read_job(gather, endpoint, place);
    }
    read_job(gather, endpoint, last);
}

static void read_queue(struct gather *gather)
{
    struct roster *roster = roster_of(gather);
    if (!stage_is_complete(gather)) {
        return;
    }
    judge_beats(roster);
    gather_begin(gather, read_ages);
    for (size_t i = 0; i < roster->endpoints.count; i++) {
        struct roster_endpoint *endpoint = roster_endpoint_at(roster, i);
        if (endpoint->is_read && endpoint->counts.queued > 0) {
            read_line(gather, endpoint);
        }
    }
    for (size_t i = 0; i < roster->agents.count; i++) {
        struct roster_agent *agent = roster_agent_at(roster, i);
        if (!agent->is_known && !agent->is_gone) {
            gather_read(gather, wishes_arrived, agent, "HGETALL mr:{sys}:assign:%s",
                        agent->item.id);
        }
    }
    gather_end(gather);
}

/* --- ages --- */

static void age_arrived(void *target, const struct reply *reply)
{
    struct roster_probe *probe = target;
    probe->submitted_ms = reply_int(reply, 0);
}

static void low_age_arrived(void *target, const struct reply *reply)
{
    struct roster_endpoint *endpoint = target;
    endpoint->oldest_low_ms = reply_int(reply, 0);
}

static void read_ages(struct gather *gather)
{
    struct roster *roster = roster_of(gather);
    if (!stage_is_complete(gather)) {
        return;
    }
    gather_begin(gather, read_end);
    for (size_t i = 0; i < roster->endpoints.count; i++) {
        struct roster_endpoint *endpoint = roster_endpoint_at(roster, i);
        for (size_t k = 0; k < endpoint->probe_count; k++) {
            struct roster_probe *probe = &endpoint->probes[k];
            if (probe->job != NULL) {
                gather_read(gather, age_arrived, probe, "HGET mr:{%s}:job:%s t0", endpoint->item.id,
                            probe->job);
            }
        }
        if (endpoint->head_low != NULL) {
            gather_read(gather, low_age_arrived, endpoint, "HGET mr:{%s}:job:%s t0",
                        endpoint->item.id, endpoint->head_low);
            free(steal(endpoint->head_low));
        }
    }
    gather_end(gather);
}

static void count_late(struct roster_endpoint *endpoint, int64_t now_ms)
{
    for (size_t i = 0; i < endpoint->probe_count; i++) {
        const struct roster_probe *probe = &endpoint->probes[i];
        double age_ms = (double)(now_ms - probe->submitted_ms);
        if (probe->place == 0) {
            endpoint->oldest_ms = probe->submitted_ms;
        }
        if (probe->submitted_ms > 0 && age_ms > endpoint->conf->scaler_value * 1000 &&
            probe->place < endpoint->waiting && probe->place >= endpoint->late) {
            endpoint->late = probe->place + 1;
        }
    }
}

static void read_end(struct gather *gather)
{
    struct roster *roster = roster_of(gather);
    if (!stage_is_complete(gather)) {
        return;
    }
    for (size_t i = 0; i < roster->endpoints.count; i++) {
        struct roster_endpoint *endpoint = roster_endpoint_at(roster, i);
        if (endpoint->conf != NULL) {
            count_late(endpoint, roster->now_ms);
        }
    }
    roster->then(roster, roster->now_ms > 0 ? ERR_OK : ERR_STORE_REPLY);
}
