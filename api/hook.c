/* hint | timer | round -> endpoint document (its secret) -> claim -> POST -> record -> next claim
 *
 * A hint (channel mr:hooks) names an endpoint with a new delivery; the answer to each claim tells
 * when the next one is due. As hints may be lost, one node of all looks into every outbox from time
 * to time (hook_round.c). An endpoint without deliveries costs nothing here and one EXISTS in a
 * round.
 *
 * Bounded: ACTIVE_MAX tries and BYTES_MAX of results at once, HOST_MAX tries to one host. What is
 * claimed for a host that is full goes back untried for about as long as the host will need. */
#include "hook.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/map.h"
#include "hook_message.h"
#include "hook_round.h"
#include "net/fetch.h"
#include "queue/queue_hook.h"

#define ACTIVE_MAX 64
#define HOST_MAX 48
#define BYTES_MAX ((size_t)64 << 20)
#define TRY_MS 10000
#define ANSWER_MAX 65536
#define AGAIN_MS 100 /* pause after a claim of which nothing could be started */
#define AWAY_MS 2000 /* pause after Redis failed */

struct hooks {
    struct loop *loop;
    struct store *store;
    struct catalog *catalog;
    struct fetcher *fetcher;
    struct hooks_config config;
    struct map outboxes, hosts;
    struct list deliveries; /* delivery.link */
    struct list hungry;     /* outbox.hungry_link: has more due than there was room for */
    size_t active, asked, bytes;
    struct hook_round *round;
    bool is_stopping;
};

/* One endpoint that has deliveries, as far as this node knows. */
struct outbox {
    struct map_node node; /* key: the endpoint's id */
    struct hooks *hooks;
    struct list hungry_link;
    struct store_call call;
    struct timer timer;
    uint64_t due_ms;             /* of the timer */
    struct catalog_entry *entry; /* while claiming; of a deleted endpoint what it was */
    size_t asked, active;
    bool must_look; /* a hint came while claiming */
    bool is_stuck;  /* more is due, but for hosts that are full */
    char id[64];
};

struct host {
    struct map_node node;
    size_t active;
    int64_t latency_ms; /* of its last tries, smoothed */
    uint64_t booked_ms; /* until then it is busy with what was given back */
    char name[];
};

struct delivery {
    struct list link;
    struct outbox *outbox;
    struct host *host;
    struct fetch *fetch; /* NULL once answered, or given back untried */
    struct store_call call;
    enum hook_scheme scheme;
    int64_t fence, failed;
    uint64_t started_ms;
    size_t bytes;
    char *name, *job;
};

static void outbox_look(struct outbox *outbox);
static void outbox_loaded(struct store_call *call, enum err err, const struct reply *reply);
static void outbox_loaded_deleted(struct store_call *call, enum err err, const struct reply *reply);
static void outbox_claim(struct outbox *outbox);
static void outbox_claimed(struct store_call *call, enum err err, const struct reply *reply);
static bool delivery_begin(struct outbox *outbox, const struct hook *hook);
static void delivery_answered(const struct fetch_result *result, void *arg);
static void delivery_recorded(struct store_call *call, enum err err, const struct reply *reply);

/* ---- outboxes ---- */

static struct outbox *outbox_get(struct hooks *hooks, struct slice id)
{
    struct map_node *node = map_get(&hooks->outboxes, id);
    if (node != NULL) {
        return container_of(node, struct outbox, node);
    }
    struct outbox *outbox = xcalloc(1, sizeof(*outbox));
    outbox->hooks = hooks;
    list_init(&outbox->hungry_link);
    (void)snprintf(outbox->id, sizeof(outbox->id), "%.*s", SLICE_ARG(id));
    map_put(&hooks->outboxes, &outbox->node, slice_of(outbox->id));
    return outbox;
}

static void outbox_free(struct outbox *outbox)
{
    store_detach(&outbox->call);
    timer_stop(&outbox->timer);
    list_unlink(&outbox->hungry_link);
    catalog_unref(outbox->entry);
    map_del(&outbox->hooks->outboxes, &outbox->node);
    free(outbox);
}

/* Forgets an outbox that nothing is known of any more. */
static void outbox_settle(struct outbox *outbox)
{
    if (outbox->active == 0 && !store_call_is_waiting(&outbox->call) &&
        !timer_is_running(&outbox->timer) && !list_is_linked(&outbox->hungry_link)) {
        outbox_free(outbox);
    }
}

static void on_outbox_due(struct timer *timer)
{
    outbox_look(container_of(timer, struct outbox, timer));
}

/* The earlier of what was known and this. */
static void outbox_wake(struct outbox *outbox, uint64_t delay_ms)
{
    uint64_t due_ms = loop_now_ms(outbox->hooks->loop) + delay_ms;
    if (!outbox->hooks->is_stopping &&
        (!timer_is_running(&outbox->timer) || due_ms < outbox->due_ms)) {
        outbox->due_ms = due_ms;
        timer_start(outbox->hooks->loop, &outbox->timer, delay_ms, on_outbox_due);
    }
}

static bool hooks_are_full(const struct hooks *hooks)
{
    return hooks->active + hooks->asked >= ACTIVE_MAX || hooks->bytes >= BYTES_MAX;
}

static void outbox_look(struct outbox *outbox)
{
    struct hooks *hooks = outbox->hooks;
    if (store_call_is_waiting(&outbox->call)) {
        outbox->must_look = true;
    } else if (hooks_are_full(hooks)) {
        list_unlink(&outbox->hungry_link);
        list_push(&hooks->hungry, &outbox->hungry_link);
    } else {
        list_unlink(&outbox->hungry_link);
        timer_stop(&outbox->timer);
        outbox->must_look = outbox->is_stuck = false;
        outbox->entry = catalog_get(hooks->catalog, slice_of(outbox->id));
        if (outbox->entry != NULL) {
            outbox_claim(outbox);
        } else {
            catalog_load(hooks->catalog, slice_of(outbox->id), &outbox->call, outbox_loaded);
        }
    }
}

static void outbox_loaded(struct store_call *call, enum err err, const struct reply *reply)
{
    struct outbox *outbox = container_of(call, struct outbox, call);
    if (err == ERR_OK) {
        err = catalog_loaded(outbox->hooks->catalog, reply, &outbox->entry);
    }
    if (err == ERR_OK) {
        outbox_claim(outbox);
    } else if (err == ERR_NOT_FOUND) {
        catalog_load_deleted(outbox->hooks->catalog, slice_of(outbox->id), &outbox->call,
                             outbox_loaded_deleted);
    } else if (err != ERR_CLOSING) {
        outbox_wake(outbox, AWAY_MS);
    }
}

static void outbox_loaded_deleted(struct store_call *call, enum err err, const struct reply *reply)
{
    struct outbox *outbox = container_of(call, struct outbox, call);
    if (err == ERR_OK) {
        err = catalog_loaded_deleted(outbox->hooks->catalog, reply, &outbox->entry);
    }
    if (err == ERR_OK || err == ERR_NOT_FOUND) {
        outbox_claim(outbox);
    } else if (err != ERR_CLOSING) {
        outbox_wake(outbox, AWAY_MS);
    }
}

static void outbox_claim(struct outbox *outbox)
{
    struct hooks *hooks = outbox->hooks;
    if (hooks->is_stopping) { /* a look at it was on its way */
        catalog_unref(steal(outbox->entry));
        return;
    }
    size_t used = hooks->active + hooks->asked;
    size_t bytes = hooks->bytes < BYTES_MAX ? BYTES_MAX - hooks->bytes : 0;
    outbox->asked = used < ACTIVE_MAX ? ACTIVE_MAX - used : 1;
    hooks->asked += outbox->asked;
    queue_hook_take(hooks->store, &outbox->call, slice_of(outbox->id), outbox->asked, bytes,
                    outbox_claimed);
}

static size_t begin_all(struct outbox *outbox, const struct reply *reply, size_t count)
{
    size_t begun = 0;
    for (size_t i = 0; i < count; i++) {
        struct hook hook;
        if (queue_hook_at(reply, i, &hook) == ERR_OK) {
            begun += delivery_begin(outbox, &hook) ? 1 : 0;
        } else {
            log_error("hook.broken", "endpoint=%s", outbox->id);
        }
    }
    return begun;
}

static void hooks_resume(struct hooks *hooks)
{
    while (!hooks->is_stopping && !hooks_are_full(hooks)) {
        struct list *link = list_pop(&hooks->hungry);
        if (link == NULL) {
            break;
        }
        outbox_look(container_of(link, struct outbox, hungry_link));
    }
}

static void outbox_claimed(struct store_call *call, enum err err, const struct reply *reply)
{
    struct outbox *outbox = container_of(call, struct outbox, call);
    struct hooks *hooks = outbox->hooks;
    int64_t next_ms = AWAY_MS;
    size_t count = 0, begun = 0;
    hooks->asked -= outbox->asked;
    if (err == ERR_OK) {
        err = queue_hook_take_result(reply, &next_ms, &count);
    }
    if (err == ERR_OK) {
        begun = begin_all(outbox, reply, count);
    }
    catalog_unref(outbox->entry);
    outbox->entry = NULL;
    if (outbox->must_look) {
        next_ms = 0;
    }
    if (next_ms >= 0 && err != ERR_CLOSING) {
        outbox->is_stuck = next_ms == 0 && begun == 0 && !outbox->must_look;
        outbox_wake(outbox, outbox->is_stuck ? AGAIN_MS : (uint64_t)next_ms);
    }
    outbox_settle(outbox);
    hooks_resume(hooks);
}

/* ---- hosts ---- */

static struct host *host_get(struct hooks *hooks, struct slice name)
{
    struct map_node *node = map_get(&hooks->hosts, name);
    if (node != NULL) {
        return container_of(node, struct host, node);
    }
    struct host *host = xcalloc(1, sizeof(*host) + name.len);
    memcpy(host->name, name.ptr, name.len);
    map_put(&hooks->hosts, &host->node, (struct slice){host->name, name.len});
    return host;
}

static void host_leave(struct hooks *hooks, struct host *host, uint64_t took_ms)
{
    host->latency_ms = (3 * host->latency_ms + (int64_t)took_ms) / 4;
    if (--host->active == 0) {
        map_del(&hooks->hosts, &host->node);
        free(host);
    }
}

/* When a try that the host has no room for now may find some. */
static int64_t host_book(struct host *host, uint64_t now_ms)
{
    uint64_t from = host->booked_ms > now_ms ? host->booked_ms : now_ms;
    host->booked_ms = from + (uint64_t)host->latency_ms / HOST_MAX;
    return AGAIN_MS + (int64_t)(host->booked_ms - now_ms);
}

/* ---- one delivery ---- */

static struct delivery *delivery_new(struct outbox *outbox, const struct hook *hook)
{
    struct delivery *delivery = xcalloc(1, sizeof(*delivery));
    delivery->outbox = outbox;
    delivery->scheme = hook_url_scheme(hook->url);
    delivery->fence = hook->fence;
    delivery->failed = hook->failed;
    delivery->started_ms = loop_now_ms(outbox->hooks->loop);
    delivery->name = slice_dup(hook->name);
    delivery->job = slice_dup(hook->job.id);
    list_push(&outbox->hooks->deliveries, &delivery->link);
    outbox->active++;
    return delivery;
}

static void delivery_leave(struct delivery *delivery)
{
    struct hooks *hooks = delivery->outbox->hooks;
    delivery->fetch = NULL;
    hooks->active--;
    hooks->bytes -= delivery->bytes;
    host_leave(hooks, delivery->host, loop_now_ms(hooks->loop) - delivery->started_ms);
    delivery->host = NULL;
}

static void delivery_free(struct delivery *delivery)
{
    if (delivery->fetch != NULL) {
        fetch_cancel(delivery->fetch);
        delivery_leave(delivery);
    }
    delivery->outbox->active--;
    store_detach(&delivery->call);
    list_unlink(&delivery->link);
    free(delivery->name);
    free(delivery->job);
    free(delivery);
}

static bool is_allowed(const struct sockaddr *address, struct buf *problem, void *arg)
{
    const struct delivery *delivery = arg;
    return hook_policy_allows(&delivery->outbox->hooks->config.policy, address, delivery->scheme,
                              problem);
}

static void delivery_send(struct delivery *delivery, const struct hook *hook)
{
    struct outbox *outbox = delivery->outbox;
    struct buf body = BUF_INIT;
    AUTO(buf_done) struct buf key = BUF_INIT;
    AUTO_STR url = slice_dup(hook->url);
    struct hook_headers headers;
    job_put_object(&body, &hook->job);
    if (outbox->entry != NULL) {
        endpoint_put_webhook_key(outbox->entry->endpoint, &key);
    }
    hook_headers_init(&headers, hook->name, clock_wall_ms() / 1000, buf_slice(&key),
                      buf_slice(&body));
    delivery->bytes = body.len;
    outbox->hooks->bytes += delivery->bytes;
    delivery->fetch =
        fetch_start(outbox->hooks->fetcher,
                    &(struct fetch_request){.method = "POST",
                                            .url = url,
                                            .headers = (const char *const *)headers.lines,
                                            .body = &body,
                                            .timeout_ms = TRY_MS,
                                            .response_max = ANSWER_MAX,
                                            .ca_file = outbox->hooks->config.ca_file,
                                            .allow = is_allowed,
                                            .allow_arg = delivery},
                    delivery_answered, delivery);
    hook_headers_done(&headers);
}

/* False when its host has no room: then it goes back untried. */
static bool delivery_begin(struct outbox *outbox, const struct hook *hook)
{
    struct hooks *hooks = outbox->hooks;
    struct delivery *delivery = delivery_new(outbox, hook);
    struct host *host = host_get(hooks, hook_url_host(hook->url));
    if (host->active >= HOST_MAX) {
        int64_t delay_ms = host_book(host, delivery->started_ms);
        queue_hook_defer(hooks->store, &delivery->call, slice_of(outbox->id), hook->name,
                         hook->fence, delay_ms, delivery_recorded);
        outbox_wake(outbox, (uint64_t)delay_ms);
        return false;
    }
    host->active++;
    hooks->active++;
    delivery->host = host;
    delivery_send(delivery, hook);
    return true;
}

static void describe(const struct fetch_result *result, char *text, size_t size)
{
    bool is_redirect = result->status >= 300 && result->status < 400;
    if (result->err != ERR_OK) {
        (void)snprintf(text, size, "%s", result->problem);
    } else if (result->status >= 200 && result->status < 300) {
        text[0] = '\0';
    } else {
        (void)snprintf(text, size, "HTTP status %d%s", result->status,
                       is_redirect ? ": redirects are not followed: name where it leads to" : "");
    }
}

static void delivery_answered(const struct fetch_result *result, void *arg)
{
    struct delivery *delivery = arg;
    struct hooks *hooks = delivery->outbox->hooks;
    uint64_t took_ms = loop_now_ms(hooks->loop) - delivery->started_ms;
    uint32_t random;
    char problem[256];
    describe(result, problem, sizeof(problem));
    log_info(problem[0] ? "hook.failed" : "hook.delivered",
             "endpoint=%s job=%s try=%lld status=%d ms=%lld problem=%s", delivery->outbox->id,
             delivery->job, (long long)delivery->failed + 1, result->status, (long long)took_ms,
             log_quote(slice_of(problem)));
    delivery_leave(delivery);
    id_random(&random, sizeof(random));
    const struct hook_try attempt = {
        .name = slice_of(delivery->name),
        .fence = delivery->fence,
        .status = result->status,
        .problem = slice_of(problem),
        .delay_ms = hook_delay_ms(delivery->failed + 1, hooks->config.pause_ms, random),
        .limit_ms = HOOK_KEEP_MS,
    };
    queue_hook_done(hooks->store, &delivery->call, slice_of(delivery->outbox->id), &attempt,
                    delivery_recorded);
    if (delivery->outbox->is_stuck) {
        outbox_wake(delivery->outbox, 0);
    }
    hooks_resume(hooks);
}

/* Of a try, or of one given back: the next claim tells when there is more. */
static void delivery_recorded(struct store_call *call, enum err err, const struct reply *reply)
{
    struct delivery *delivery = container_of(call, struct delivery, call);
    struct outbox *outbox = delivery->outbox;
    enum hook_state state;
    if (err == ERR_CLOSING) {
        return;
    }
    if (err != ERR_OK) {
        log_warn("hook.unrecorded", "endpoint=%s job=%s error=%s", outbox->id, delivery->job,
                 err_text(err));
    } else if (reply_count(reply) > 0 && queue_hook_done_result(reply, &state) == ERR_OK) {
        if (state == HOOK_GIVEN_UP) {
            log_error("hook.given_up", "endpoint=%s job=%s tries=%lld", outbox->id, delivery->job,
                      (long long)delivery->failed + 1);
        } else if (state == HOOK_QUEUED) {
            outbox_wake(outbox, (uint64_t)reply_int(reply_at(reply, 2), AWAY_MS));
        }
    }
    delivery_free(delivery);
    outbox_settle(outbox);
}

/* ---- life ---- */

static void on_found(struct slice id, void *arg)
{
    outbox_look(outbox_get(arg, id));
}

struct hooks *hooks_new(struct loop *loop, struct store *store, struct catalog *catalog,
                        const struct hooks_config *config)
{
    struct hooks *hooks = xcalloc(1, sizeof(*hooks));
    hooks->loop = loop;
    hooks->store = store;
    hooks->catalog = catalog;
    hooks->config = *config;
    hooks->fetcher = fetcher_new(loop);
    map_init(&hooks->outboxes);
    map_init(&hooks->hosts);
    list_init(&hooks->deliveries);
    list_init(&hooks->hungry);
    hooks->round = hook_round_new(loop, store, config->node_id, on_found, hooks);
    return hooks;
}

void hooks_notify(struct hooks *hooks, struct slice prefix)
{
    if (hooks->is_stopping) {
        return;
    }
    if (prefix.len <= 6) { /* "mr:{" id "}:" */
        hook_round_begin(hooks->round);
        return;
    }
    struct slice id = {prefix.ptr + 4, prefix.len - 6};
    if (endpoint_id_is_valid(id)) {
        outbox_look(outbox_get(hooks, id));
    }
}

const struct hook_policy *hooks_policy(const struct hooks *hooks)
{
    return &hooks->config.policy;
}

void hooks_stop(struct hooks *hooks)
{
    hooks->is_stopping = true;
    hook_round_stop(hooks->round);
    struct map_node *node = NULL;
    while ((node = map_next(&hooks->outboxes, node)) != NULL) {
        timer_stop(&container_of(node, struct outbox, node)->timer);
    }
}

void hooks_free(struct hooks *hooks)
{
    if (hooks == NULL) {
        return;
    }
    hook_round_free(hooks->round);
    while (!list_is_empty(&hooks->deliveries)) {
        delivery_free(container_of(hooks->deliveries.next, struct delivery, link));
    }
    struct map_node *node;
    while ((node = map_next(&hooks->outboxes, NULL)) != NULL) {
        outbox_free(container_of(node, struct outbox, node));
    }
    map_done(&hooks->outboxes);
    map_done(&hooks->hosts);
    fetcher_free(hooks->fetcher);
    hook_policy_done(&hooks->config.policy);
    free(hooks);
}
