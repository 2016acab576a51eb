/* The pod: the agent as a native sidecar (an init container that restarts always: it is there
 * before the handler and ends after it), the handler's image as the main container. How they work
 * together is told in worker/pod.h. */
#include "kube_manifest.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/digest.h"

#define PLANE_PORT "8101"
#define PROBE_PORT 8102
#define BALANCE_PORT 8103
#define METRICS_PORT 9100
#define SERVER_PORT 8000 /* of an image that serves HTTP, unless its document says otherwise */
#define GRACE_MARGIN_S 60
#define AGENT_USER 10001

static cJSON *put_object(cJSON *object, const char *name)
{
    return cJSON_AddObjectToObject(object, name);
}

static cJSON *put_array(cJSON *object, const char *name)
{
    return cJSON_AddArrayToObject(object, name);
}

static void put_text(cJSON *object, const char *name, const char *value)
{
    (void)cJSON_AddStringToObject(object, name, value);
}

static void put_number(cJSON *object, const char *name, int64_t value)
{
    (void)cJSON_AddNumberToObject(object, name, (double)value);
}

static void put_bool(cJSON *object, const char *name, bool value)
{
    (void)cJSON_AddBoolToObject(object, name, value);
}

static cJSON *add_object(cJSON *array)
{
    cJSON *object = cJSON_CreateObject();
    (void)cJSON_AddItemToArray(array, object);
    return object;
}

/* ---- names ---- */

void kube_label_value(const char *text, char out[64])
{
    size_t len = 0;
    for (; *text != '\0' && len < 63; text++) {
        bool is_plain = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                        (*text >= '0' && *text <= '9') || *text == '.' || *text == '_';
        if (is_plain || len > 0) {
            out[len++] = is_plain ? *text : '-';
        }
    }
    while (len > 0 && (out[len - 1] == '-' || out[len - 1] == '.' || out[len - 1] == '_')) {
        len--;
    }
    out[len] = '\0';
}

/* Short enough that the names of its pods ("NAME-10 characters-5") are not cut by Kubernetes. */
static void make_name(struct kube_manifest *manifest, const char *endpoint)
{
    (void)snprintf(manifest->name, sizeof(manifest->name), "mr-%.31s-%s", endpoint,
                   manifest->release);
}

/* Labels end in a letter or digit, ids may not; the rest of their alphabet fits. */
static void put_labels(cJSON *labels, const struct endpoint *of, const char *release)
{
    char value[64];
    kube_label_value(of->id, value);
    put_text(labels, KUBE_MANAGED_BY, KUBE_MANAGER);
    put_text(labels, KUBE_ENDPOINT, value);
    if (release != NULL) {
        put_text(labels, KUBE_RELEASE, release);
    }
}

/* ---- environment ---- */

static void put_env(cJSON *env, const char *name, const char *value)
{
    cJSON *item = add_object(env);
    put_text(item, "name", name);
    put_text(item, "value", value);
}

static void put_env_field(cJSON *env, const char *name, const char *path)
{
    cJSON *item = add_object(env);
    put_text(item, "name", name);
    put_text(put_object(put_object(item, "valueFrom"), "fieldRef"), "fieldPath", path);
}

/* Kubernetes replaces "$(NAME)"; what the owner wrote shall arrive as it is. */
static void put_env_literal(cJSON *env, const char *name, const char *value)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    for (; *value != '\0'; value++) {
        buf_put_char(&text, *value);
        if (*value == '$') {
            buf_put_char(&text, '$');
        }
    }
    AUTO_STR copy = buf_take_str(&text);
    put_env(env, name, copy);
}

static bool is_ours(const char *name)
{
    static const char *const names[] = {"RUNPOD_POD_ID", "RUNPOD_AI_API_KEY", "RUNPOD_ENDPOINT_ID"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return strncmp(name, "RUNPOD_WEBHOOK_", strlen("RUNPOD_WEBHOOK_")) == 0;
}

/* The owner's own value of a variable wins. */
static void put_default(cJSON *env, const struct endpoint *of, const char *name, const char *value)
{
    for (size_t i = 0; i < of->env_count; i++) {
        if (strcmp(of->env[i].name, name) == 0) {
            return;
        }
    }
    put_env(env, name, value);
}

static void put_defaults(cJSON *env, const struct endpoint *of)
{
    static const char *const pairs[][2] = {
        {"RUNPOD_PING_INTERVAL", "5000"},  {"RUNPOD_SKIP_AUTO_SYSTEM_CHECKS", "true"},
        {"RUNPOD_SKIP_GPU_CHECK", "true"}, {"RUNPOD_ALLOW_PRIVATE_DOWNLOAD_URLS", "1"},
        {"PYTHONUNBUFFERED", "1"},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        put_default(env, of, pairs[i][0], pairs[i][1]);
    }
    AUTO_STR count = xasprintf("%" PRId64, of->gpu_count);
    put_default(env, of, "RUNPOD_GPU_COUNT", count);
}

static void put_url(cJSON *env, const struct endpoint *of, const char *name, const char *operation,
                    const char *tail)
{
    AUTO_STR url =
        xasprintf("http://127.0.0.1:" PLANE_PORT "/v2/%s/%s/$(RUNPOD_POD_ID)%s?gpu=", of->id,
                  operation, tail);
    put_env(env, name, url);
}

static int64_t server_port(const struct endpoint *of)
{
    return of->server.port != 0 ? of->server.port : SERVER_PORT;
}

static void bind_handler(cJSON *env, const struct endpoint *of)
{
    if (endpoint_is_server(of)) {
        AUTO_STR port = xasprintf("%" PRId64, server_port(of));
        put_env(env, "PORT", port);
        put_env(env, "PORT_HEALTH", port);
        put_env(env, "HEALTH_CHECK_PATH", of->server.health_path);
        return;
    }
    put_url(env, of, "RUNPOD_WEBHOOK_GET_JOB", "job-take", "");
    put_url(env, of, "RUNPOD_WEBHOOK_POST_OUTPUT", "job-done", "/$ID");
    put_url(env, of, "RUNPOD_WEBHOOK_POST_STREAM", "job-stream", "/$ID");
    put_url(env, of, "RUNPOD_WEBHOOK_JOB_STREAM", "job-stream", "/$ID");
    put_url(env, of, "RUNPOD_WEBHOOK_PING", "ping", "");
}

/* $(NAME) looks only at earlier ones, so the pod's name comes first. */
static void put_handler_env(cJSON *container, const struct endpoint *of)
{
    cJSON *env = put_array(container, "env");
    put_env_field(env, "RUNPOD_POD_ID", "metadata.name");
    put_env_field(env, "RUNPOD_AI_API_KEY", "metadata.uid");
    put_env(env, "RUNPOD_ENDPOINT_ID", of->id);
    put_defaults(env, of);
    for (size_t i = 0; i < of->env_count; i++) {
        if (!is_ours(of->env[i].name)) {
            put_env_literal(env, of->env[i].name, of->env[i].value);
        }
    }
    bind_handler(env, of);
}

/* ---- containers ---- */

static cJSON *put_http(cJSON *object, const char *path)
{
    cJSON *http = put_object(object, "httpGet");
    put_text(http, "path", path);
    put_number(http, "port", PROBE_PORT);
    return http;
}

static void put_restraint(cJSON *container)
{
    cJSON *security = put_object(container, "securityContext");
    put_bool(security, "allowPrivilegeEscalation", false);
}

static void put_agent_probes(cJSON *agent)
{
    cJSON *startup = put_object(agent, "startupProbe");
    put_number(put_object(startup, "tcpSocket"), "port", PROBE_PORT);
    put_number(startup, "periodSeconds", 1);
    put_number(startup, "failureThreshold", 120);
    cJSON *ready = put_object(agent, "readinessProbe");
    (void)put_http(ready, "/ready");
    put_number(ready, "periodSeconds", 2);
    cJSON *live = put_object(agent, "livenessProbe");
    put_number(put_object(live, "tcpSocket"), "port", PROBE_PORT);
    put_number(live, "periodSeconds", 10);
    put_number(live, "failureThreshold", 6);
}

static void put_source(cJSON *from, const char *kind, const char *name)
{
    cJSON *source = put_object(add_object(from), kind);
    put_text(source, "name", name);
    put_bool(source, "optional", true);
}

static void put_port(cJSON *ports, const char *name, int64_t number)
{
    cJSON *port = add_object(ports);
    put_text(port, "name", name);
    put_number(port, "containerPort", number);
}

static void put_mount(cJSON *mounts, const char *volume, const char *path, bool is_read_only)
{
    cJSON *mount = add_object(mounts);
    put_text(mount, "name", volume);
    put_text(mount, "mountPath", path);
    if (is_read_only) {
        put_bool(mount, "readOnly", true);
    }
}

static void put_agent_security(cJSON *agent)
{
    cJSON *security = put_object(agent, "securityContext");
    put_bool(security, "allowPrivilegeEscalation", false);
    put_bool(security, "readOnlyRootFilesystem", true);
    put_bool(security, "runAsNonRoot", true);
    put_number(security, "runAsUser", AGENT_USER);
    cJSON *drop = put_array(put_object(security, "capabilities"), "drop");
    (void)cJSON_AddItemToArray(drop, cJSON_CreateString("ALL"));
}

static void put_agent_resources(cJSON *agent)
{
    cJSON *resources = put_object(agent, "resources");
    cJSON *requests = put_object(resources, "requests");
    put_text(requests, "cpu", "50m");
    put_text(requests, "memory", "64Mi");
    put_text(put_object(resources, "limits"), "memory", "1Gi"); /* results that wait for Redis */
}

static void put_agent(cJSON *spec, const struct kube_manifest_config *config,
                      const struct endpoint *of)
{
    AUTO_STR probes = xasprintf("0.0.0.0:%d", PROBE_PORT);
    AUTO_STR balance = xasprintf("$(POD_IP):%d", BALANCE_PORT);
    AUTO_STR metrics = xasprintf("0.0.0.0:%d", METRICS_PORT);
    const char *const command[] = {
        "millrace-worker", "--pod",        "--endpoint", of->id,    "--plane-port",
        PLANE_PORT,        "--pod-listen", probes,       "--spool", "/var/spool/millrace"};
    cJSON *agent = add_object(put_array(spec, "initContainers"));
    put_text(agent, "name", KUBE_AGENT);
    put_text(agent, "image", config->agent_image);
    put_text(agent, "restartPolicy", "Always"); /* what makes it a sidecar */
    (void)cJSON_AddItemToObject(agent, "command",
                                cJSON_CreateStringArray(command, (int)COUNT_OF(command)));
    cJSON *env = put_array(agent, "env");
    put_env_field(env, "MILLRACE_NODE_ID", "metadata.name");
    put_env_field(env, "MILLRACE_POD_UID", "metadata.uid");
    put_env_field(env, "POD_IP", "status.podIP");
    put_env(env, "MILLRACE_LB", balance);
    put_env(env, "MILLRACE_METRICS", metrics);
    cJSON *from = put_array(agent, "envFrom");
    put_source(from, "configMapRef", config->agent_config);
    put_source(from, "secretRef", config->agent_config);
    cJSON *ports = put_array(agent, "ports");
    put_port(ports, "probes", PROBE_PORT);
    put_port(ports, "balance", BALANCE_PORT);
    put_port(ports, "metrics", METRICS_PORT);
    put_agent_probes(agent);
    put_agent_resources(agent);
    put_agent_security(agent);
    put_mount(put_array(agent, "volumeMounts"), "spool", "/var/spool/millrace", false);
}

/* The probe is the only hand on the handler: the agent makes it fail when the container shall end.
 * Two failures, so that one slow answer under load kills no job. */
static void put_handler_probes(cJSON *handler)
{
    cJSON *live = put_object(handler, "livenessProbe");
    (void)put_http(live, "/live");
    put_number(live, "periodSeconds", 1);
    put_number(live, "timeoutSeconds", 3);
    put_number(live, "failureThreshold", 2);
    put_number(live, "terminationGracePeriodSeconds", 5);
    cJSON *lifecycle = put_object(handler, "lifecycle");
    (void)put_http(put_object(lifecycle, "postStart"), "/started");
    (void)put_http(put_object(lifecycle, "preStop"), "/stopping");
}

static void put_volume_path(cJSON *volumes, const char *name, struct slice path)
{
    AUTO_STR text = slice_dup(path);
    cJSON *volume = add_object(volumes);
    put_text(volume, "name", name);
    put_text(put_object(volume, "hostPath"), "path", text);
}

/* "HOST:CONTAINER[:ro]" */
static void put_host_paths(cJSON *mounts, cJSON *volumes, const struct endpoint *of)
{
    for (size_t i = 0; of->image.volumes != NULL && of->image.volumes[i] != NULL; i++) {
        struct slice rest = slice_of(of->image.volumes[i]);
        struct slice host = slice_cut(&rest, ':'), inside = slice_cut(&rest, ':');
        AUTO_STR name = xasprintf("host-%zu", i);
        AUTO_STR path = slice_dup(inside);
        put_volume_path(volumes, name, host);
        put_mount(mounts, name, path, slice_is(rest, "ro"));
    }
}

static void put_volumes(cJSON *spec, cJSON *handler, const struct endpoint *of)
{
    cJSON *volumes = put_array(spec, "volumes");
    cJSON *shm = add_object(volumes);
    AUTO_STR size = xasprintf("%" PRId64, of->image.shm_bytes);
    put_text(shm, "name", "shm");
    cJSON *memory = put_object(shm, "emptyDir");
    put_text(memory, "medium", "Memory");
    put_text(memory, "sizeLimit", size);
    cJSON *spool = add_object(volumes);
    put_text(spool, "name", "spool");
    put_text(put_object(spool, "emptyDir"), "sizeLimit", "2Gi");
    cJSON *mounts = put_array(handler, "volumeMounts");
    put_mount(mounts, "shm", "/dev/shm", false);
    put_host_paths(mounts, volumes, of);
}

static void put_command(cJSON *handler, const struct endpoint *of)
{
    cJSON *command = of->image.command != NULL ? put_array(handler, "command") : NULL;
    for (size_t i = 0; command != NULL && of->image.command[i] != NULL; i++) {
        AUTO(buf_done) struct buf text = BUF_INIT;
        for (const char *at = of->image.command[i]; *at != '\0'; at++) {
            buf_put_str(&text, *at == '$' ? "$$" : (char[]){*at, '\0'});
        }
        AUTO_STR word = buf_take_str(&text);
        (void)cJSON_AddItemToArray(command, cJSON_CreateString(word));
    }
}

static void put_handler(cJSON *spec, const struct endpoint *of)
{
    cJSON *handler = add_object(put_array(spec, "containers"));
    put_text(handler, "name", KUBE_HANDLER);
    put_text(handler, "image", of->image.name);
    put_command(handler, of);
    if (of->cwd != NULL) {
        put_text(handler, "workingDir", of->cwd);
    }
    put_handler_env(handler, of);
    if (of->gpu_count > 0) {
        AUTO_STR count = xasprintf("%" PRId64, of->gpu_count);
        put_text(put_object(put_object(handler, "resources"), "limits"), "nvidia.com/gpu", count);
    }
    put_handler_probes(handler);
    put_text(handler, "terminationMessagePolicy", "FallbackToLogsOnError");
    put_restraint(handler);
    put_volumes(spec, handler, of);
}

/* ---- where ---- */

static void put_expression(cJSON *term, const char *key, char **types, size_t first, size_t count)
{
    cJSON *expression = add_object(put_array(term, "matchExpressions"));
    put_text(expression, "key", key);
    put_text(expression, "operator", "In");
    cJSON *values = put_array(expression, "values");
    for (size_t i = first; i < first + count; i++) {
        char value[64];
        kube_label_value(types[i], value);
        (void)cJSON_AddItemToArray(values, cJSON_CreateString(value));
    }
}

/* Only nodes with one of the types, the earlier ones rather. */
static void put_affinity(cJSON *spec, const char *label, const struct endpoint *of)
{
    size_t count = 0;
    while (of->gpu_types != NULL && of->gpu_types[count] != NULL) {
        count++;
    }
    if (count == 0 || of->gpu_count == 0) {
        return;
    }
    cJSON *node = put_object(put_object(spec, "affinity"), "nodeAffinity");
    cJSON *required = put_object(node, "requiredDuringSchedulingIgnoredDuringExecution");
    put_expression(add_object(put_array(required, "nodeSelectorTerms")), label, of->gpu_types, 0,
                   count);
    cJSON *preferred = put_array(node, "preferredDuringSchedulingIgnoredDuringExecution");
    for (size_t i = 0; count > 1 && i < count; i++) {
        cJSON *item = add_object(preferred);
        put_number(item, "weight", (int64_t)(100 - 99 * i / count));
        put_expression(put_object(item, "preference"), label, of->gpu_types, i, 1);
    }
}

/* ---- whole ---- */

static cJSON *make_template(const struct kube_manifest_config *config, const struct endpoint *of)
{
    cJSON *template = cJSON_CreateObject();
    cJSON *metadata = put_object(template, "metadata");
    put_labels(put_object(metadata, "labels"), of, NULL);
    put_text(put_object(metadata, "annotations"), "kubectl.kubernetes.io/default-container",
             KUBE_HANDLER);
    cJSON *spec = put_object(template, "spec");
    put_bool(spec, "automountServiceAccountToken", false);
    put_bool(spec, "enableServiceLinks", false);
    put_number(spec, "terminationGracePeriodSeconds",
               (of->execution_timeout_ms + 999) / 1000 + GRACE_MARGIN_S);
    cJSON *security = put_object(spec, "securityContext");
    put_text(put_object(security, "seccompProfile"), "type", "RuntimeDefault");
    put_agent(spec, config, of);
    put_handler(spec, of);
    put_affinity(spec, config->gpu_label, of);
    if (config->template != NULL) {
        kube_merge(template, config->template);
    }
    return template;
}

static void name_release(struct kube_manifest *manifest, const struct endpoint *of,
                         const cJSON *template)
{
    char digest[DIGEST_HEX_SIZE];
    char *text = cJSON_PrintUnformatted(template);
    AUTO_STR all = xasprintf("%s\n%s", of->id, text);
    cJSON_free(text);
    digest_sha256_hex(slice_of(all), digest);
    (void)snprintf(manifest->release, sizeof(manifest->release), "%.8s", digest);
    make_name(manifest, of->id);
}

static void put_strategy(cJSON *spec)
{
    cJSON *strategy = put_object(spec, "strategy");
    put_text(strategy, "type", "RollingUpdate"); /* only ever used when somebody edits by hand */
    cJSON *rolling = put_object(strategy, "rollingUpdate");
    put_number(rolling, "maxUnavailable", 0);
    put_number(rolling, "maxSurge", 1);
}

void kube_manifest_make(struct kube_manifest *manifest, const struct kube_manifest_config *config,
                        const struct endpoint *of, int64_t replicas)
{
    cJSON *template = make_template(config, of);
    name_release(manifest, of, template);
    put_text(cJSON_GetObjectItem(cJSON_GetObjectItem(template, "metadata"), "labels"), KUBE_RELEASE,
             manifest->release);
    cJSON *root = cJSON_CreateObject();
    put_text(root, "apiVersion", "apps/v1");
    put_text(root, "kind", "Deployment");
    cJSON *metadata = put_object(root, "metadata");
    put_text(metadata, "name", manifest->name);
    put_text(metadata, "namespace", config->space);
    put_labels(put_object(metadata, "labels"), of, manifest->release);
    AUTO_STR version = xasprintf("%" PRId64, of->version);
    cJSON *annotations = put_object(metadata, "annotations");
    put_text(annotations, KUBE_VERSION, version);
    put_text(annotations, KUBE_ENDPOINT, of->id);
    cJSON *spec = put_object(root, "spec");
    put_number(spec, "replicas", replicas);
    put_number(spec, "revisionHistoryLimit", 0);
    put_strategy(spec);
    put_labels(put_object(put_object(spec, "selector"), "matchLabels"), of, manifest->release);
    (void)cJSON_AddItemToObject(spec, "template", template);
    char *text = cJSON_PrintUnformatted(root);
    manifest->text = xstrdup(text);
    cJSON_free(text);
    cJSON_Delete(root);
}

void kube_manifest_done(struct kube_manifest *manifest)
{
    free(manifest->text);
    manifest->text = NULL;
}
