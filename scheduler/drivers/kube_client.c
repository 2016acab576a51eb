/* One HTTP request for each call over common/net/fetch. The files of a service account are small
 * and in memory (a projected volume), so reading them here does not block. */
#include "kube_client.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"

#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount/"
#define TOKEN_MAX ((size_t)65536)
#define TOKEN_AGE_MS 30000 /* Kubernetes replaces it long before it ends */
#define ANSWER_MAX ((size_t)64 << 20)

void kube_client_init(struct kube_client *client, struct loop *loop,
                      const struct kube_config *config)
{
    *client = (struct kube_client){.config = *config, .loop = loop};
    client->fetcher = fetcher_new(loop);
}

void kube_client_done(struct kube_client *client)
{
    fetcher_free(client->fetcher);
    free(client->bearer);
    *client = (struct kube_client){0};
}

/* ---- the account ---- */

static void read_token(struct kube_client *client)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    uint64_t now = loop_now_ms(client->loop);
    if (client->config.token_file == NULL ||
        (client->bearer_ms != 0 && now - client->bearer_ms < TOKEN_AGE_MS)) {
        return;
    }
    enum err err = file_get(client->config.token_file, TOKEN_MAX, &text);
    if (err != ERR_OK) { /* the one at hand may still do */
        log_warn("kubernetes.token", "file=%s problem=\"%s\"", client->config.token_file,
                 err_text(err));
        return;
    }
    struct slice token = buf_slice(&text);
    while (token.len > 0 && token.ptr[token.len - 1] <= ' ') {
        token.len--;
    }
    free(client->bearer);
    client->bearer = xasprintf("Authorization: Bearer %.*s", SLICE_ARG(token));
    client->bearer_ms = now;
}

static const char *default_file(const char *path)
{
    return access(path, R_OK) == 0 ? path : NULL;
}

static const char *read_space(void)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    if (file_get(ACCOUNT "namespace", 256, &text) != ERR_OK || text.len == 0) {
        return "default";
    }
    return slice_dup(slice_trim(buf_slice(&text))); /* the process's, never freed */
}

bool kube_config_complete(struct kube_config *config, struct buf *problem)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    if (config->url == NULL && (host == NULL || port == NULL)) {
        buf_put_str(problem, "not inside a cluster (KUBERNETES_SERVICE_HOST is not set): name the "
                             "API server as https://HOST:PORT");
        return false;
    }
    if (config->url == NULL) {
        bool is_v6 = strchr(host, ':') != NULL;
        config->url = xasprintf(is_v6 ? "https://[%s]:%s" : "https://%s:%s", host, port);
        config->token_file =
            config->token_file != NULL ? config->token_file : default_file(ACCOUNT "token");
        config->ca_file =
            config->ca_file != NULL ? config->ca_file : default_file(ACCOUNT "ca.crt");
    }
    config->space = config->space != NULL ? config->space : read_space();
    return true;
}

/* ---- calls ---- */

static uint64_t retry_after(struct slice head)
{
    int64_t seconds = slice_to_i64_or(fetch_header(head, "retry-after"), 0);
    return seconds > 0 && seconds < 3600 ? (uint64_t)seconds * 1000 : 0;
}

/* The API server explains itself in a Status object. */
static const char *problem_of(const struct fetch_result *result, const cJSON *object)
{
    const cJSON *message = cJSON_GetObjectItem(object, "message");
    if (cJSON_IsString(message)) {
        return message->valuestring;
    }
    return result->problem != NULL && result->status == 0 ? result->problem : "no reason given";
}

static void call_ended(const struct fetch_result *result, void *arg)
{
    struct kube_call *call = arg;
    cJSON *object =
        result->body.len > 0 ? cJSON_ParseWithLength(result->body.ptr, result->body.len) : NULL;
    struct kube_answer answer = {.status = result->status,
                                 .object = object,
                                 .problem = problem_of(result, object),
                                 .retry_after_ms = retry_after(result->head)};
    call->fetch = NULL;
    if (result->status == 401) { /* the token at hand has ended: look for a new one */
        call->client->bearer_ms = 0;
    }
    call->fn(call, &answer); /* the call may be gone afterwards */
    cJSON_Delete(object);
}

void kube_call_start(struct kube_client *client, struct kube_call *call,
                     const struct kube_request *request, kube_call_fn fn)
{
    ensure(call->fetch == NULL);
    read_token(client);
    AUTO_STR url = xasprintf("%s%s", client->config.url, request->path);
    AUTO_STR type = xasprintf("Content-Type: %s", request->merge_type != NULL ? request->merge_type
                                                                              : "application/json");
    const char *headers[4] = {"Accept: application/json"};
    size_t count = 1;
    if (request->body != NULL) {
        headers[count++] = type;
    }
    if (client->bearer != NULL) {
        headers[count++] = client->bearer;
    }
    const struct fetch_request fetch = {.method = request->method,
                                        .url = url,
                                        .headers = headers,
                                        .body = request->body,
                                        .ca_file = client->config.ca_file,
                                        .timeout_ms = request->timeout_ms,
                                        .response_max = ANSWER_MAX,
                                        .on_data = request->on_data};
    call->client = client;
    call->fn = fn;
    call->fetch = fetch_start(client->fetcher, &fetch, call_ended, call);
}

bool kube_call_is_waiting(const struct kube_call *call)
{
    return call->fetch != NULL;
}

void kube_call_cancel(struct kube_call *call)
{
    if (call->fetch != NULL) {
        fetch_cancel(steal(call->fetch));
    }
}
