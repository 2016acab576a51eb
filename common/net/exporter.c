/* Nothing but GET /metrics and GET /healthz; whoever can reach the port may read it, so its owner
 * chooses the address. */
#include "net/exporter.h"

#include "base/config.h"
#include "base/metrics.h"
#include "net/http.h"

struct exporter {
    struct http_server *server;
    exporter_fn fn;
    void *arg;
};

static void on_head(struct http_request *request, void *arg)
{
    (void)arg;
    http_accept(request, 0);
}

static void on_request(struct http_request *request, void *arg)
{
    struct exporter *exporter = arg;
    AUTO(buf_done) struct buf body = BUF_INIT;
    struct http_answer answer = {.status = 404, .content_type = "text/plain"};
    if (request->method != HTTP_GET) {
        answer.status = 405;
        answer.headers = SLICE("Allow: GET\r\n");
    } else if (slice_is(request->path, "/metrics")) {
        exporter->fn(&body, exporter->arg);
        answer = (struct http_answer){.status = 200, .content_type = METRICS_CONTENT_TYPE};
    } else if (slice_is(request->path, "/healthz")) {
        answer.status = 200;
        (void)buf_put_str(&body, "ok\n");
    }
    answer.body = buf_slice(&body);
    http_reply(request, &answer);
}

enum err exporter_new(struct loop *loop, const char *address, exporter_fn fn, void *arg,
                      struct exporter **ret_exporter)
{
    static const struct http_handlers handlers = {.on_head = on_head, .on_request = on_request};
    char host[256];
    int port;
    enum err err = config_split_host_port(address, host, sizeof(host), &port);
    if (err != ERR_OK) {
        return err;
    }
    struct exporter *exporter = xcalloc(1, sizeof(*exporter));
    exporter->fn = fn;
    exporter->arg = arg;
    exporter->server = http_server_new(loop, &(struct http_config){0}, &handlers, exporter);
    err = http_server_listen(exporter->server, host, port, NULL);
    if (err != ERR_OK) {
        exporter_close(exporter);
        return err;
    }
    *ret_exporter = exporter;
    return ERR_OK;
}

void exporter_close(struct exporter *exporter)
{
    if (exporter != NULL) {
        http_server_close(exporter->server);
        free(exporter);
    }
}
