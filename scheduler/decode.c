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

/* A card without an id could be anybody's, one without a name is of no type. */
static void take_gpu(struct slice element, void *arg)
{
    struct agent_value *agent = arg;
    struct json_member members[] = {{.name = "uuid"}, {.name = "name"}};
    struct json_problem problem;
    if (agent->gpu_count < GPUS_MAX &&
        json_scan(element, members, COUNT_OF(members), &problem) == ERR_OK &&
        unquoted(&members[0]).len > 0 && unquoted(&members[1]).len > 0) {
        agent->gpus[agent->gpu_count++] =
            (struct gpu_value){unquoted(&members[0]), unquoted(&members[1])};
    }
}

enum err decode_agent(struct slice text, struct agent_value *ret_agent)
{
    struct json_member members[] = {{.name = "slots"}, {.name = "gpus"}};
    struct json_problem problem;
    if (json_scan(text, members, COUNT_OF(members), &problem) != ERR_OK) {
        return ERR_STORE_REPLY;
    }
    int64_t slots = 0;
    if (members[0].value.len > 0 &&
        (members[0].type != JSON_NUMBER || json_to_i64(members[0].value, &slots) != ERR_OK)) {
        return ERR_STORE_REPLY;
    }
    *ret_agent = (struct agent_value){.slots = bounded(slots, SLOTS_MAX)};
    if (members[1].value.len > 0 && members[1].type == JSON_ARRAY) {
        json_each(members[1].value, take_gpu, ret_agent);
    }
    return ERR_OK;
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
