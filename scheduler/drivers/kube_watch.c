/*   list -> watch (from the list's version) -> ended -> watch (from the last version seen) -> ...
 *
 * The server ends each watch after a while, which is normal: it goes on where it was, at once. 410
 * Gone, as status or as an event, means that the version is too old: list again. Any other failure
 * waits, 0.5 s to 30 s with jitter, or as long as the server asks. A watch in which nothing came
 * for longer than it can take is dropped: the connection may be dead. Bookmarks keep the version
 * young while nothing changes. An event that is longer than any object can be is not waited for:
 * the watch is dropped and listed anew, with growing pauses while the server goes on so. */
#include "kube_watch.h"

#include "base/id.h"
#include "base/log.h"

#define WATCH_SECONDS "240"
#define WATCH_MS 300000
#define LIST_MS 30000
#define DELAY_MIN_MS 500
#define DELAY_MAX_MS 30000
#define LINE_MAX_BYTES ((size_t)4 << 20)

static void watch_step(struct kube_watch *watch);
static void watch_listed(struct kube_call *call, const struct kube_answer *answer);
static void watch_data(struct fetch *fetch, struct slice bytes, void *arg);
static void watch_drop(struct kube_watch *watch);
static void watch_ended(struct kube_call *call, const struct kube_answer *answer);

static void on_timer(struct timer *timer)
{
    watch_step(container_of(timer, struct kube_watch, timer));
}

void kube_watch_start(struct kube_watch *watch, const struct kube_watch_config *config)
{
    *watch = (struct kube_watch){.config = *config};
    buf_init(&watch->line, LINE_MAX_BYTES);
    timer_start(config->loop, &watch->timer, 0, on_timer);
}

void kube_watch_stop(struct kube_watch *watch)
{
    timer_stop(&watch->timer);
    kube_call_cancel(&watch->call);
    buf_done(&watch->line);
    free(watch->version);
    free(watch->config.path);
    watch->version = watch->config.path = NULL;
    watch->is_synced = false;
}

static void again(struct kube_watch *watch, uint64_t delay_ms)
{
    timer_start(watch->config.loop, &watch->timer, delay_ms, on_timer);
}

/* Half of it is by chance: schedulers that lost the same server do not come back together. */
static uint64_t longer(uint64_t *delay_ms)
{
    uint16_t random = 0;
    id_random(&random, sizeof(random));
    *delay_ms = *delay_ms == 0 ? DELAY_MIN_MS : *delay_ms * 2;
    *delay_ms = *delay_ms < DELAY_MAX_MS ? *delay_ms : DELAY_MAX_MS;
    return *delay_ms / 2 + *delay_ms * random / UINT64_C(131072);
}

static void back_off(struct kube_watch *watch, const struct kube_answer *answer)
{
    if (!watch->is_failing) {
        log_warn("kubernetes.away", "what=%s status=%d problem=%s", watch->config.what,
                 answer->status, log_quote(slice_of(answer->problem)));
    }
    watch->is_failing = true;
    uint64_t delay_ms = longer(&watch->delay_ms);
    again(watch, delay_ms > answer->retry_after_ms ? delay_ms : answer->retry_after_ms);
}

static void succeeded(struct kube_watch *watch)
{
    if (watch->is_failing) {
        log_info("kubernetes.back", "what=%s", watch->config.what);
    }
    watch->is_failing = false;
    watch->delay_ms = 0;
}

static void keep_version(struct kube_watch *watch, const cJSON *object)
{
    const cJSON *version =
        cJSON_GetObjectItem(cJSON_GetObjectItem(object, "metadata"), "resourceVersion");
    if (cJSON_IsString(version) && version->valuestring[0] != '\0') {
        free(watch->version);
        watch->version = xstrdup(version->valuestring);
    }
}

static void watch_step(struct kube_watch *watch)
{
    struct kube_request request = {.method = "GET", .timeout_ms = LIST_MS};
    AUTO_STR path = NULL;
    watch->is_expired = false;
    watch->is_watching = watch->version != NULL;
    buf_clear(&watch->line);
    if (!watch->is_watching) {
        request.path = watch->config.path;
        kube_call_start(watch->config.client, &watch->call, &request, watch_listed);
        return;
    }
    path = xasprintf("%s&watch=true&allowWatchBookmarks=true&timeoutSeconds=" WATCH_SECONDS
                     "&resourceVersion=%s",
                     watch->config.path, watch->version);
    request.path = path;
    request.timeout_ms = WATCH_MS;
    request.on_data = watch_data;
    kube_call_start(watch->config.client, &watch->call, &request, watch_ended);
}

/* ---- list ---- */

static void watch_listed(struct kube_call *call, const struct kube_answer *answer)
{
    struct kube_watch *watch = container_of(call, struct kube_watch, call);
    const struct kube_watch_config *config = &watch->config;
    const cJSON *items = cJSON_GetObjectItem(answer->object, "items"), *item;
    if (answer->status != 200 || items == NULL) {
        back_off(watch, answer);
        return;
    }
    config->on_list(config->arg);
    cJSON_ArrayForEach(item, items)
    {
        config->on_object(item, config->arg);
    }
    config->on_listed(config->arg);
    keep_version(watch, answer->object);
    succeeded(watch);
    watch->is_synced = true;
    config->on_change(config->arg);
    again(watch, watch->version != NULL ? 0 : DELAY_MAX_MS);
}

/* ---- watch ---- */

static void take_event(struct kube_watch *watch, const cJSON *event)
{
    const cJSON *type = cJSON_GetObjectItem(event, "type");
    const cJSON *object = cJSON_GetObjectItem(event, "object");
    struct slice name = slice_of(cJSON_IsString(type) ? type->valuestring : "");
    if (slice_is(name, "ERROR") || !cJSON_IsObject(object)) {
        const cJSON *code = cJSON_GetObjectItem(object, "code");
        watch->is_expired = cJSON_IsNumber(code) && (int)code->valuedouble == 410;
        log_info("kubernetes.event", "what=%s code=%d", watch->config.what,
                 cJSON_IsNumber(code) ? (int)code->valuedouble : 0);
        return;
    }
    keep_version(watch, object);
    if (slice_is(name, "DELETED")) {
        watch->config.on_deleted(object, watch->config.arg);
    } else if (slice_is(name, "ADDED") || slice_is(name, "MODIFIED")) {
        watch->config.on_object(object, watch->config.arg);
    }
}

static void take_lines(struct kube_watch *watch)
{
    const char *end;
    while (watch->line.len > 0 && (end = memchr(watch->line.ptr, '\n', watch->line.len)) != NULL) {
        size_t len = (size_t)(end - watch->line.ptr);
        cJSON *event = cJSON_ParseWithLength(watch->line.ptr, len);
        if (event != NULL) {
            take_event(watch, event);
        }
        cJSON_Delete(event);
        buf_consume(&watch->line, len + 1);
    }
}

static void watch_data(struct fetch *fetch, struct slice bytes, void *arg)
{
    struct kube_watch *watch = container_of((struct kube_call *)arg, struct kube_watch, call);
    if (fetch_status(fetch) != 200) {
        return; /* the end says what is wrong */
    }
    succeeded(watch);
    (void)buf_put_slice(&watch->line, bytes);
    if (buf_is_over(&watch->line)) {
        watch_drop(watch);
        return;
    }
    take_lines(watch);
    watch->config.on_change(watch->config.arg);
}

static void relist(struct kube_watch *watch, uint64_t delay_ms)
{
    log_info("kubernetes.relist", "what=%s", watch->config.what);
    buf_done(&watch->line);
    buf_init(&watch->line, LINE_MAX_BYTES);
    free(steal(watch->version));
    again(watch, delay_ms);
}

/* The fetch is gone afterwards. Said once until a watch has gone well to its end. */
static void watch_drop(struct kube_watch *watch)
{
    if (watch->long_delay_ms == 0) {
        log_warn("kubernetes.too_long", "what=%s max=%zu problem=%s", watch->config.what,
                 LINE_MAX_BYTES, "\"an event is longer than that: listing anew\"");
    }
    kube_call_cancel(&watch->call);
    relist(watch, longer(&watch->long_delay_ms));
}

static void watch_ended(struct kube_call *call, const struct kube_answer *answer)
{
    struct kube_watch *watch = container_of(call, struct kube_watch, call);
    if (answer->status == 410 || watch->is_expired) {
        relist(watch, DELAY_MIN_MS);
    } else if (answer->status == 200) {
        watch->long_delay_ms = 0;
        again(watch, DELAY_MIN_MS); /* a server that ends each at once is not asked without pause */
    } else {
        back_off(watch, answer);
    }
}
