/*   list the endpoints -> for each: read its document -> reclaim -> next -> booted
 *
 * One after the other: it happens once a start, and an endpoint costs two round trips. An error
 * begins the list anew after a pause; reclaiming twice changes nothing. */
#include "boot.h"

#include "base/log.h"
#include "queue/endpoint.h"

#define RETRY_MS 500

struct boot {
    struct agent *agent;
    void (*on_booted)(struct agent *agent);
    struct store_call call;
    struct timer retry;
    char **endpoints; /* owned, `left` of them still to do */
    size_t left;
};

static void boot_list(struct boot *boot);
static void boot_listed(struct store_call *call, enum err err, const struct reply *reply);
static void boot_next(struct boot *boot);
static void boot_read(struct store_call *call, enum err err, const struct reply *reply);
static void boot_reclaimed(struct store_call *call, enum err err, const struct reply *reply);

struct boot *boot_start(struct agent *agent, void (*on_booted)(struct agent *agent))
{
    struct boot *boot = xcalloc(1, sizeof(*boot));
    boot->agent = agent;
    boot->on_booted = on_booted;
    boot_list(boot);
    return boot;
}

static void forget(struct boot *boot)
{
    while (boot->left > 0) {
        free(boot->endpoints[--boot->left]);
    }
    free(boot->endpoints);
    boot->endpoints = NULL;
}

static void boot_list(struct boot *boot)
{
    const struct slice args[] = {SLICE("SMEMBERS"), SLICE("mr:{sys}:endpoints")};
    store_command(boot->agent->store, &boot->call, args, COUNT_OF(args), boot_listed);
}

static void retry_due(struct timer *timer)
{
    boot_list(container_of(timer, struct boot, retry));
}

static void boot_again(struct boot *boot, enum err err)
{
    log_warn("boot.waits", "err=%s detail=%s", err_name(err),
             log_quote(slice_of(store_problem(boot->agent->store))));
    forget(boot);
    timer_start(boot->agent->loop, &boot->retry, RETRY_MS, retry_due);
}

static void boot_listed(struct store_call *call, enum err err, const struct reply *reply)
{
    struct boot *boot = container_of(call, struct boot, call);
    if (err != ERR_OK) {
        boot_again(boot, err);
        return;
    }
    forget(boot);
    boot->endpoints = xcalloc(reply_count(reply) + 1, sizeof(*boot->endpoints));
    for (size_t i = 0; i < reply_count(reply); i++) {
        struct slice ep = reply_slice(reply_at(reply, i));
        if (endpoint_id_is_valid(ep)) {
            boot->endpoints[boot->left++] = slice_dup(ep);
        }
    }
    boot_next(boot);
}

static void boot_next(struct boot *boot)
{
    if (boot->left == 0) {
        boot->on_booted(boot->agent); /* frees it */
        return;
    }
    AUTO_STR key = xasprintf("mr:{%s}:conf", boot->endpoints[boot->left - 1]);
    const struct slice args[] = {SLICE("HGET"), slice_of(key), SLICE("doc")};
    store_command(boot->agent->store, &boot->call, args, COUNT_OF(args), boot_read);
}

static int64_t read_retries(struct slice document)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    AUTO(endpoint_free) struct endpoint *endpoint = NULL;
    return endpoint_parse(document, &endpoint, &problem) == ERR_OK ? endpoint->retries : 1;
}

static void boot_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct boot *boot = container_of(call, struct boot, call);
    if (err != ERR_OK) {
        boot_again(boot, err);
        return;
    }
    queue_reclaim(boot->agent->store, &boot->call, slice_of(boot->endpoints[boot->left - 1]),
                  slice_of(boot->agent->config.id), read_retries(reply_slice(reply)),
                  RECLAIM_RESTARTED, NULL, 0, boot_reclaimed);
}

static void boot_reclaimed(struct store_call *call, enum err err, const struct reply *reply)
{
    struct boot *boot = container_of(call, struct boot, call);
    if (err != ERR_OK) {
        boot_again(boot, err);
        return;
    }
    const char *ep = boot->endpoints[boot->left - 1];
    for (size_t i = 0; i < queue_change_count(reply, 0); i++) {
        struct job_change change;
        if (queue_change_at(reply, 0, i, &change) == ERR_OK) {
            meter_count_of(&boot->agent->meter, ep, METER_LOST_RESTARTED);
            log_warn("job.reclaimed", "ep=%s job=%s now=%s", ep, log_quote(change.id),
                     job_state_name(change.state));
            struct bus_frame frame = {BUS_LOOK, slice_of(ep), change.id, change.token, SLICE_NONE};
            bus_publish(boot->agent->bus, change.watchers, &frame);
        }
    }
    free(boot->endpoints[--boot->left]);
    boot_next(boot);
}

void boot_free(struct boot *boot)
{
    if (boot != NULL) {
        store_detach(&boot->call);
        timer_stop(&boot->retry);
        forget(boot);
        free(boot);
    }
}
