/* Reads the variables once at the start; a missing or bad one is an error before the model loads.
 * Ids come from the agent and are harmless, but they are percent-encoded all the same: an id is
 * never more than one path segment. */
#include "routes.h"

#include "base/id.h"

#define TAKE_WORD "/job-take/"
#define PING_MS_DEFAULT 10000
#define PING_MS_MIN 100
#define PING_MS_MAX 3600000

static enum err read_ping_interval(struct routes *routes, routes_getenv_fn get,
                                   struct buf *problem);
static char *replace_word(const char *url, const char *word);
static const char *need(const char *name, routes_getenv_fn get, struct buf *problem);

static char *read_worker(routes_getenv_fn get)
{
    const char *given = get("RUNPOD_POD_ID");
    if (given != NULL && given[0] != '\0') {
        return xstrdup(given);
    }
    char made[ID_UUID_SIZE];
    id_uuid(made);
    return xstrdup(made);
}

enum err routes_init(struct routes *routes, routes_getenv_fn get, struct buf *problem)
{
    *routes = (struct routes){.worker = read_worker(get)};
    const char *take = need("RUNPOD_WEBHOOK_GET_JOB", get, problem);
    const char *done = need("RUNPOD_WEBHOOK_POST_OUTPUT", get, problem);
    const char *stream = need("RUNPOD_WEBHOOK_POST_STREAM", get, problem);
    const char *ping = get("RUNPOD_WEBHOOK_PING");
    if (take == NULL || done == NULL || stream == NULL) {
        return ERR_BAD_REQUEST;
    }
    routes->take = routes_expand(take, routes->worker, routes->worker);
    routes->batch = replace_word(routes->take, "/job-take-batch/");
    routes->stop = replace_word(routes->take, "/job-stop/");
    routes->done = xstrdup(done);
    routes->stream = xstrdup(stream);
    if (ping != NULL && ping[0] != '\0') {
        routes->ping = routes_expand(ping, routes->worker, routes->worker);
    }
    return read_ping_interval(routes, get, problem);
}

void routes_done(struct routes *routes)
{
    free(routes->worker);
    free(routes->take);
    free(routes->batch);
    free(routes->stop);
    free(routes->ping);
    free(routes->done);
    free(routes->stream);
    *routes = (struct routes){0};
}

/* The first missing variable is the one that is named. */
static const char *need(const char *name, routes_getenv_fn get, struct buf *problem)
{
    const char *value = get(name);
    if (value != NULL && value[0] != '\0') {
        return value;
    }
    if (problem->len == 0) {
        buf_printf(problem, "%s is not set: this program is started by millrace-worker", name);
    }
    return NULL;
}

static enum err read_ping_interval(struct routes *routes, routes_getenv_fn get, struct buf *problem)
{
    const char *text = get("RUNPOD_PING_INTERVAL");
    int64_t ms = PING_MS_DEFAULT;
    if (text != NULL && text[0] != '\0' &&
        (slice_to_i64(slice_of(text), &ms) != ERR_OK || ms < PING_MS_MIN || ms > PING_MS_MAX)) {
        buf_printf(problem, "RUNPOD_PING_INTERVAL is '%.40s': use %d to %d (milliseconds)", text,
                   PING_MS_MIN, PING_MS_MAX);
        return ERR_BAD_REQUEST;
    }
    routes->ping_ms = (unsigned)ms;
    return ERR_OK;
}

static char *replace_word(const char *url, const char *word)
{
    const char *at = strstr(url, TAKE_WORD);
    if (at == NULL) {
        return NULL;
    }
    return xasprintf("%.*s%s%s", (int)(at - url), url, word, at + sizeof(TAKE_WORD) - 1);
}

static void put_encoded(struct buf *out, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL) {
            buf_put_char(out, *text);
        } else {
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
        }
    }
}

char *routes_expand(const char *template, const char *worker, const char *id)
{
    static const struct slice pod_word = SLICE("$RUNPOD_POD_ID");
    static const struct slice id_word = SLICE("$ID");
    AUTO(buf_done) struct buf out = BUF_INIT;
    for (struct slice rest = slice_of(template); rest.len > 0;) {
        if (slice_starts(rest, pod_word)) {
            put_encoded(&out, worker);
            rest = slice_from(rest, pod_word.len);
        } else if (id != NULL && slice_starts(rest, id_word)) {
            put_encoded(&out, id);
            rest = slice_from(rest, id_word.len);
        } else {
            buf_put_char(&out, rest.ptr[0]);
            rest = slice_from(rest, 1);
        }
    }
    return buf_take_str(&out);
}

void routes_add_query(struct buf *url, const char *query)
{
    bool has_query = url->len > 0 && memchr(url->ptr, '?', url->len) != NULL;
    buf_put_char(url, has_query ? '&' : '?');
    buf_put_str(url, query);
}
