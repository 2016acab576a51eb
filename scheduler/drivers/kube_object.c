/* A pod's trouble: the scheduler of Kubernetes says why it finds no node in the condition
 * PodScheduled; the kubelet says why a container does not run in its status. That an image is being
 * pulled is not said there: it is so when the agent beside it runs and the handler does not yet. */
#include "kube_object.h"

#include <string.h>

#include "kube_manifest.h"

#define SAID_MAX 600
#define TAIL_MAX 300

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static struct slice text_of(const cJSON *item)
{
    return cJSON_IsString(item) ? slice_of(item->valuestring) : SLICE_NONE;
}

struct slice kube_object_text(const cJSON *object, const char *group, const char *name)
{
    return text_of(member(member(object, group), name));
}

struct slice kube_object_name(const cJSON *object)
{
    return kube_object_text(object, "metadata", "name");
}

struct slice kube_object_note(const cJSON *object, const char *kind, const char *name)
{
    return text_of(member(member(member(object, "metadata"), kind), name));
}

int64_t kube_object_number(const cJSON *object, const char *group, const char *name,
                           int64_t otherwise)
{
    const cJSON *item = member(member(object, group), name);
    return cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 1e9
               ? (int64_t)item->valuedouble
               : otherwise;
}

/* ---- trouble ---- */

static void set_trouble(struct pod *pod, enum pod_trouble trouble, struct slice head,
                        struct slice said)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    (void)buf_put_excerpt(&text, head, SAID_MAX);
    if (said.len > 0) {
        (void)buf_put_str(&text, ": ");
        (void)buf_put_excerpt(&text, said, SAID_MAX);
    }
    free(pod->said);
    pod->trouble = trouble;
    pod->said = buf_take_str(&text);
}

static bool contains(struct slice text, const char *part)
{
    return text.len > 0 && memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

/* NULL when it is not so. */
static const cJSON *find_true(const cJSON *status, const char *type)
{
    const cJSON *condition;
    cJSON_ArrayForEach(condition, member(status, "conditions"))
    {
        if (slice_is(text_of(member(condition, "type")), type) &&
            slice_is(text_of(member(condition, "status")), "True")) {
            return condition;
        }
    }
    return NULL;
}

struct slice kube_object_failure(const cJSON *object)
{
    return text_of(member(find_true(member(object, "status"), "ReplicaFailure"), "message"));
}

/* "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector." */
static void read_schedule(const cJSON *status, struct pod *pod)
{
    const cJSON *condition;
    cJSON_ArrayForEach(condition, member(status, "conditions"))
    {
        struct slice message = text_of(member(condition, "message"));
        bool is_refused = slice_is(text_of(member(condition, "type")), "PodScheduled") &&
                          slice_is(text_of(member(condition, "status")), "False");
        if (is_refused) {
            bool is_unlike = contains(message, "affinity/selector") &&
                             !contains(message, "Insufficient") &&
                             !contains(message, "untolerated");
            set_trouble(pod, is_unlike ? POD_NO_GPU : POD_NO_ROOM,
                        text_of(member(condition, "reason")), message);
        }
    }
}

static const cJSON *status_of(const cJSON *status, const char *list, const char *name)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, member(status, list))
    {
        if (slice_is(text_of(member(item, "name")), name)) {
            return item;
        }
    }
    return NULL;
}

/* The last lines it wrote are the end of the message. */
static struct slice tail_of(struct slice text)
{
    while (text.len > 0 && text.ptr[text.len - 1] <= ' ') {
        text.len--;
    }
    return text.len > TAIL_MAX ? slice_from(text, text.len - TAIL_MAX) : text;
}

static void read_crash(const cJSON *container, struct pod *pod)
{
    const cJSON *last = member(member(container, "lastState"), "terminated");
    const cJSON *code = member(last, "exitCode");
    AUTO_STR how = cJSON_IsNumber(code) ? xasprintf("exit code %d", (int)code->valuedouble)
                                        : xstrdup("its container does not start");
    set_trouble(pod, POD_CRASHING, slice_of(how), tail_of(text_of(member(last, "message"))));
}

static bool is_one_of(struct slice reason, const char *const *names)
{
    while (*names != NULL && !slice_is(reason, *names)) {
        names++;
    }
    return *names != NULL;
}

static void read_waiting(const cJSON *container, bool is_agent_up, struct pod *pod)
{
    static const char *const pulls[] = {"ErrImagePull",
                                        "ImagePullBackOff",
                                        "ErrImageNeverPull",
                                        "InvalidImageName",
                                        "ImageInspectError",
                                        "RegistryUnavailable",
                                        NULL};
    static const char *const faults[] = {"CreateContainerConfigError", "CreateContainerError",
                                         "RunContainerError", "StartError", NULL};
    static const char *const steps[] = {"ContainerCreating", "PodInitializing", NULL};
    const cJSON *waiting = member(member(container, "state"), "waiting");
    struct slice reason = text_of(member(waiting, "reason"));
    struct slice message = text_of(member(waiting, "message"));
    if (slice_is(reason, "CrashLoopBackOff")) {
        read_crash(container, pod);
    } else if (is_one_of(reason, pulls)) {
        set_trouble(pod, POD_PULLING, reason, message);
    } else if (is_one_of(reason, faults)) {
        set_trouble(pod, POD_CRASHING, reason, message);
    } else if (is_one_of(reason, steps) && is_agent_up) {
        set_trouble(pod, POD_PULLING, reason, message);
    }
}

static void read_containers(const cJSON *status, struct pod *pod)
{
    const cJSON *handler = status_of(status, "containerStatuses", KUBE_HANDLER);
    const cJSON *agent = status_of(status, "initContainerStatuses", KUBE_AGENT);
    bool is_agent_up = member(member(agent, "state"), "running") != NULL;
    read_waiting(agent, false, pod);
    read_waiting(handler, is_agent_up, pod);
}

/* ---- whole ---- */

static void set_text(char **target, struct slice text)
{
    free(*target);
    *target = slice_dup(text);
}

void kube_object_read_pod(const cJSON *object, struct pod *pod)
{
    const cJSON *status = member(object, "status");
    struct slice phase = kube_object_text(object, "status", "phase");
    set_text(&pod->uid, kube_object_text(object, "metadata", "uid"));
    set_text(&pod->release, kube_object_note(object, "labels", KUBE_RELEASE));
    pod->cost = slice_to_i64_or(kube_object_note(object, "annotations", KUBE_COST), 0);
    pod->is_leaving = member(member(object, "metadata"), "deletionTimestamp") != NULL ||
                      slice_is(phase, "Failed") || slice_is(phase, "Succeeded");
    pod->is_pending = !slice_is(phase, "Running");
    pod->is_ready = find_true(status, "Ready") != NULL;
    pod->trouble = POD_FINE;
    free(steal(pod->said));
    read_schedule(status, pod);
    read_containers(status, pod);
}
