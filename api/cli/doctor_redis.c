/* On a loop of its own:   INFO of each master node -> leader -> agents -> done
 *
 * A step that Redis does not answer is a finding and ends the examination: what follows would say
 * the same again. */
#include "doctor.h"

#include <inttypes.h>

#include "base/clock.h"
#include "queue/store_survey.h"

#define PATIENCE_MS 5000
#define AGENT_LOST_MS 15000 /* as the scheduler counts */

struct examination {
    struct doctor *doctor;
    struct loop *loop;
    struct store *store;
    struct survey survey;
    struct store_call call;
    uint64_t asked_ms;
    int64_t now_ms; /* Redis time */
    struct buf beats;
    int answered; /* nodes */
};

static void examine_node(struct survey *survey, const char *node, enum err err,
                         const struct reply *reply);
static void examine_time(struct examination *it);
static void time_read(struct store_call *call, enum err err, const struct reply *reply);
static void leader_read(struct store_call *call, enum err err, const struct reply *reply);
static void agents_read(struct store_call *call, enum err err, const struct reply *reply);

void doctor_redis(struct doctor *doctor, const char *url)
{
    struct examination it = {.doctor = doctor, .loop = loop_new()};
    it.store = store_new(it.loop, &(struct store_config){.url = url, .wait_ms = PATIENCE_MS});
    it.asked_ms = clock_mono_ms();
    const struct slice info[] = {SLICE("INFO")};
    survey_start(&it.survey, it.store, info, COUNT_OF(info), examine_node);
    loop_run(it.loop);
    store_close(it.store);
    loop_free(it.loop);
}

static void examine_node(struct survey *survey, const char *node, enum err err,
                         const struct reply *reply)
{
    struct examination *it = container_of(survey, struct examination, survey);
    if (node == NULL) {
        examine_time(it);
        return;
    }
    AUTO_STR where = xasprintf("redis %s", node);
    if (err != ERR_OK) {
        doctor_say(it->doctor, CHECKUP_REFUSE, where, "no answer: %s", store_problem(it->store));
        return;
    }
    struct checkup_finding findings[CHECKUP_MAX];
    size_t count = checkup_read(reply_slice(reply), findings);
    for (size_t i = 0; i < count; i++) {
        doctor_say(it->doctor, findings[i].level, where, "%s: %s", findings[i].what,
                   findings[i].text);
    }
    it->answered++;
}

static void examine_time(struct examination *it)
{
    if (it->answered == 0) {
        loop_stop(it->loop);
        return;
    }
    const struct slice time[] = {SLICE("TIME")};
    it->asked_ms = clock_mono_ms();
    store_command(it->store, &it->call, time, COUNT_OF(time), time_read);
}

static void give_up(struct examination *it)
{
    doctor_say(it->doctor, CHECKUP_REFUSE, "redis", "no answer: %s", store_problem(it->store));
    loop_stop(it->loop);
}

static void time_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct examination *it = container_of(call, struct examination, call);
    if (err != ERR_OK) {
        give_up(it);
        return;
    }
    uint64_t took_ms = clock_mono_ms() - it->asked_ms;
    it->now_ms = reply_int(reply_at(reply, 0), 0) * 1000 + reply_int(reply_at(reply, 1), 0) / 1000;
    doctor_say(it->doctor, took_ms > 20 ? CHECKUP_WARN : CHECKUP_OK, "redis",
               "a round trip takes %" PRIu64 " ms%s", took_ms,
               took_ms > 20 ? ": each job waits for some of them" : "");
    const struct slice get[] = {SLICE("GET"), SLICE("mr:{sys}:leader")};
    store_command(it->store, &it->call, get, COUNT_OF(get), leader_read);
}

static void leader_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct examination *it = container_of(call, struct examination, call);
    if (err != ERR_OK) {
        give_up(it);
        return;
    }
    struct slice name = reply_slice(reply);
    if (name.len > 0) {
        struct slice rest = name;
        struct slice node = slice_cut(&rest, ':');
        doctor_say(it->doctor, CHECKUP_OK, "scheduler", "%.*s leads", SLICE_ARG(node));
    } else {
        doctor_say(it->doctor, CHECKUP_REFUSE, "scheduler",
                   "none leads: no worker is started or stopped, no job times out; start "
                   "millrace-scheduler");
    }
    const struct slice get[] = {SLICE("HGETALL"), SLICE("mr:{sys}:beats")};
    store_command(it->store, &it->call, get, COUNT_OF(get), agents_read);
}

static void agents_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct examination *it = container_of(call, struct examination, call);
    size_t live = 0;
    if (err != ERR_OK) {
        give_up(it);
        return;
    }
    for (size_t i = 0; i + 1 < reply_count(reply); i += 2) {
        struct slice agent = reply_slice(reply_at(reply, i));
        int64_t silent_ms = it->now_ms - reply_int(reply_at(reply, i + 1), 0);
        bool is_lost = silent_ms > AGENT_LOST_MS;
        live += is_lost ? 0 : 1;
        AUTO_STR where = xasprintf("agent %.*s", SLICE_ARG(agent));
        doctor_say(it->doctor, is_lost ? CHECKUP_WARN : CHECKUP_OK, where,
                   "last heard of %" PRId64 " s ago%s", silent_ms > 0 ? silent_ms / 1000 : 0,
                   is_lost ? ": it is not given work" : "");
    }
    if (live == 0) {
        doctor_say(it->doctor, CHECKUP_WARN, "agents",
                   "none is there: jobs queue and nothing runs them; start millrace-worker");
    }
    loop_stop(it->loop);
}
