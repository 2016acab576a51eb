/* The kubelet is the only one who can end the handler's container, and it does so when the probe
 * /live fails. So condemning is to fail the probe until /started says that a new container runs.
 * An agent that has just started condemns what it finds: its jobs have been given back already.
 *
 *   (agent starts) -> condemned --/started--> live --stop, kill, silence--> condemned --> ...
 *
 * A container that dies by itself is started anew by the kubelet, at once the first time and after
 * pauses later; so what it held is given back by /started, or when it has been silent for longer
 * than its pings allow. A job that was given within a moment before /started was given to the new
 * process, which may be faster than the kubelet.
 *
 * Anybody who reaches the pod can say these things: a NetworkPolicy has to keep all others out
 * (the kubelet's own requests pass always). */
#include "pod.h"

#include "agent.h"
#include "base/config.h"
#include "base/log.h"
#include "external.h"
#include "group.h"
#include "held.h"
#include "net/http.h"
#include "plane.h"
#include "slot.h"

#define WATCH_MS 1000
#define SILENT_MS 17000        /* three pings and a bit */
#define SILENT_STOPPED_MS 8000 /* once this agent is told to end: its main container has ended */
#define QUICK_MS 1000          /* from a container's start to its announcement */

struct waiting { /* a preStop hook */
    struct list link;
    struct pod *pod;
    struct http_request *request;
};

struct pod {
    struct agent *agent;
    struct pod_config config;
    struct http_server *server;
    struct process *process; /* NULL while none is wanted */
    bool is_live;            /* the container is the one announced, and not condemned */
    bool is_leaving;
    bool was_drained; /* as told */
    uint64_t heard_ms;
    struct timer watch;
    struct list waiting; /* waiting.link */
};

static void on_watch(struct timer *timer);

static struct group *group_of(const struct pod *pod)
{
    return agent_group(pod->agent, slice_of(pod->config.endpoint));
}

static struct slot *slot_of(const struct pod *pod)
{
    struct group *group = group_of(pod);
    return group != NULL && !list_is_empty(&group->slots)
               ? container_of(group->slots.next, struct slot, link)
               : NULL;
}

static bool is_empty(const struct pod *pod)
{
    struct group *group = group_of(pod);
    return group == NULL || (list_is_empty(&group->slots) && list_is_empty(&group->jobs));
}

/* ---- the process ---- */

static void on_condemn(void *arg)
{
    struct pod *pod = arg;
    log_warn("pod.condemn", "reason=\"the handler's container must end\"");
    pod->is_live = false;
}

static void on_gone(void *arg)
{
    struct pod *pod = arg;
    pod->process = NULL;
}

struct process *pod_start_process(struct pod *pod)
{
    const struct external_config config = {.loop = pod->agent->loop,
                                           .is_up = pod->is_live,
                                           .on_condemn = on_condemn,
                                           .on_gone = on_gone,
                                           .arg = pod};
    ensure(pod->process == NULL);
    pod->process = external_start(&config);
    pod_heard(pod);
    return pod->process;
}

bool pod_is_up(const struct pod *pod)
{
    return pod->process != NULL && process_is_up(pod->process);
}

bool pod_is_leaving(const struct pod *pod)
{
    return pod->is_leaving;
}

void pod_heard(struct pod *pod)
{
    pod->heard_ms = loop_now_ms(pod->agent->loop);
}

/* Was the container that announces itself given a job before it could? Then that is fresh, and the
 * connection over which it went is open: those of a container that has ended are closed. The oldest
 * job is first: when that one is fresh, all are. */
static bool holds_fresh_job(const struct pod *pod)
{
    const struct slot *slot = slot_of(pod);
    uint64_t now = loop_now_ms(pod->agent->loop);
    if (slot == NULL || list_is_empty(&slot->jobs)) {
        return false;
    }
    const struct held *oldest = container_of(slot->jobs.next, struct held, slot_link);
    return now - oldest->since_ms < QUICK_MS &&
           plane_has_connection(pod->agent->plane, oldest->connection);
}

static void announced(struct pod *pod)
{
    struct process *process = pod->process;
    log_info("pod.started", "live=%d", pod->is_live);
    pod->is_live = true;
    pod_heard(pod);
    if (process == NULL || (process_is_up(process) && holds_fresh_job(pod))) {
        return;
    }
    bool was_up = process_is_up(process);
    external_announce(process); /* one that was up is dead now */
    struct slot *slot = slot_of(pod);
    if (!was_up && slot != NULL) {
        slot_announced(slot);
    }
}

/* A handler that has an open poll, or has never sent a ping, may be silent for as long as it
 * likes; once this agent was told to end nothing can be there any more that is silent. */
static bool is_silent(const struct pod *pod)
{
    const struct slot *slot = slot_of(pod);
    uint64_t age = loop_now_ms(pod->agent->loop) - pod->heard_ms;
    if (!pod_is_up(pod) || slot == NULL || !list_is_empty(&slot->takes) ||
        !list_is_empty(&slot->stops)) {
        return false;
    }
    return (age > SILENT_STOPPED_MS && pod->agent->is_stopping) ||
           (age > SILENT_MS && slot->has_pinged);
}

static void on_watch(struct timer *timer)
{
    struct pod *pod = container_of(timer, struct pod, watch);
    timer_start(pod->agent->loop, timer, WATCH_MS, on_watch);
    if (is_silent(pod)) {
        pod->is_live = false;
        external_end(pod->process, "its container fell silent");
    }
}

/* ---- what others are told ---- */

void pod_check(struct pod *pod)
{
    if (pod == NULL) {
        return;
    }
    if (is_empty(pod) != pod->was_drained) {
        pod->was_drained = !pod->was_drained;
        agent_describe(pod->agent);
    }
    while (is_empty(pod) && !list_is_empty(&pod->waiting)) {
        struct waiting *waiting = container_of(pod->waiting.next, struct waiting, link);
        struct http_answer answer = {.status = 200, .body = SLICE("{}")};
        struct http_request *request = waiting->request;
        request->op = NULL;
        request->on_gone = NULL;
        list_unlink(&waiting->link);
        free(waiting);
        http_reply(request, &answer);
    }
}

void pod_put_json(const struct pod *pod, struct buf *out)
{
    buf_put_str(out, ",\"pod\":true,\"endpoint\":");
    buf_put_json_str(out, slice_of(pod->config.endpoint));
    buf_printf(out, ",\"drained\":%s", is_empty(pod) ? "true" : "false");
}

/* ---- what the kubelet asks and tells ---- */

static void answer(struct http_request *request, int status)
{
    struct http_answer answer = {.status = status,
                                 .body = status == 200 ? SLICE("{}") : SLICE("{\"not\":\"now\"}")};
    http_reply(request, &answer);
}

static void live_request(struct pod *pod, struct http_request *request)
{
    answer(request, pod->is_live ? 200 : 503);
}

/* Where fewer are wanted Kubernetes takes those that are not ready first: one with a job is. */
static void ready_request(struct pod *pod, struct http_request *request)
{
    const struct group *group = group_of(pod);
    bool may_take = group != NULL && group_wish(group) > 0;
    answer(request, pod->agent->is_booted && (may_take || !is_empty(pod)) ? 200 : 503);
}

static void started_request(struct pod *pod, struct http_request *request)
{
    announced(pod);
    answer(request, 200);
}

static void waiting_gone(struct http_request *request)
{
    struct waiting *waiting = request->op;
    list_unlink(&waiting->link);
    free(waiting);
}

/* A condemned container is ended by the probe, which runs this hook, too: the pod stays. */
static void stopping_request(struct pod *pod, struct http_request *request)
{
    if (!pod->is_live) {
        answer(request, 200);
        return;
    }
    log_info("pod.leaving", "empty=%d", is_empty(pod));
    struct waiting *waiting = xcalloc(1, sizeof(*waiting));
    waiting->pod = pod;
    waiting->request = request;
    list_push(&pod->waiting, &waiting->link);
    request->op = waiting;
    request->on_gone = waiting_gone;
    pod->is_leaving = true;
    agent_converge(pod->agent); /* pod_check() follows */
}

static void on_head(struct http_request *request, void *arg)
{
    (void)arg;
    http_accept(request, 4096);
}

static void on_request(struct http_request *request, void *arg)
{
    static const struct {
        const char *path;
        void (*on_request)(struct pod *pod, struct http_request *request);
    } routes[] = {{"/live", live_request},
                  {"/ready", ready_request},
                  {"/started", started_request},
                  {"/stopping", stopping_request}};
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        if (slice_is(request->path, routes[i].path)) {
            routes[i].on_request(arg, request);
            return;
        }
    }
    answer(request, 404);
}

/* ---- life ---- */

static enum err listen(struct pod *pod, struct buf *problem)
{
    char host[256];
    int port;
    enum err err = config_split_host_port(pod->config.listen, host, sizeof(host), &port);
    if (err == ERR_OK) {
        err = http_server_listen(pod->server, host, port, NULL);
    }
    if (err != ERR_OK) {
        buf_printf(problem, "cannot listen on %s: %s", pod->config.listen, err_text(err));
    }
    return err;
}

enum err pod_new(struct agent *agent, const struct pod_config *config, struct pod **ret_pod,
                 struct buf *problem)
{
    static const struct http_handlers handlers = {.on_head = on_head, .on_request = on_request};
    static const struct http_config http = {.connections_max = 256};
    struct pod *pod = xcalloc(1, sizeof(*pod));
    pod->agent = agent;
    pod->config = *config;
    list_init(&pod->waiting);
    pod->server = http_server_new(agent->loop, &http, &handlers, pod);
    enum err err = listen(pod, problem);
    if (err != ERR_OK) {
        pod_close(pod);
        return err;
    }
    pod_heard(pod);
    timer_start(agent->loop, &pod->watch, WATCH_MS, on_watch);
    *ret_pod = pod;
    return ERR_OK;
}

void pod_close(struct pod *pod)
{
    if (pod != NULL) {
        timer_stop(&pod->watch);
        http_server_close(pod->server);
        external_free(pod->process);
        free(pod);
    }
}
