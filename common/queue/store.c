/* Calls to Redis: gather, send, match replies, survive a broken connection.
 *
 * A batch is what travels as one command: one plain command, or the items that calls of the same
 * script and endpoint brought in one loop turn. Batches wait in order in `waiting` until the end of
 * the turn, move to `sent` when written, and end when their reply arrives. The link gets a batch in
 * pieces, as the socket takes them, so that large arguments exist once. When the connection
 * breaks, sent batches that are safe to repeat go back to the head of `waiting`, the others end
 * with ERR_STORE_LOST. A batch that has waited wait_ms ends with ERR_STORE_AWAY. */
#include "queue/store.h"

#include <hiredis/hiredis.h>

#include "base/digest.h"
#include "base/log.h"
#include "queue/store_core.h"
#include "queue/store_link.h"
#include "queue/store_url.h"

#define WAIT_MS_DEFAULT 10000
#define REPLY_MS_DEFAULT 10000
#define JOIN_ITEMS_MAX 64
#define JOIN_BYTES_MAX (256 * 1024)
#define JOIN_LOOK_BACK 8 /* open batches compared with; more endpoints in one turn do not join */
#define COMMAND_MAX ((size_t)512 << 20)
#define BULK_FRAME_MAX 28 /* dollar sign, length and line ends of a bulk string */
#define FEED_PIECE ((size_t)64 << 10)

/* How each script's calls may be treated. */
static const struct {
    bool joins;         /* takes several items, answers one element for each */
    bool is_repeatable; /* sent again it does no harm and answers alike */
} traits[SCRIPT_COUNT] = {
    [SCRIPT_APPEND] = {true, true},      [SCRIPT_ASSIGN] = {false, true},
    [SCRIPT_ATTEND] = {false, true},     [SCRIPT_BEAT] = {false, true},
    [SCRIPT_CANCEL] = {false, true},     [SCRIPT_CONFIGURE] = {false, false},
    [SCRIPT_CHUNKS] = {true, true},      [SCRIPT_EXPIRE] = {false, true},
    [SCRIPT_FINISH] = {true, true},      [SCRIPT_FREED] = {false, true},
    [SCRIPT_DESCRIBE] = {false, true},   [SCRIPT_DISSOLVE] = {false, true},
    [SCRIPT_GRANT] = {false, true},      [SCRIPT_REVOKE] = {false, false},
    [SCRIPT_HEALTH] = {false, true},     [SCRIPT_LEAD] = {false, true},
    [SCRIPT_LOG] = {false, true},        [SCRIPT_LOST] = {false, true},
    [SCRIPT_PROGRESS] = {true, true},    [SCRIPT_PURGE] = {false, true},
    [SCRIPT_READ] = {true, true},        [SCRIPT_RECENT] = {false, true},
    [SCRIPT_RECLAIM] = {false, true},    [SCRIPT_RENEW] = {false, true},
    [SCRIPT_REPORT] = {false, true},     [SCRIPT_RETRY] = {false, false},
    [SCRIPT_STREAM] = {false, true},     [SCRIPT_SUBMIT] = {true, true},
    [SCRIPT_SWEEP] = {false, true},      [SCRIPT_TAKE] = {false, false},
    [SCRIPT_HOOK_AGAIN] = {false, true}, [SCRIPT_HOOK_DEFER] = {false, true},
    [SCRIPT_HOOK_DONE] = {false, true},  [SCRIPT_HOOK_READ] = {false, true},
    [SCRIPT_HOOK_TAKE] = {false, false}, /* what was claimed is due again after its lease */
};

#define NO_SCRIPT SCRIPT_COUNT

struct store_batch {
    struct list link;
    struct list open_link; /* while further items may join */
    enum script_id script; /* NO_SCRIPT: a plain command */
    char *prefix;          /* "mr:{ep}:", scripts only */
    struct buf args;       /* RESP bulk strings */
    size_t arg_count;
    size_t fed;                /* bytes of args that the link has taken */
    struct store_call **calls; /* NULL where detached */
    size_t call_count, call_cap;
    uint64_t created_ms, sent_ms;
    bool needs_text; /* Redis does not know the script: send EVAL */
};

struct store {
    struct loop *loop;
    struct store_link *link;
    char *node; /* "host:port" or the path of the socket */
    struct store_config config;
    struct list waiting, sent;   /* batch.link */
    struct list open;            /* batch.open_link, newest first */
    struct store_batch *feeding; /* the last of sent, while the link has not taken all of it */
    struct loop_hook hook;
    struct timer timer; /* earliest end of waiting, or of an answer */
    char refusal[256];
    char sha[SCRIPT_COUNT][41];
};

/* ---- batches ---- */

static void put_bulk(struct buf *out, struct slice arg)
{
    (void)buf_put_char(out, '$');
    (void)buf_put_i64(out, (int64_t)arg.len);
    (void)buf_put(out, "\r\n", 2);
    (void)buf_put_slice(out, arg);
    (void)buf_put(out, "\r\n", 2);
}

static struct store_batch *batch_new(struct store *store, enum script_id script)
{
    struct store_batch *batch = xcalloc(1, sizeof(*batch));
    list_init(&batch->link);
    list_init(&batch->open_link);
    batch->script = script;
    buf_init(&batch->args, COMMAND_MAX);
    batch->created_ms = loop_now_ms(store->loop);
    list_push(&store->waiting, &batch->link);
    return batch;
}

static void batch_free(struct store_batch *batch)
{
    list_unlink(&batch->link);
    list_unlink(&batch->open_link);
    buf_done(&batch->args);
    free(batch->prefix);
    free(batch->calls);
    free(batch);
}

static void batch_add(struct store_batch *batch, struct store_call *call, const struct slice *args,
                      size_t count)
{
    if (batch->call_count == batch->call_cap) {
        batch->call_cap = batch->call_cap ? batch->call_cap * 2 : 1;
        batch->calls = xrealloc(batch->calls, batch->call_cap * sizeof(struct store_call *));
    }
    call->batch = batch;
    call->index = batch->call_count;
    batch->calls[batch->call_count++] = call;
    size_t room = 0;
    for (size_t i = 0; i < count; i++) {
        room += args[i].len + BULK_FRAME_MAX;
    }
    (void)buf_reserve(&batch->args, room);
    for (size_t i = 0; i < count; i++) {
        put_bulk(&batch->args, args[i]);
    }
    batch->arg_count += count;
}

/* The element of the reply that belongs to one call. */
static const redisReply *item_of(const struct store_batch *batch, const redisReply *reply,
                                 size_t index)
{
    if (batch->script == NO_SCRIPT || !traits[batch->script].joins) {
        return reply;
    }
    bool is_there = reply->type == REDIS_REPLY_ARRAY && index < reply->elements;
    return is_there ? reply->element[index] : NULL;
}

/* Ends all calls of the batch and frees it. Callbacks may start new calls. */
static void batch_end(struct store_batch *batch, enum err err, const redisReply *reply)
{
    list_unlink(&batch->link);
    for (size_t i = 0; i < batch->call_count; i++) {
        struct store_call *call = batch->calls[i];
        if (call != NULL) {
            const redisReply *item = err == ERR_OK ? item_of(batch, reply, i) : NULL;
            call->batch = NULL;
            call->fn(call, err, (const struct reply *)item);
        }
    }
    batch_free(batch);
}

static bool batch_is_repeatable(const struct store_batch *batch)
{
    return batch->script == NO_SCRIPT || traits[batch->script].is_repeatable;
}

/* ---- sending ---- */

/* A plain command leaves whole, a script's call begins to: store_feed() sends its arguments. */
static void batch_send(struct store *store, struct store_batch *batch)
{
    struct buf head = BUF_INIT;
    buf_init(&head, COMMAND_MAX);
    bool is_script = batch->script != NO_SCRIPT;
    (void)buf_put_char(&head, '*');
    (void)buf_put_i64(&head, (int64_t)(batch->arg_count + (is_script ? 4 : 0)));
    (void)buf_put(&head, "\r\n", 2);
    if (is_script) {
        const struct script *script = &scripts[batch->script];
        put_bulk(&head, batch->needs_text ? SLICE("EVAL") : SLICE("EVALSHA"));
        put_bulk(&head, batch->needs_text ? (struct slice){script->text, script->len}
                                          : (struct slice){store->sha[batch->script], 40});
        put_bulk(&head, SLICE("1"));
        put_bulk(&head, slice_of(batch->prefix));
        batch->fed = 0;
        store->feeding = batch->args.len > 0 ? batch : NULL;
    } else {
        (void)buf_put_slice(&head, buf_slice(&batch->args));
    }
    list_unlink(&batch->link);
    list_push(&store->sent, &batch->link);
    batch->sent_ms = loop_now_ms(store->loop);
    store_link_send(store->link, buf_slice(&head));
    buf_done(&head);
}

/* Gives the link its next bytes; false when there are none. */
static bool store_feed(struct store *store)
{
    struct store_batch *batch = store->feeding;
    if (batch != NULL) {
        size_t left = batch->args.len - batch->fed;
        size_t piece = left < FEED_PIECE ? left : FEED_PIECE;
        store_link_append(store->link, (struct slice){batch->args.ptr + batch->fed, piece});
        batch->fed += piece;
        batch->sent_ms = loop_now_ms(store->loop);
        store->feeding = piece < left ? batch : NULL;
    } else if (!list_is_empty(&store->waiting)) {
        batch_send(store, container_of(store->waiting.next, struct store_batch, link));
    } else {
        return false;
    }
    return true;
}

static void on_timer(struct timer *timer);

static void store_arm(struct store *store)
{
    if (timer_is_running(&store->timer) ||
        (list_is_empty(&store->waiting) && list_is_empty(&store->sent))) {
        return;
    }
    timer_start(store->loop, &store->timer, 500, on_timer);
}

static void on_turn_end(struct loop_hook *hook)
{
    struct store *store = container_of(hook, struct store, hook);
    while (list_pop(&store->open) != NULL) {
    }
    while (store_link_has_room(store->link) && store_feed(store)) {
        if (!store_link_has_room(store->link)) {
            store_link_flush(store->link); /* which may make room */
        }
    }
    store_link_flush(store->link);
    store_arm(store);
}

/* Coarse on purpose: both limits are seconds. */
static void on_timer(struct timer *timer)
{
    struct store *store = container_of(timer, struct store, timer);
    uint64_t now_ms = loop_now_ms(store->loop);
    if (!list_is_empty(&store->sent)) {
        struct store_batch *oldest = container_of(store->sent.next, struct store_batch, link);
        if (now_ms - oldest->sent_ms > store->config.reply_ms) {
            store_link_break(store->link, "Redis does not answer");
        }
    }
    while (!list_is_empty(&store->waiting)) {
        struct store_batch *oldest = container_of(store->waiting.next, struct store_batch, link);
        bool is_moving = store->feeding != NULL; /* Redis takes what is in front of it */
        if (is_moving || now_ms - oldest->created_ms <= store->config.wait_ms) {
            break;
        }
        batch_end(oldest, ERR_STORE_AWAY, NULL);
    }
    store_arm(store);
}

/* ---- replies ---- */

static bool starts(const redisReply *reply, const char *code)
{
    return strncmp(reply->str, code, strlen(code)) == 0;
}

static enum err error_of(struct store *store, const redisReply *reply)
{
    static const char *const refusals[] = {"OOM ",        "MISCONF ",     "READONLY ",
                                           "NOREPLICAS ", "CLUSTERDOWN ", "MASTERDOWN "};
    (void)snprintf(store->refusal, sizeof(store->refusal), "%s", reply->str);
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        if (starts(reply, refusals[i]) || strstr(reply->str, refusals[i]) != NULL) {
            return ERR_STORE_REFUSED;
        }
    }
    log_error("store.error", "error=%s", log_quote(slice_of(reply->str)));
    return ERR_STORE_REPLY;
}

static void on_reply(redisReply *reply, void *arg)
{
    struct store *store = arg;
    ensure(!list_is_empty(&store->sent));
    struct store_batch *batch = container_of(store->sent.next, struct store_batch, link);
    if (batch == store->feeding) {
        store_link_break(store->link, "Redis refuses a command before it is complete");
    } else if (reply->type != REDIS_REPLY_ERROR) {
        batch_end(batch, ERR_OK, reply);
    } else if (batch->script != NO_SCRIPT && starts(reply, "NOSCRIPT")) {
        list_unlink(&batch->link);
        list_push_front(&store->waiting, &batch->link);
        batch->needs_text = true;
    } else if (starts(reply, "LOADING")) {
        list_unlink(&batch->link);
        list_push_front(&store->waiting, &batch->link);
    } else {
        batch_end(batch, error_of(store, reply), NULL);
    }
}

static void on_ready(void *arg)
{
    struct store *store = arg;
    store->refusal[0] = '\0';
    if (store->config.on_change != NULL) {
        store->config.on_change(store->config.arg, true);
    }
}

/* What may be repeated goes back in front, in its order; what may not ends. */
static void on_lost(void *arg)
{
    struct store *store = arg;
    struct list lost, again;
    store->feeding = NULL;
    list_init(&lost);
    list_init(&again);
    list_splice(&lost, &store->sent);
    list_each_safe (at, &lost) {
        struct store_batch *batch = container_of(at, struct store_batch, link);
        if (batch_is_repeatable(batch)) {
            list_unlink(&batch->link);
            list_push(&again, &batch->link);
        }
    }
    list_splice(&again, &store->waiting);
    list_splice(&store->waiting, &again);
    while (!list_is_empty(&lost)) {
        batch_end(container_of(lost.next, struct store_batch, link), ERR_STORE_LOST, NULL);
    }
    if (store->config.on_change != NULL) {
        store->config.on_change(store->config.arg, false);
    }
}

/* ---- public ---- */

enum err store_check_url(const char *url, struct buf *problem)
{
    AUTO(store_url_done) struct store_url parsed = {0};
    return store_url_parse(url, &parsed, problem);
}

static char *node_name(const char *text)
{
    AUTO(store_url_done) struct store_url url = {0};
    AUTO(buf_done) struct buf problem = BUF_INIT;
    ensure(store_url_parse(text, &url, &problem) == ERR_OK);
    return url.path != NULL ? xstrdup(url.path) : xasprintf("%s:%d", url.host, url.port);
}

struct store *store_new(struct loop *loop, const struct store_config *config)
{
    struct store *store = xcalloc(1, sizeof(*store));
    store->loop = loop;
    store->config = *config;
    store->config.wait_ms = config->wait_ms ? config->wait_ms : WAIT_MS_DEFAULT;
    store->config.reply_ms = config->reply_ms ? config->reply_ms : REPLY_MS_DEFAULT;
    list_init(&store->waiting);
    list_init(&store->sent);
    list_init(&store->open);
    for (unsigned i = 0; i < SCRIPT_COUNT; i++) {
        ensure(scripts[i].text != NULL);
        digest_sha1_hex((struct slice){scripts[i].text, scripts[i].len}, store->sha[i]);
    }
    loop_hook_add(loop, &store->hook, on_turn_end);
    store->node = node_name(config->url);
    store->link = store_link_new(loop, config->url,
                                 &(struct store_link_owner){on_ready, on_lost, on_reply, store});
    return store;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    store_link_close(store->link);
    loop_hook_remove(store->loop, &store->hook);
    timer_stop(&store->timer);
    list_splice(&store->sent, &store->waiting);
    while (!list_is_empty(&store->sent)) {
        batch_end(container_of(store->sent.next, struct store_batch, link), ERR_CLOSING, NULL);
    }
    free(store->node);
    free(store);
}

size_t store_node_count(const struct store *store)
{
    (void)store;
    return 1;
}

const char *store_node_name(const struct store *store, size_t index)
{
    ensure(index == 0);
    return store->node;
}

void store_command_at(struct store *store, size_t index, struct store_call *call,
                      const struct slice *args, size_t count, store_fn fn)
{
    ensure(index == 0);
    store_command(store, call, args, count, fn);
}

bool store_is_ready(const struct store *store)
{
    return store_link_is_ready(store->link);
}

const char *store_problem(const struct store *store)
{
    if (store_is_ready(store) && store->refusal[0] != '\0') {
        return store->refusal;
    }
    return store_link_problem(store->link);
}

static void call_start(struct store *store, struct store_call *call, store_fn fn)
{
    ensure(call->batch == NULL);
    call->fn = fn;
    call->store = store;
}

void store_command(struct store *store, struct store_call *call, const struct slice *args,
                   size_t count, store_fn fn)
{
    call_start(store, call, fn);
    batch_add(batch_new(store, NO_SCRIPT), call, args, count);
}

static struct store_batch *open_batch(struct store *store, enum script_id script, struct slice ep)
{
    size_t looked = 0;
    list_each (at, &store->open) {
        struct store_batch *batch = container_of(at, struct store_batch, open_link);
        struct slice prefix = slice_of(batch->prefix); /* "mr:{" ep "}:" */
        if (batch->script == script && prefix.len == ep.len + 6 &&
            memcmp(prefix.ptr + 4, ep.ptr, ep.len) == 0 && batch->call_count < JOIN_ITEMS_MAX &&
            batch->args.len < JOIN_BYTES_MAX) {
            return batch;
        }
        if (++looked == JOIN_LOOK_BACK) {
            break;
        }
    }
    return NULL;
}

void store_eval(struct store *store, struct store_call *call, enum script_id script,
                struct slice ep, const struct slice *args, size_t count, store_fn fn)
{
    ensure(script < SCRIPT_COUNT);
    call_start(store, call, fn);
    struct store_batch *batch = traits[script].joins ? open_batch(store, script, ep) : NULL;
    if (batch == NULL) {
        batch = batch_new(store, script);
        batch->prefix = xasprintf("mr:{%.*s}:", SLICE_ARG(ep));
        if (traits[script].joins) {
            list_push_front(&store->open, &batch->open_link);
        }
    }
    batch_add(batch, call, args, count);
}

void store_detach(struct store_call *call)
{
    if (call->batch != NULL) {
        call->batch->calls[call->index] = NULL;
        call->batch = NULL;
    }
}

bool store_call_is_waiting(const struct store_call *call)
{
    return call->batch != NULL;
}
