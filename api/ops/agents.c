/* GET /v1/agents: the machines that have registered, sorted by id: whether they are heard of, what
 * they may run, their cards and what is at hand there. Members are carried as the agent wrote them;
 * what is secret in a description (its gate) is not among them. */
#include <stdlib.h>

#include "base/json.h"
#include "ops/ops.h"
#include "queue/queue_manage.h"

static void agents_read(struct store_call *call, enum err err, const struct reply *reply);

void agents_start(struct op *op)
{
    queue_agents(op->node->store, &op->call, agents_read);
}

static void put_members(struct buf *out, struct slice description)
{
    struct json_member members[] = {{.name = "host"},  {.name = "machine"}, {.name = "version"},
                                    {.name = "slots"}, {.name = "gpus"},    {.name = "driver"},
                                    {.name = "cuda"},  {.name = "labels"},  {.name = "cache"}};
    if (json_scan(description, members, COUNT_OF(members), NULL) != ERR_OK) {
        return; /* no agent of ours wrote that */
    }
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        if (members[i].value.len > 0) {
            (void)buf_printf(out, ",\"%s\":", members[i].name);
            (void)buf_put_slice(out, members[i].value);
        }
    }
}

static void put_agent(struct buf *out, const struct agent_view *agent)
{
    (void)buf_put_str(out, "{\"id\":");
    (void)buf_put_json_str(out, agent->id);
    (void)buf_printf(out, ",\"live\":%s,\"lastBeat\":%lld", agent->is_live ? "true" : "false",
                     (long long)agent->beat_ms);
    put_members(out, agent->description);
    (void)buf_put_char(out, '}');
}

static int compare(const void *a, const void *b)
{
    struct slice x = ((const struct agent_view *)a)->id, y = ((const struct agent_view *)b)->id;
    int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

static void put_agents(struct buf *out, const struct agents_view *view)
{
    AUTO(free) void *memory = xcalloc(view->count + 1, sizeof(struct agent_view));
    struct agent_view *agents = memory;
    for (size_t i = 0; i < view->count; i++) {
        agents_view_at(view, i, &agents[i]);
    }
    qsort(agents, view->count, sizeof(*agents), compare);
    (void)buf_put_char(out, '[');
    for (size_t i = 0; i < view->count; i++) {
        (void)buf_put_str(out, i > 0 ? "," : "");
        put_agent(out, &agents[i]);
    }
    (void)buf_put_char(out, ']');
}

static void agents_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct op *op = container_of(call, struct op, call);
    AUTO(buf_done) struct buf body = BUF_INIT;
    struct agents_view view;
    if (err == ERR_OK) {
        err = queue_agents_result(reply, &view);
    }
    if (err != ERR_OK) {
        op_reply_store_error(op, err);
        return;
    }
    put_agents(&body, &view);
    op_reply_json(op, 200, buf_slice(&body));
}
