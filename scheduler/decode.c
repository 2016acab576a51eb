/* Decoding of what agents report: a value that is not what it should be is an error of that one
 * value, and the caller leaves it out. Numbers are bounded here, so that sums stay far from
 * overflow. */
#include "decode.h"

#include <assert.h>

#include "base/id.h"
#include "base/json.h"

static const char *const state_names[] = {
    [WORKER_STARTING] = "initializing", [WORKER_PULLING] = "pulling",     [WORKER_IDLE] = "idle",
    [WORKER_BUSY] = "running",          [WORKER_UNHEALTHY] = "unhealthy",
};
static_assert(COUNT_OF(state_names) == WORKER_STATE_COUNT, "each state has a name");

static enum err decode_state(struct slice text, enum worker_state *ret_state)
{
    for (size_t i = 0; i < WORKER_STATE_COUNT; i++) {
        if (slice_is(text, state_names[i])) {
            *ret_state = (enum worker_state)i;
            return ERR_OK;
        }
    }
    return ERR_STORE_REPLY;
}

static enum err cut_count(struct slice *rest, int64_t *ret_value)
{
    int64_t value;
    if (slice_to_i64(slice_cut(rest, ' '), &value) != ERR_OK || value < 0) {
        return ERR_STORE_REPLY;
    }
    *ret_value = value;
    return ERR_OK;
}

/* Absent is 0. */
static enum err cut_late_count(struct slice *rest, int64_t *ret_value)
{
    *ret_value = 0;
    return rest->len > 0 ? cut_count(rest, ret_value) : ERR_OK;
}

enum err decode_worker(struct slice text, struct worker_value *ret_worker)
{
    struct worker_value worker;
    if (decode_state(slice_cut(&text, ' '), &worker.state) != ERR_OK ||
        cut_count(&text, &worker.held) != ERR_OK || cut_count(&text, &worker.since_ms) != ERR_OK ||
        cut_count(&text, &worker.version) != ERR_OK) {
        return ERR_STORE_REPLY;
    }
    worker.agent = slice_cut(&text, ' ');
    if (!id_is_valid(worker.agent) || cut_late_count(&text, &worker.slots) != ERR_OK ||
        cut_late_count(&text, &worker.start_ms) != ERR_OK ||
        cut_late_count(&text, &worker.ready_ms) != ERR_OK || text.len > 0) {
        return ERR_STORE_REPLY;
    }
    if (worker.state == WORKER_IDLE && worker.held > 0) {
        worker.state = WORKER_BUSY; /* whoever holds a job is never stopped as idle */
    }
    *ret_worker = worker;
    return ERR_OK;
}

static int64_t bounded(int64_t value, int64_t max)
{
    return value < 0 ? 0 : value > max ? max : value;
}

static struct slice unquoted(const struct json_member *member)
{
    bool is_text = member->value.len > 2 && member->type == JSON_STRING;
    return is_text ? (struct slice){member->value.ptr + 1, member->value.len - 2} : SLICE_NONE;
}

/* A card without an id could be anybody's, one without a name is of no type; one that its agent has
 * taken out of the pool is none. */
static void take_gpu(struct slice element, void *arg)
{
    struct agent_value *agent = arg;
    struct json_member members[] = {{.name = "uuid"}, {.name = "name"}, {.name = "state"}};
    struct json_problem problem;
    if (agent->gpu_count == GPUS_MAX ||
        json_scan(element, members, COUNT_OF(members), &problem) != ERR_OK) {
        return;
    }
    struct gpu_value gpu = {.uuid = unquoted(&members[0]), .name = unquoted(&members[1])};
    gpu.is_slice = slice_starts(gpu.uuid, SLICE("MIG-"));
    if (gpu.uuid.len > 0 && gpu.name.len > 0 && !slice_is(unquoted(&members[2]), "out")) {
        agent->gpus[agent->gpu_count++] = gpu;
    }
}

static void take_cached(struct slice element, void *arg)
{
    struct agent_value *agent = arg;
    if (agent->cache_count < CACHE_MAX && element.len > 2 && element.ptr[0] == '"') {
        agent->cache[agent->cache_count++] = (struct slice){element.ptr + 1, element.len - 2};
    }
}

static void take_list(const struct json_member *member, json_element_fn fn,
                      struct agent_value *agent)
{
    if (member->value.len > 0 && member->type == JSON_ARRAY) {
        json_each(member->value, fn, agent);
    }
}

enum err decode_agent(struct slice text, struct agent_value *ret_agent)
{
    struct json_member members[] = {{.name = "slots"},   {.name = "gpus"}, {.name = "labels"},
                                    {.name = "cache"},   {.name = "pod"},  {.name = "drained"},
                                    {.name = "endpoint"}};
    struct json_problem problem;
    if (json_scan(text, members, COUNT_OF(members), &problem) != ERR_OK) {
        return ERR_STORE_REPLY;
    }
    int64_t slots = 0;
    if (members[0].value.len > 0 &&
        (members[0].type != JSON_NUMBER || json_to_i64(members[0].value, &slots) != ERR_OK)) {
        return ERR_STORE_REPLY;
    }
    *ret_agent = (struct agent_value){.slots = bounded(slots, SLOTS_MAX),
                                      .is_pod = slice_is(members[4].value, "true"),
                                      .is_drained = slice_is(members[5].value, "true"),
                                      .endpoint = unquoted(&members[6])};
    take_list(&members[1], take_gpu, ret_agent);
    take_list(&members[3], take_cached, ret_agent);
    if (members[2].value.len > 0 && members[2].type == JSON_OBJECT) {
        ret_agent->labels = members[2].value;
    }
    return ERR_OK;
}

bool agent_has_label(const struct agent_value *agent, const char *key, const char *value)
{
    struct json_member member = {.name = key};
    return agent->labels.len > 0 && json_scan(agent->labels, &member, 1, NULL) == ERR_OK &&
           slice_is(unquoted(&member), value);
}

/* The same release of the handler ran there; its image is there; another release ran there. */
enum warmth { COLD, WARM_OTHER_RELEASE, WARM_IMAGE, WARM_SAME };

static enum warmth warmth_of(struct slice entry, struct slice endpoint, int64_t release,
                             const char *image)
{
    struct slice kind = slice_cut(&entry, ':');
    if (slice_is(kind, "image")) {
        return image != NULL && slice_is(entry, image) ? WARM_IMAGE : COLD;
    }
    if (!slice_is(kind, "endpoint") || !slice_eq(slice_cut(&entry, '@'), endpoint)) {
        return COLD;
    }
    return slice_to_i64_or(entry, -1) == release ? WARM_SAME : WARM_OTHER_RELEASE;
}

int agent_warmth(const struct agent_value *agent, struct slice endpoint, int64_t release,
                 const char *image)
{
    enum warmth best = COLD;
    for (size_t i = 0; i < agent->cache_count; i++) {
        enum warmth warmth = warmth_of(agent->cache[i], endpoint, release, image);
        best = warmth > best ? warmth : best;
    }
    return (int)best;
}

struct slice decode_prefix(struct slice text)
{
    struct slice start = SLICE("mr:{"), end = SLICE("}:");
    if (!slice_starts(text, start) || text.len <= start.len + end.len ||
        !slice_eq(slice_from(text, text.len - end.len), end)) {
        return SLICE_NONE;
    }
    return (struct slice){text.ptr + start.len, text.len - start.len - end.len};
}
