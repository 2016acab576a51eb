/* Converging, for each endpoint in each round, by at most one change for each of its Deployments:
 *
 *   none of the release, some wanted      create it
 *   fewer replicas than wanted            raise the number
 *   more                                  retire pods that are free, marked; lower the number by
 *                                         what Kubernetes has not made yet
 *   of an older release                   the same, with nothing wanted; without pods: remove it
 *
 * Old pods are told to take no more as soon as the document has changed (podplan.c), so the idle
 * ones go at once and the busy ones after their job; the Deployment controller never replaces a
 * pod by itself. What is read of the cluster may be old: see kube_fleet.h.
 *
 * What must never happen: a Deployment is removed because its endpoint could not be read. */
#include "kubernetes.h"

#include <assert.h>
#include <inttypes.h>

#include "base/log.h"
#include "kube_fleet.h"
#include "kube_object.h"

#define SELECTOR "?labelSelector=app.kubernetes.io%%2Fmanaged-by%%3D" KUBE_MANAGER

/* The release that the present document of an endpoint makes. */
struct target {
    struct table_item item; /* the endpoint's id */
    int64_t version;        /* of the document it was made from */
    char name[KUBE_NAME_SIZE];
    char release[KUBE_RELEASE_SIZE];
};

struct kubernetes {
    struct kubernetes_config config;
    struct kube_client client;
    struct kube_watch pod_watch, fleet_watch;
    struct pods pods;
    struct table fleets, targets;
};

static void on_change(void *arg)
{
    struct kubernetes *kubernetes = arg;
    kubernetes->pods.is_synced =
        kubernetes->pod_watch.is_synced && kubernetes->fleet_watch.is_synced;
    kubernetes->config.on_change(kubernetes->config.arg);
}

/* ---- pods ---- */

static void on_pod_list(void *arg)
{
    struct kubernetes *kubernetes = arg;
    table_unlist_all(&kubernetes->pods.table);
}

static void say_trouble(const struct pod *pod)
{
    log_warn("pod.trouble", "pod=%s said=%s", pod->item.id, log_quote(slice_of(pod->said)));
}

static void on_pod(const cJSON *object, void *arg)
{
    struct kubernetes *kubernetes = arg;
    struct slice name = kube_object_name(object);
    if (name.len == 0) {
        return;
    }
    struct table_item *item = table_list(&kubernetes->pods.table, name);
    struct pod *pod = container_of(item, struct pod, item);
    enum pod_trouble before = pod->trouble;
    kube_object_read_pod(object, pod);
    if (pod->trouble != before && pod->trouble > POD_PULLING) {
        say_trouble(pod);
    }
}

static void on_pods_listed(void *arg)
{
    struct kubernetes *kubernetes = arg;
    table_drop_unlisted(&kubernetes->pods.table);
}

static void on_pod_deleted(const cJSON *object, void *arg)
{
    struct kubernetes *kubernetes = arg;
    table_remove(&kubernetes->pods.table, kube_object_name(object));
}

/* ---- Deployments ---- */

static struct fleet *fleet_of(struct table_item *item)
{
    return container_of(item, struct fleet, item);
}

static struct table_item *fleet_alloc(void)
{
    struct fleet *fleet = xcalloc(1, sizeof(*fleet));
    return &fleet->item;
}

static void fleet_destroy(struct table_item *item)
{
    fleet_done(fleet_of(item));
    free(fleet_of(item));
}

static struct fleet *fleet_list(struct kubernetes *kubernetes, struct slice name)
{
    struct fleet *fleet = fleet_of(table_list(&kubernetes->fleets, name));
    fleet->client = &kubernetes->client;
    fleet->leader = kubernetes->config.leader;
    return fleet;
}

static void on_fleet_list(void *arg)
{
    struct kubernetes *kubernetes = arg;
    table_unlist_all(&kubernetes->fleets);
}

static void set_text(char **target, struct slice text)
{
    free(*target);
    *target = text.len > 0 ? slice_dup(text) : NULL;
}

static void note_problem(struct fleet *fleet, struct slice problem)
{
    bool was_fine = fleet->problem == NULL;
    set_text(&fleet->problem, problem);
    if (was_fine && fleet->problem != NULL) {
        log_warn("kubernetes.no_pods", "deployment=%s problem=%s", fleet->item.id,
                 log_quote(problem));
    }
}

static void on_fleet(const cJSON *object, void *arg)
{
    struct kubernetes *kubernetes = arg;
    struct slice name = kube_object_name(object);
    struct slice release = kube_object_note(object, "labels", KUBE_RELEASE);
    if (name.len == 0 || release.len == 0) { /* managed by us, but no handlers */
        return;
    }
    struct fleet *fleet = fleet_list(kubernetes, name);
    set_text(&fleet->release, release);
    set_text(&fleet->endpoint, kube_object_note(object, "annotations", KUBE_ENDPOINT));
    set_text(&fleet->uid, kube_object_text(object, "metadata", "uid"));
    set_text(&fleet->version, kube_object_text(object, "metadata", "resourceVersion"));
    note_problem(fleet, kube_object_failure(object));
    fleet->replicas = kube_object_number(object, "spec", "replicas", 1);
    fleet->is_leaving = kube_object_text(object, "metadata", "deletionTimestamp").len > 0;
}

/* One that was about to be created is not in the list either; it comes back with the next round. */
static void on_fleets_listed(void *arg)
{
    struct kubernetes *kubernetes = arg;
    table_drop_unlisted(&kubernetes->fleets);
}

static void on_fleet_deleted(const cJSON *object, void *arg)
{
    struct kubernetes *kubernetes = arg;
    table_remove(&kubernetes->fleets, kube_object_name(object));
}

/* ---- life ---- */

static struct table_item *target_alloc(void)
{
    struct target *target = xcalloc(1, sizeof(*target));
    return &target->item;
}

static void target_destroy(struct table_item *item)
{
    free(container_of(item, struct target, item));
}

static void watch_pods(struct kubernetes *kubernetes)
{
    const struct kube_watch_config config = {
        .loop = kubernetes->config.loop,
        .client = &kubernetes->client,
        .what = "pods",
        .path = xasprintf("/api/v1/namespaces/%s/pods" SELECTOR, kubernetes->config.api.space),
        .on_list = on_pod_list,
        .on_object = on_pod,
        .on_listed = on_pods_listed,
        .on_deleted = on_pod_deleted,
        .on_change = on_change,
        .arg = kubernetes};
    kube_watch_start(&kubernetes->pod_watch, &config);
}

static void watch_fleets(struct kubernetes *kubernetes)
{
    const struct kube_watch_config config = {
        .loop = kubernetes->config.loop,
        .client = &kubernetes->client,
        .what = "deployments",
        .path = xasprintf("/apis/apps/v1/namespaces/%s/deployments" SELECTOR,
                          kubernetes->config.api.space),
        .on_list = on_fleet_list,
        .on_object = on_fleet,
        .on_listed = on_fleets_listed,
        .on_deleted = on_fleet_deleted,
        .on_change = on_change,
        .arg = kubernetes};
    kube_watch_start(&kubernetes->fleet_watch, &config);
}

struct kubernetes *kubernetes_new(const struct kubernetes_config *config)
{
    struct kubernetes *kubernetes = xcalloc(1, sizeof(*kubernetes));
    kubernetes->config = *config;
    kubernetes->config.manifest.space = config->api.space;
    pods_init(&kubernetes->pods);
    table_init(&kubernetes->fleets, fleet_alloc, fleet_destroy);
    table_init(&kubernetes->targets, target_alloc, target_destroy);
    kube_client_init(&kubernetes->client, config->loop, &config->api);
    watch_pods(kubernetes);
    watch_fleets(kubernetes);
    return kubernetes;
}

void kubernetes_free(struct kubernetes *kubernetes)
{
    if (kubernetes == NULL) {
        return;
    }
    kube_watch_stop(&kubernetes->pod_watch);
    kube_watch_stop(&kubernetes->fleet_watch);
    table_done(&kubernetes->fleets);
    table_done(&kubernetes->targets);
    pods_done(&kubernetes->pods);
    kube_client_done(&kubernetes->client);
    free(kubernetes);
}

/* ---- look ---- */

static const struct target *target_of(struct kubernetes *kubernetes, const struct endpoint *conf)
{
    struct table_item *item = table_list(&kubernetes->targets, slice_of(conf->id));
    struct target *target = container_of(item, struct target, item);
    if (target->version != conf->version) {
        AUTO(kube_manifest_done) struct kube_manifest manifest = {0};
        kube_manifest_make(&manifest, &kubernetes->config.manifest, conf, 0);
        memcpy(target->name, manifest.name, sizeof(target->name));
        memcpy(target->release, manifest.release, sizeof(target->release));
        target->version = conf->version;
    }
    return target;
}

static size_t count_pods(const struct kubernetes *kubernetes, const char *release)
{
    size_t count = 0;
    for (size_t i = 0; i < kubernetes->pods.table.count; i++) {
        const struct pod *pod = pods_at(&kubernetes->pods, i);
        count += !pod->is_leaving && strcmp(pod->release, release) == 0;
    }
    return count;
}

static void look_at(struct kubernetes *kubernetes, struct roster_endpoint *endpoint)
{
    endpoint->is_clustered = endpoint->conf != NULL && endpoint->conf->handler == HANDLER_IMAGE;
    if (!endpoint->is_clustered) {
        return;
    }
    const struct target *target = target_of(kubernetes, endpoint->conf);
    struct table_item *item = table_find(&kubernetes->fleets, slice_of(target->name));
    static_assert(sizeof(endpoint->release) >= sizeof(target->release), "a release fits");
    memcpy(endpoint->release, target->release, sizeof(target->release));
    endpoint->pods_asked = item != NULL ? fleet_of(item)->replicas : 0;
    endpoint->pods_there = (int64_t)count_pods(kubernetes, target->release);
    endpoint->is_refused = item != NULL && fleet_is_refused(fleet_of(item));
}

/* What is on its way to its end is not given jobs again. */
static void note_doomed(struct kubernetes *kubernetes)
{
    for (size_t k = 0; k < kubernetes->fleets.count; k++) {
        struct fleet *fleet = fleet_of(kubernetes->fleets.items[k]);
        fleet_release(fleet, (int64_t)count_pods(kubernetes, fleet->release));
    }
    for (size_t i = 0; i < kubernetes->pods.table.count; i++) {
        struct pod *pod = pods_at(&kubernetes->pods, i);
        pod->is_doomed = false;
        for (size_t k = 0; k < kubernetes->fleets.count && !pod->is_doomed; k++) {
            pod->is_doomed = fleet_retires(fleet_of(kubernetes->fleets.items[k]), pod);
        }
    }
}

void kubernetes_look(struct kubernetes *kubernetes, struct roster *roster)
{
    note_doomed(kubernetes);
    roster->pods = &kubernetes->pods;
    table_unlist_all(&kubernetes->targets);
    for (size_t i = 0; i < roster->endpoints.count; i++) {
        look_at(kubernetes, roster_endpoint_at(roster, i));
    }
    table_drop_unlisted(&kubernetes->targets);
}

/* ---- apply ---- */

/* Pods that may go: free, not wanted, and for Kubernetes too not ready, for else it would rather
 * take one that is busy and has missed a probe. Those that are nowhere yet come first. */
static size_t pick_victims(const struct kubernetes *kubernetes, const struct fleet *fleet,
                           int64_t most, const struct pod **ret_victims)
{
    size_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < kubernetes->pods.table.count; i++) {
            const struct pod *pod = pods_at(&kubernetes->pods, i);
            bool may_go = !pod->is_leaving && !pod->is_doomed && !pod->is_wanted && pod->is_free &&
                          !pod->is_ready && pod->is_pending == (pass == 0) &&
                          strcmp(pod->release, fleet->release) == 0;
            if (may_go && count < FLEET_VICTIMS_MAX && (int64_t)count < most) {
                ret_victims[count++] = pod;
            }
        }
    }
    return count;
}

static const struct pod *find_marked(const struct kubernetes *kubernetes, const struct fleet *fleet)
{
    for (size_t i = 0; i < kubernetes->pods.table.count; i++) {
        const struct pod *pod = pods_at(&kubernetes->pods, i);
        if (!pod->is_leaving && (pod->is_wanted || !pod->is_free) && pod->cost < 0 &&
            strcmp(pod->release, fleet->release) == 0) {
            return pod;
        }
    }
    return NULL;
}

static size_t lower(struct kubernetes *kubernetes, struct fleet *fleet, int64_t wanted)
{
    const struct pod *victims[FLEET_VICTIMS_MAX];
    int64_t surplus = fleet->replicas - wanted;
    int64_t unmade = fleet->replicas - (int64_t)count_pods(kubernetes, fleet->release);
    unmade = unmade < 0 ? 0 : unmade < surplus ? unmade : surplus;
    size_t count = pick_victims(kubernetes, fleet, surplus - unmade, victims);
    int64_t replicas = fleet->replicas - unmade - (int64_t)count;
    if (replicas == fleet->replicas) {
        return 0; /* the others are busy */
    }
    fleet_retire(fleet, victims, count, replicas);
    return 1;
}

static size_t converge(struct kubernetes *kubernetes, struct fleet *fleet, int64_t wanted)
{
    if (fleet->version == NULL || fleet->is_leaving || fleet_is_busy(fleet)) {
        return 0;
    }
    const struct pod *marked = find_marked(kubernetes, fleet);
    if (marked != NULL) {
        fleet_unmark(fleet, marked);
        return 1;
    }
    if (wanted > fleet->replicas) {
        fleet_scale(fleet, wanted);
        return 1;
    }
    return wanted < fleet->replicas ? lower(kubernetes, fleet, wanted) : 0;
}

static size_t retire_old(struct kubernetes *kubernetes, struct fleet *fleet)
{
    bool is_empty = fleet->replicas == 0 && count_pods(kubernetes, fleet->release) == 0;
    if (is_empty && fleet->version != NULL && !fleet->is_leaving && !fleet_is_busy(fleet)) {
        fleet_remove(fleet);
        return 1;
    }
    return converge(kubernetes, fleet, 0);
}

static size_t create(struct kubernetes *kubernetes, const struct roster_endpoint *endpoint)
{
    AUTO(kube_manifest_done) struct kube_manifest manifest = {0};
    kube_manifest_make(&manifest, &kubernetes->config.manifest, endpoint->conf,
                       endpoint->pods_wanted);
    struct fleet *fleet = fleet_list(kubernetes, slice_of(manifest.name));
    set_text(&fleet->release, slice_of(manifest.release));
    set_text(&fleet->endpoint, slice_of(endpoint->item.id));
    if (fleet_is_busy(fleet)) {
        return 0;
    }
    fleet_create(fleet, manifest.text);
    return 1;
}

static size_t apply_endpoint(struct kubernetes *kubernetes, const struct roster_endpoint *endpoint)
{
    if (!endpoint->is_clustered || endpoint->pods_wanted < 0) {
        return 0;
    }
    const struct target *target = target_of(kubernetes, endpoint->conf);
    struct table_item *item = table_find(&kubernetes->fleets, slice_of(target->name));
    if (item != NULL && fleet_of(item)->version != NULL) {
        return converge(kubernetes, fleet_of(item), endpoint->pods_wanted);
    }
    return endpoint->pods_wanted > 0 ? create(kubernetes, endpoint) : 0;
}

/* Of an older release, of an endpoint that is gone, or that Kubernetes runs no more. */
static bool is_old(const struct kubernetes *kubernetes, const struct roster *roster,
                   const struct fleet *fleet)
{
    struct table_item *item = table_find(&roster->endpoints, slice_of(fleet->endpoint));
    if (item == NULL) {
        return true;
    }
    const struct roster_endpoint *endpoint = container_of(item, struct roster_endpoint, item);
    struct table_item *target = table_find(&kubernetes->targets, slice_of(fleet->endpoint));
    bool is_gone = endpoint->conf == NULL && endpoint->version == 0;
    bool is_other = endpoint->conf != NULL && !endpoint->is_clustered;
    bool is_older = target != NULL &&
                    strcmp(container_of(target, struct target, item)->name, fleet->item.id) != 0;
    return is_gone || is_other || (is_older && endpoint->pods_wanted >= 0);
}

size_t kubernetes_apply(struct kubernetes *kubernetes, const struct roster *roster)
{
    size_t changes = 0;
    if (!kubernetes->pods.is_synced) {
        return 0;
    }
    for (size_t i = 0; i < roster->endpoints.count; i++) {
        changes += apply_endpoint(kubernetes, roster_endpoint_at(roster, i));
    }
    for (size_t i = 0; i < kubernetes->fleets.count; i++) {
        struct fleet *fleet = fleet_of(kubernetes->fleets.items[i]);
        if (is_old(kubernetes, roster, fleet)) {
            changes += retire_old(kubernetes, fleet);
        }
    }
    return changes;
}
