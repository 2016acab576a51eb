/* One GET every RUNPOD_PING_INTERVAL, the first at once. The answer does not matter; a ping that
 * fails is followed by the next one. It runs beside the handler, so a job that keeps every core
 * busy still counts as alive. */
#include "ping.h"

#include "host.h"

static void ping_once(struct host *host, struct line *line);

void *ping_main(void *arg)
{
    struct host *host = arg;
    AUTO(line_free)
    struct line *line = line_new(&(struct line_config){.key = host->key, .quit = &host->end});
    do {
        ping_once(host, line);
    } while (!bell_wait(&host->end, host->routes.ping_ms));
    return NULL;
}

static void ping_once(struct host *host, struct line *line)
{
    AUTO(buf_done) struct buf ids = BUF_INIT;
    AUTO(buf_done) struct buf url = BUF_INIT;
    buf_put_str(&url, host->routes.ping);
    roster_put_ids(&host->roster, &ids);
    if (ids.len > 0) {
        AUTO_STR query = xasprintf("job_id=%.*s", SLICE_ARG(buf_slice(&ids)));
        routes_add_query(&url, query);
    }
    routes_add_query(&url, "runpod_version=millrace-" MILLRACE_VERSION);
    buf_put_char(&url, '\0');
    struct line_reply reply;
    (void)line_send(line,
                    &(struct line_request){.url = url.ptr, .timeout_ms = host->routes.ping_ms * 2},
                    &reply);
}
