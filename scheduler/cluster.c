/* Inside a cluster everything but the agents' image is known: the service account of the pod has
 * the token, the certificates and the namespace. */
#include "cluster.h"

#include "queue/role.h"

#define PROGRAM "millrace-scheduler"

static const char *const drivers[] = {"slots", "kubernetes", NULL};

void cluster_put_options(struct cluster_settings *settings, struct config_option *options)
{
    const struct config_option all[CLUSTER_OPTIONS] = {
        {.name = "driver",
         .kind = CONFIG_STRING,
         .target = &settings->driver,
         .argument = "NAME",
         .fallback = drivers[0],
         .choices = drivers,
         .help = "who runs endpoints with an image: slots (agents of machines) or kubernetes; all "
                 "other endpoints are run by agents in any case"},
        {.name = "kubernetes-url",
         .kind = CONFIG_STRING,
         .target = &settings->api.url,
         .argument = "URL",
         .help = "API server (default: that of the cluster this runs in)"},
        {.name = "kubernetes-token-file",
         .kind = CONFIG_STRING,
         .target = &settings->api.token_file,
         .argument = "FILE",
         .help = "bearer token, read again while it runs (default: the service account's, unless "
                 "--kubernetes-url is given)"},
        {.name = "kubernetes-ca",
         .kind = CONFIG_STRING,
         .target = &settings->api.ca_file,
         .argument = "FILE",
         .help = "certificates to trust (default: the service account's, unless --kubernetes-url "
                 "is given)"},
        {.name = "kubernetes-namespace",
         .kind = CONFIG_STRING,
         .target = &settings->api.space,
         .argument = "NAME",
         .help = "where handlers run; of one Millrace alone (default: the service account's)"},
        {.name = "kubernetes-agent-image",
         .kind = CONFIG_STRING,
         .target = &settings->manifest.agent_image,
         .argument = "IMAGE",
         .help = "with millrace-worker in its PATH, run beside each handler"},
        {.name = "kubernetes-agent-config",
         .kind = CONFIG_STRING,
         .target = &settings->manifest.agent_config,
         .argument = "NAME",
         .fallback = "millrace",
         .help = "ConfigMap and Secret with the MILLRACE_* settings of those agents"},
        {.name = "kubernetes-gpu-label",
         .kind = CONFIG_STRING,
         .target = &settings->manifest.gpu_label,
         .argument = "LABEL",
         .fallback = "nvidia.com/gpu.product",
         .help = "label of nodes that names their cards as gpuTypeIds do, with '-' for blanks"},
        {.name = "kubernetes-pod-template",
         .kind = CONFIG_STRING,
         .target = &settings->template_file,
         .argument = "FILE",
         .help = "JSON object merged into the template of each handler's pod"},
    };
    memcpy(options, all, sizeof(all));
}

static const cJSON *read_template(const char *path)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    role_read_file(PROGRAM, "kubernetes-pod-template", path, &text);
    cJSON *template = cJSON_ParseWithLength(text.ptr != NULL ? text.ptr : "", text.len);
    if (!cJSON_IsObject(template)) {
        role_refuse(PROGRAM, "kubernetes-pod-template", path,
                    "holds no JSON object with \"metadata\" or \"spec\" of a pod");
    }
    const cJSON *member;
    cJSON_ArrayForEach(member, template)
    {
        if (strcmp(member->string, "metadata") != 0 && strcmp(member->string, "spec") != 0) {
            AUTO_STR problem =
                xasprintf("has the key \"%.60s\": use \"metadata\" and \"spec\"", member->string);
            role_refuse(PROGRAM, "kubernetes-pod-template", path, problem);
        }
    }
    return template; /* the process's, never freed */
}

static bool is_url(const char *url)
{
    struct slice text = slice_of(url);
    return (slice_starts(text, SLICE("https://")) || slice_starts(text, SLICE("http://"))) &&
           url[text.len - 1] != '/';
}

static void check_files(const struct kube_config *api)
{
    AUTO(buf_done) struct buf token = BUF_INIT;
    if (api->ca_file != NULL) {
        role_check_certificates(PROGRAM, "kubernetes-ca", api->ca_file);
    }
    if (api->token_file != NULL) {
        role_read_file(PROGRAM, "kubernetes-token-file", api->token_file, &token);
    }
}

bool cluster_complete(struct cluster_settings *settings, struct kubernetes_config *ret_config)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    if (strcmp(settings->driver, drivers[0]) == 0) {
        return false;
    }
    if (settings->api.url != NULL && !is_url(settings->api.url)) {
        role_refuse(PROGRAM, "kubernetes-url", settings->api.url,
                    "use https://HOST:PORT without a '/' behind it");
    }
    if (!kube_config_complete(&settings->api, &problem)) {
        AUTO_STR text = buf_take_str(&problem);
        role_refuse(PROGRAM, "kubernetes-url", "", text);
    }
    check_files(&settings->api);
    if (settings->manifest.agent_image == NULL) {
        role_refuse(PROGRAM, "kubernetes-agent-image", "", "the driver kubernetes needs it");
    }
    if (settings->template_file != NULL) {
        settings->manifest.template = read_template(settings->template_file);
    }
    *ret_config = (struct kubernetes_config){.api = settings->api, .manifest = settings->manifest};
    return true;
}
