/* Registers, beats, converges, says goodbye.
 *
 *   deliver what the spool holds -> boot (give back what else an earlier agent held) -> beat every
 *   second and when told to -> converge
 *   stop: wish is nothing, drain -> reports are out -> goodbye -> the loop ends
 *
 * The beat's answer is the whole assignment, so a lost message costs a second. While Redis is away
 * the last wish stands, and so while what it holds is older than what it said: an assignment of an
 * older epoch is not taken. Channels are hints; after each (re)subscription everything is read
 * again.
 */
#include "agent.h"

#include <unistd.h>

#include "base/log.h"
#include "boot.h"
#include "cards.h"
#include "gate.h"
#include "group.h"
#include "label.h"
#include "net/fetch.h"
#include "plane.h"
#include "pod.h"
#include "pull.h"
#include "runtime.h"
#include "spool.h"
#include "stop.h"

#define BEAT_MS 1000
#define GOODBYE_MS 2000 /* longest wait for the last reports and the goodbye */

static void on_spool_empty(void *arg);
static void on_booted(struct agent *agent);
static void beat_start(struct agent *agent);
static void beat_due(struct timer *timer);
static void beat_answered(struct store_call *call, enum err err, const struct reply *reply);
static void goodbye_start(struct agent *agent);
static void goodbye_said(struct store_call *call, enum err err, const struct reply *reply);

/* ---- registration ---- */

static char *describe(const struct agent *agent)
{
    struct buf out = BUF_INIT;
    buf_put_str(&out, "{\"host\":");
    buf_put_json_str(&out, slice_of(agent->host));
    buf_printf(&out, ",\"machine\":\"%s\"", agent->machine);
    buf_printf(&out, ",\"slots\":%lld,\"pid\":%d,\"version\":\"" MILLRACE_VERSION "\",",
               agent->is_stopping || agent->pod != NULL ? 0LL : (long long)agent->config.slots,
               (int)getpid());
    cards_put_json(agent->cards, &out);
    buf_put_str(&out, ",\"labels\":");
    labels_put_json(agent->config.labels, &out);
    buf_put_str(&out, ",\"cache\":");
    cache_put_json(&agent->cache, &out);
    buf_put_str(&out, ",\"lb\":");
    gate_put_json(agent->gate, &out);
    if (agent->pod != NULL) {
        pod_put_json(agent->pod, &out);
    }
    buf_put_char(&out, '}');
    return buf_take_str(&out);
}

void agent_describe(struct agent *agent)
{
    free(steal(agent->description));
}

void agent_note_cached(struct agent *agent, const char *kind, struct slice name)
{
    if (cache_add(&agent->cache, kind, name)) {
        agent_describe(agent);
    }
}

static void renew_all(struct agent *agent)
{
    list_each (at, &agent->groups) {
        lease_renew(container_of(at, struct group, link));
    }
}

static void on_store_change(void *arg, bool is_ready)
{
    struct agent *agent = arg;
    if (!is_ready) {
        log_warn("store.away", "detail=%s", log_quote(slice_of(store_problem(agent->store))));
        return;
    }
    log_info("store.ready", "slots=%lld", (long long)agent->config.slots);
    guard_look(&agent->guard, agent->store);
    agent->take_from_ms = agent->was_ready ? loop_now_ms(agent->loop) + RETURN_MS : 0;
    agent->was_ready = true;
    renew_all(agent); /* what is still held stays ours before others can take it */
    list_each (at, &agent->groups) {
        taker_reclaim(&container_of(at, struct group, link)->taker);
    }
    if (agent->spool != NULL) {
        spool_deliver(agent->spool);
    }
}

static void refresh_all(struct agent *agent)
{
    list_each (at, &agent->groups) {
        group_refresh(container_of(at, struct group, link));
    }
}

/* "mr:conf" carries the prefix "mr:{ep}:". */
static void on_conf_message(struct agent *agent, struct slice message)
{
    static const struct slice head = SLICE("mr:{");
    if (message.len == 0) {
        refresh_all(agent);
        return;
    }
    if (slice_starts(message, head) && message.len > head.len + 2) {
        struct slice ep = {message.ptr + head.len, message.len - head.len - 2};
        struct group *group = agent_group(agent, ep);
        if (group != NULL) {
            group_refresh(group);
        }
    }
}

static void on_message(struct slice channel, struct slice message, void *arg)
{
    struct agent *agent = arg;
    if (slice_is(channel, "mr:conf")) {
        on_conf_message(agent, message);
        return;
    }
    struct slice rest = message;
    struct slice word = slice_cut(&rest, ' ');
    if (slice_is(word, "stop")) {
        struct slice id = slice_cut(&rest, ' ');
        stop_message(agent, id, slice_to_i64_or(rest, -1));
    } else if (agent->is_booted) { /* "assign", or subscribed again */
        beat_start(agent);
    }
}

static bool waits_for_replica(void *arg, struct slice ep)
{
    const struct group *group = agent_group(arg, ep);
    return group != NULL && group_waits_for_replica(group);
}

static enum err open_spool(struct agent *agent)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    const struct spool_config config = {
        .loop = agent->loop,
        .store = agent->store,
        .bus = agent->bus,
        .agent = agent->config.id,
        .dir = agent->config.spool_dir,
        .bytes_max = agent->config.spool_max,
        .waits_for_replica = waits_for_replica,
        .turns = &agent->to_store,
        .on_empty = on_spool_empty,
        .arg = agent,
    };
    if (config.dir == NULL) {
        return ERR_OK;
    }
    enum err err = spool_new(&config, &agent->spool, &problem);
    if (err != ERR_OK) {
        log_error("spool.no_start", "problem=%s", log_quote(buf_slice(&problem)));
    }
    return err;
}

/* A job whose result is in the spool must be finished before it could be given back. */
static void on_spool_empty(void *arg)
{
    struct agent *agent = arg;
    if (!agent->is_booted && agent->boot == NULL && !agent->is_stopping) {
        agent->boot = boot_start(agent, on_booted);
    }
    agent_check_stopped(agent);
}

/* The plane for handlers, the gate for API nodes. */
static bool open_doors(struct agent *agent)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    enum err err = plane_new(agent, &agent->plane);
    if (err != ERR_OK) {
        log_error("plane.no_start", "err=%s", err_name(err));
        return false;
    }
    if (gate_new(agent, agent->config.lb, &agent->gate, &problem) != ERR_OK) {
        log_error("gate.no_start", "lb=%s problem=%s", agent->config.lb,
                  log_quote(buf_slice(&problem)));
        return false;
    }
    if (agent->config.pod != NULL &&
        pod_new(agent, agent->config.pod, &agent->pod, &problem) != ERR_OK) {
        log_error("pod.no_start", "problem=%s", log_quote(buf_slice(&problem)));
        return false;
    }
    return true;
}

static void on_tool_gone(void *arg)
{
    agent_check_stopped(arg);
}

struct agent *agent_new(struct loop *loop, const struct agent_config *config)
{
    struct agent *agent = xcalloc(1, sizeof(*agent));
    agent->config = *config;
    agent->loop = loop;
    list_init(&agent->groups);
    intake_init(&agent->intake, config->bodies_max);
    turns_init(&agent->to_store, loop);
    turns_init(&agent->to_spool, loop);
    meter_init(&agent->meter, agent);
    pulse_init(&agent->pulse, loop);
    map_init(&agent->workers);
    if (gethostname(agent->host, sizeof(agent->host) - 1) != 0) {
        agent->host[0] = '\0';
    }
    machine_id(agent->host, agent->machine);
    agent->reaper = reaper_new(loop);
    agent->tools = (struct tools){.loop = loop,
                                  .reaper = agent->reaper,
                                  .keeper = config->keeper,
                                  .on_gone = on_tool_gone,
                                  .arg = agent};
    agent->cards = cards_new(agent, config->cards);
    agent->fetcher = fetcher_new(loop);
    agent->runtime = runtime_new(agent, config->container_runtime);
    agent->pulls = pulls_new(agent, config->pull_timeout_ms);
    if (!open_doors(agent)) {
        agent_free(agent);
        return NULL;
    }
    guard_init(&agent->guard, loop, config->guard);
    struct store_config store = {
        .url = config->redis_url, .on_change = on_store_change, .arg = agent};
    agent->store = store_new(loop, &store);
    agent->bus = bus_new(loop);
    agent->feed = feed_new(agent->store, on_message, agent);
    if (open_spool(agent) != ERR_OK) {
        agent_free(agent);
        return NULL;
    }
    AUTO_STR channel = xasprintf("mr:agent:%s", config->id);
    feed_add(agent->feed, channel);
    feed_add(agent->feed, "mr:conf");
    if (agent->spool == NULL || spool_is_empty(agent->spool)) {
        agent->boot = boot_start(agent, on_booted);
    } /* else its delivery starts when the store is ready */
    return agent;
}

static void on_booted(struct agent *agent)
{
    boot_free(agent->boot);
    agent->boot = NULL;
    agent->is_booted = true;
    if (agent->pod != NULL) {
        (void)group_new(agent, slice_of(agent->config.pod->endpoint));
    }
    beat_start(agent);
}

/* ---- beat ---- */

struct group *agent_group(struct agent *agent, struct slice ep)
{
    list_each (at, &agent->groups) {
        struct group *group = container_of(at, struct group, link);
        if (slice_is(ep, group->ep)) {
            return group;
        }
    }
    return NULL;
}

static void beat_start(struct agent *agent)
{
    if (store_call_is_waiting(&agent->beat_call)) {
        agent->beat_again = true;
        return;
    }
    agent->beat_again = false;
    if (agent->description == NULL) {
        agent->description = describe(agent);
    }
    timer_start(agent->loop, &agent->beat_timer, BEAT_MS, beat_due);
    queue_beat(agent->store, &agent->beat_call, slice_of(agent->config.id),
               slice_of(agent->description), agent->beat_ms, beat_answered);
}

static void beat_due(struct timer *timer)
{
    struct agent *agent = container_of(timer, struct agent, beat_timer);
    timer_start(agent->loop, timer, BEAT_MS, beat_due);
    if (!store_call_is_waiting(&agent->beat_call)) {
        beat_start(agent);
    }
}

/* A pod is there to serve its endpoint: it does until it is told not to. */
static bool take_wishes(struct agent *agent, const struct reply *reply)
{
    bool is_changed = false;
    list_each (at, &agent->groups) {
        container_of(at, struct group, link)->wished = agent->pod != NULL;
    }
    for (size_t i = BEAT_WISHES; i + 1 < reply_count(reply); i += 2) {
        struct slice ep = reply_slice(reply_at(reply, i));
        int64_t wanted = reply_int(reply_at(reply, i + 1), 0);
        if (!endpoint_id_is_valid(ep) || wanted < 0) {
            continue;
        }
        struct group *group = agent_group(agent, ep);
        if (group == NULL && wanted > 0 && agent->pod == NULL) {
            group = group_new(agent, ep);
        }
        if (group != NULL) {
            group->wished = wanted;
        }
    }
    list_each_safe (at, &agent->groups) {
        struct group *group = container_of(at, struct group, link);
        is_changed = is_changed || group->wanted != group->wished;
        group->wanted = group->wished;
        if (group_is_idle(group) && agent->pod == NULL) {
            group_free(group);
        }
    }
    return is_changed;
}

/* A store that has lost writes shows it here: what stands there is older than what it said. */
static bool is_behind(struct agent *agent, const struct reply *reply)
{
    int64_t lost_ms = reply_int(reply_at(reply, 1), 0), epoch = reply_int(reply_at(reply, 2), 0);
    agent->beat_ms = reply_int(reply_at(reply, 0), 0);
    if (lost_ms > 0) {
        log_warn("store.went_back", "lost_ms=%lld", (long long)lost_ms);
        renew_all(agent);
    }
    if (epoch >= agent->epoch) {
        agent->epoch = epoch;
        return false;
    }
    log_info("assignment.old", "epoch=%lld known=%lld", (long long)epoch, (long long)agent->epoch);
    return true; /* the last wish stands until a leader writes again */
}

static void beat_answered(struct store_call *call, enum err err, const struct reply *reply)
{
    struct agent *agent = container_of(call, struct agent, beat_call);
    if (err == ERR_OK && !is_behind(agent, reply) && take_wishes(agent, reply)) {
        agent_converge(agent);
    }
    if (agent->beat_again) {
        beat_start(agent);
    }
}

/* ---- converge ---- */

size_t agent_slot_count(const struct agent *agent)
{
    size_t count = 0;
    list_each (at, &agent->groups) {
        count += group_slot_count(container_of(at, struct group, link));
    }
    return count;
}

static void converge(struct timer *timer)
{
    struct agent *agent = container_of(timer, struct agent, converge_timer);
    list_each (at, &agent->groups) {
        group_shrink(container_of(at, struct group, link));
    }
    size_t used = agent_slot_count(agent), most = (size_t)agent->config.slots;
    size_t places = used < most ? most - used : 0;
    list_each (at, &agent->groups) {
        group_grow(container_of(at, struct group, link), &places);
    }
    agent_check_stopped(agent);
}

void agent_converge(struct agent *agent)
{
    timer_start(agent->loop, &agent->converge_timer, 0, converge);
}

/* ---- stop ---- */

void agent_stop(struct agent *agent)
{
    log_info("agent.stop", "slots=%zu", agent_slot_count(agent));
    agent->is_stopping = true;
    agent_describe(agent); /* no slots: nobody assigns anything any more */
    boot_free(agent->boot);
    agent->boot = NULL;
    cards_stop(agent->cards);
    if (agent->is_booted) {
        beat_start(agent);
    }
    agent_converge(agent);
}

static bool is_quiet(const struct agent *agent)
{
    if (agent->spool != NULL && !spool_is_empty(agent->spool) && store_is_ready(agent->store)) {
        return false;
    }
    list_each (at, &agent->groups) {
        const struct group *group = container_of(at, struct group, link);
        if (!report_is_sent(&group->report) || !scribe_is_idle(&group->scribe)) {
            return false;
        }
    }
    return true;
}

static void goodbye_over(struct timer *timer)
{
    loop_stop(container_of(timer, struct agent, goodbye_timer)->loop);
}

void agent_check_stopped(struct agent *agent)
{
    pod_check(agent->pod);
    if (!agent->is_stopping || agent_slot_count(agent) > 0 ||
        store_call_is_waiting(&agent->goodbye_call)) {
        return;
    }
    pulls_stop(agent->pulls); /* without slots nobody waits for them */
    runtime_stop(agent->runtime);
    if (agent->tools.count > 0) {
        return;
    }
    list_each (at, &agent->groups) {
        if (!list_is_empty(&container_of(at, struct group, link)->jobs)) {
            return;
        }
    }
    if (!timer_is_running(&agent->goodbye_timer)) {
        timer_start(agent->loop, &agent->goodbye_timer, GOODBYE_MS, goodbye_over);
    }
    if (is_quiet(agent)) {
        goodbye_start(agent);
    }
}

static void unregistered(struct store_call *call, enum err err, const struct reply *reply)
{
    (void)call;
    (void)err;
    (void)reply;
}

static void goodbye_start(struct agent *agent)
{
    struct slice id = slice_of(agent->config.id);
    const struct slice agents[] = {SLICE("HDEL"), SLICE("mr:{sys}:agents"), id};
    const struct slice beats[] = {SLICE("HDEL"), SLICE("mr:{sys}:beats"), id};
    timer_stop(&agent->beat_timer);
    store_detach(&agent->beat_call);
    store_command(agent->store, &agent->beat_call, agents, COUNT_OF(agents), unregistered);
    store_command(agent->store, &agent->goodbye_call, beats, COUNT_OF(beats), goodbye_said);
}

static void goodbye_said(struct store_call *call, enum err err, const struct reply *reply)
{
    struct agent *agent = container_of(call, struct agent, goodbye_call);
    (void)reply;
    log_info("agent.gone", "err=%s", err_name(err));
    loop_stop(agent->loop);
}

/* Only after the loop has stopped: nothing is sent or answered any more. */
void agent_free(struct agent *agent)
{
    if (agent == NULL) {
        return;
    }
    timer_stop(&agent->beat_timer);
    timer_stop(&agent->converge_timer);
    timer_stop(&agent->goodbye_timer);
    store_detach(&agent->beat_call);
    store_detach(&agent->goodbye_call);
    spool_close(agent->spool); /* ends what it writes while those who wait for it are there */
    boot_free(agent->boot);
    feed_close(agent->feed);
    list_each_safe (at, &agent->groups) {
        group_free(container_of(at, struct group, link));
    }
    cards_free(agent->cards);
    plane_close(agent->plane);
    intake_done(&agent->intake);
    turns_done(&agent->to_store);
    turns_done(&agent->to_spool);
    pod_close(agent->pod);
    gate_close(agent->gate);
    bus_close(agent->bus);
    guard_done(&agent->guard);
    store_close(agent->store);
    reaper_close(agent->reaper);
    fetcher_free(agent->fetcher);
    pulls_free(agent->pulls);
    runtime_free(agent->runtime);
    map_done(&agent->workers);
    meter_done(&agent->meter);
    pulse_done(&agent->pulse);
    cache_done(&agent->cache);
    free(agent->description);
    free(agent);
}
