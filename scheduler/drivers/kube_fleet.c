/* Retiring:      mark (each) -> lower
 *
 * Kubernetes itself chooses which pods go when a number is lowered: first those on no node, then
 * those not ready, then the cheapest. The pods that shall go are seen not to be ready, for they are
 * drained, and marked as the cheapest before the number is lowered, so it takes those. A crash
 * after `mark` leaves a mark that is taken back while the pod is wanted.
 *
 * They are not deleted by name: the number passes from the Deployment to its ReplicaSet, and until
 * it is there, whoever makes pods makes a deleted one anew. */
#include "kube_fleet.h"

#include <inttypes.h>

#include "base/id.h"
#include "base/log.h"
#include "kube_manifest.h"

#define CALL_MS 10000
#define DELAY_MIN_MS 500
#define DELAY_MAX_MS 30000
#define MERGE_PATCH "application/merge-patch+json"
#define CHEAP "-1000"

static void fleet_changed(struct kube_call *call, const struct kube_answer *answer);
static void retire_mark(struct fleet *fleet);
static void retire_marked(struct kube_call *call, const struct kube_answer *answer);
static void retire_lower(struct fleet *fleet);

static void drop_victims(struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->victim_count; i++) {
        free(fleet->victims[i].name);
        free(fleet->victims[i].uid);
    }
    fleet->victim_count = fleet->next = 0;
}

void fleet_done(struct fleet *fleet)
{
    kube_call_cancel(&fleet->call);
    drop_victims(fleet);
    free(fleet->release);
    free(fleet->endpoint);
    free(fleet->uid);
    free(fleet->version);
    free(fleet->base);
    free(fleet->problem);
}

/* What the last write made of it has not been seen: what is known is older. */
static bool is_behind(const struct fleet *fleet)
{
    bool is_same = fleet->version == NULL || fleet->base == NULL
                       ? fleet->version == fleet->base
                       : strcmp(fleet->version, fleet->base) == 0;
    return fleet->is_written && is_same;
}

bool fleet_is_busy(const struct fleet *fleet)
{
    return kube_call_is_waiting(&fleet->call) || is_behind(fleet) ||
           loop_now_ms(fleet->client->loop) < fleet->retry_ms;
}

bool fleet_is_refused(const struct fleet *fleet)
{
    return fleet->problem != NULL || (fleet->version == NULL && fleet->is_failing);
}

bool fleet_retires(const struct fleet *fleet, const struct pod *pod)
{
    for (size_t i = 0; i < fleet->victim_count; i++) {
        if (strcmp(fleet->victims[i].uid, pod->uid) == 0) {
            return true;
        }
    }
    return false;
}

void fleet_release(struct fleet *fleet, int64_t pods)
{
    if (!fleet_is_busy(fleet) && pods <= fleet->target) {
        drop_victims(fleet);
    }
}

/* ---- how a call ends ---- */

/* A conflict means that something has changed: what the watch brings decides anew. */
static void fail(struct fleet *fleet, const struct kube_answer *answer)
{
    uint16_t random = 0;
    id_random(&random, sizeof(random));
    bool is_conflict = answer->status == 409 || answer->status == 404;
    fleet->delay_ms = is_conflict || fleet->delay_ms == 0 ? DELAY_MIN_MS : fleet->delay_ms * 2;
    fleet->delay_ms = fleet->delay_ms < DELAY_MAX_MS ? fleet->delay_ms : DELAY_MAX_MS;
    uint64_t pause_ms = fleet->delay_ms / 2 + fleet->delay_ms * random / UINT64_C(131072);
    pause_ms = pause_ms > answer->retry_after_ms ? pause_ms : answer->retry_after_ms;
    fleet->retry_ms = loop_now_ms(fleet->client->loop) + pause_ms;
    if (!fleet->is_failing && !is_conflict) {
        log_warn("kubernetes.refused", "deployment=%s status=%d problem=%s", fleet->item.id,
                 answer->status, log_quote(slice_of(answer->problem)));
    }
    fleet->is_failing = !is_conflict;
    drop_victims(fleet);
}

static bool is_done(struct fleet *fleet, const struct kube_answer *answer)
{
    if (answer->status < 200 || answer->status > 299) {
        fail(fleet, answer);
        return false;
    }
    fleet->is_failing = false;
    fleet->delay_ms = 0;
    return true;
}

static void fleet_changed(struct kube_call *call, const struct kube_answer *answer)
{
    (void)is_done(container_of(call, struct fleet, call), answer);
}

static void fleet_written(struct kube_call *call, const struct kube_answer *answer)
{
    struct fleet *fleet = container_of(call, struct fleet, call);
    fleet->is_written = is_done(fleet, answer);
}

/* A process that was paused in the middle of a change stops there. */
static bool may_write(struct fleet *fleet)
{
    if (leader_is_leading(fleet->leader)) {
        return true;
    }
    drop_victims(fleet);
    return false;
}

static void put_path(struct buf *out, const struct fleet *fleet, const char *kind, const char *name)
{
    buf_printf(out, "%s/namespaces/%s/%s", strcmp(kind, "pods") == 0 ? "/api/v1" : "/apis/apps/v1",
               fleet->client->config.space, kind);
    if (name != NULL) {
        buf_printf(out, "/%s", name);
    }
}

static void send(struct fleet *fleet, struct kube_request *request, struct buf *path,
                 kube_call_fn fn)
{
    AUTO_STR text = buf_take_str(path);
    request->path = text;
    request->timeout_ms = CALL_MS;
    kube_call_start(fleet->client, &fleet->call, request, fn);
}

/* Of the Deployment itself: nothing more is decided until the watch has shown its outcome. */
static void write(struct fleet *fleet, struct kube_request *request, struct buf *path)
{
    free(fleet->base);
    fleet->base = fleet->version != NULL ? xstrdup(fleet->version) : NULL;
    fleet->is_written = false;
    send(fleet, request, path, fleet_written);
}

/* ---- simple changes ---- */

void fleet_create(struct fleet *fleet, const char *text)
{
    AUTO(buf_done) struct buf path = BUF_INIT, body = BUF_INIT;
    if (may_write(fleet)) {
        put_path(&path, fleet, "deployments", NULL);
        (void)buf_put_str(&body, text);
        log_info("kubernetes.create", "deployment=%s", fleet->item.id);
        write(fleet, &(struct kube_request){.method = "POST", .body = &body}, &path);
    }
}

static void patch_replicas(struct fleet *fleet, int64_t replicas)
{
    AUTO(buf_done) struct buf path = BUF_INIT, body = BUF_INIT;
    put_path(&path, fleet, "deployments", fleet->item.id);
    buf_printf(&body,
               "{\"metadata\":{\"resourceVersion\":\"%s\"},\"spec\":{\"replicas\":%" PRId64 "}}",
               fleet->version, replicas);
    log_info("kubernetes.scale", "deployment=%s from=%" PRId64 " to=%" PRId64, fleet->item.id,
             fleet->replicas, replicas);
    fleet->target = replicas;
    write(fleet,
          &(struct kube_request){.method = "PATCH", .merge_type = MERGE_PATCH, .body = &body},
          &path);
}

void fleet_scale(struct fleet *fleet, int64_t replicas)
{
    if (may_write(fleet)) {
        patch_replicas(fleet, replicas);
    }
}

static void patch_cost(struct fleet *fleet, const struct fleet_victim *pod, const char *cost,
                       kube_call_fn fn)
{
    AUTO(buf_done) struct buf path = BUF_INIT, body = BUF_INIT;
    put_path(&path, fleet, "pods", pod->name);
    buf_printf(&body, "{\"metadata\":{\"uid\":\"%s\",\"annotations\":{\"" KUBE_COST "\":%s}}}",
               pod->uid, cost);
    send(fleet, &(struct kube_request){.method = "PATCH", .merge_type = MERGE_PATCH, .body = &body},
         &path, fn);
}

void fleet_unmark(struct fleet *fleet, const struct pod *pod)
{
    if (may_write(fleet)) {
        const struct fleet_victim it = {pod->item.id, pod->uid};
        patch_cost(fleet, &it, "null", fleet_changed);
    }
}

void fleet_remove(struct fleet *fleet)
{
    AUTO(buf_done) struct buf path = BUF_INIT, body = BUF_INIT;
    if (may_write(fleet)) {
        put_path(&path, fleet, "deployments", fleet->item.id);
        buf_printf(&body,
                   "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":"
                   "\"Background\",\"preconditions\":{\"uid\":\"%s\"}}",
                   fleet->uid);
        log_info("kubernetes.remove", "deployment=%s", fleet->item.id);
        write(fleet, &(struct kube_request){.method = "DELETE", .body = &body}, &path);
    }
}

/* ---- retire ---- */

void fleet_retire(struct fleet *fleet, const struct pod *const *pods, size_t count,
                  int64_t replicas)
{
    ensure(count <= FLEET_VICTIMS_MAX);
    drop_victims(fleet);
    for (size_t i = 0; i < count; i++) {
        fleet->victims[i] = (struct fleet_victim){xstrdup(pods[i]->item.id), xstrdup(pods[i]->uid)};
    }
    fleet->victim_count = count;
    fleet->target = replicas; /* of which the marks are the first step */
    retire_mark(fleet);
}

static void retire_mark(struct fleet *fleet)
{
    if (fleet->next == fleet->victim_count) {
        retire_lower(fleet);
    } else if (may_write(fleet)) {
        patch_cost(fleet, &fleet->victims[fleet->next], "\"" CHEAP "\"", retire_marked);
    }
}

/* One that has gone meanwhile ends the change: its number is made up by a new one. */
static void retire_marked(struct kube_call *call, const struct kube_answer *answer)
{
    struct fleet *fleet = container_of(call, struct fleet, call);
    if (is_done(fleet, answer)) {
        fleet->next++;
        retire_mark(fleet);
    }
}

/* They count as victims until the watch shows that as many have left. */
static void retire_lower(struct fleet *fleet)
{
    if (may_write(fleet)) {
        patch_replicas(fleet, fleet->target);
    }
}
