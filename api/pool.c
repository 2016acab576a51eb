/*   first waiter -> read -> tell all waiters -> (picks) ... again while anybody waits or runs
 *                -> tell Redis the numbers, at once when the first one waits, then each second
 *
 * A worker that has left the list stays here, gone, until its last request has ended. */
#include "pool.h"

#include <stdio.h>

#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "node.h"
#include "queue/queue.h"

#define TELL_MS 1000
#define BELIEVE_MS 5000
#define FRESH_MS 1000 /* a list that old is picked from */
#define BLAME_MS 1000

struct pools {
    struct node *node;
    struct map map; /* pool.node */
};

struct pool {
    struct map_node map_node;
    struct node *node;
    struct list workers, waiters;
    struct store_call workers_call, agents_call, tell_call;
    struct timer read_timer, tell_timer;
    uint64_t read_ms; /* when the list was complete last, 0 never */
    size_t running, waiting;
    uint64_t turns;
    char ep[];
};

static void pool_read(struct pool *pool);
static void workers_read(struct store_call *call, enum err err, const struct reply *reply);
static void agents_read(struct store_call *call, enum err err, const struct reply *reply);
static void pool_tell(struct pool *pool);

static uint64_t now_of(const struct pool *pool)
{
    return loop_now_ms(pool->node->loop);
}

static bool is_busy(const struct pool *pool)
{
    return pool->running > 0 || pool->waiting > 0;
}

/* ---- life ---- */

struct pools *pools_new(struct node *node)
{
    struct pools *pools = xcalloc(1, sizeof(*pools));
    pools->node = node;
    map_init(&pools->map);
    return pools;
}

struct pool *pool_get(struct pools *pools, struct slice ep)
{
    struct map_node *node = map_get(&pools->map, ep);
    if (node != NULL) {
        return container_of(node, struct pool, map_node);
    }
    struct pool *pool = xcalloc(1, sizeof(*pool) + ep.len + 1);
    memcpy(pool->ep, ep.ptr, ep.len);
    pool->node = pools->node;
    list_init(&pool->workers);
    list_init(&pool->waiters);
    map_put(&pools->map, &pool->map_node, (struct slice){pool->ep, ep.len});
    return pool;
}

static void worker_free(struct pool_worker *worker)
{
    list_unlink(&worker->link);
    free(worker);
}

static void pool_free(struct pool *pool)
{
    while (!list_is_empty(&pool->workers)) {
        worker_free(container_of(pool->workers.next, struct pool_worker, link));
    }
    store_detach(&pool->workers_call);
    store_detach(&pool->agents_call);
    store_detach(&pool->tell_call);
    timer_stop(&pool->read_timer);
    timer_stop(&pool->tell_timer);
    free(pool);
}

void pools_free(struct pools *pools)
{
    if (pools == NULL) {
        return;
    }
    struct map_node *node;
    while ((node = map_next(&pools->map, NULL)) != NULL) {
        map_del(&pools->map, node);
        pool_free(container_of(node, struct pool, map_node));
    }
    map_done(&pools->map);
    free(pools);
}

/* ---- reading ---- */

static void read_due(struct timer *timer)
{
    struct pool *pool = container_of(timer, struct pool, read_timer);
    if (is_busy(pool)) {
        pool_read(pool);
    }
}

static void pool_read(struct pool *pool)
{
    if (store_call_is_waiting(&pool->workers_call) || store_call_is_waiting(&pool->agents_call)) {
        return;
    }
    AUTO_STR key = xasprintf("mr:{%s}:workers", pool->ep);
    const struct slice args[] = {SLICE("HGETALL"), slice_of(key)};
    timer_start(pool->node->loop, &pool->read_timer, POOL_READ_MS, read_due);
    store_command(pool->node->store, &pool->workers_call, args, COUNT_OF(args), workers_read);
}

static struct pool_worker *find_worker(struct pool *pool, struct slice id)
{
    list_each (at, &pool->workers) {
        struct pool_worker *worker = container_of(at, struct pool_worker, link);
        if (slice_is(id, worker->id)) {
            return worker;
        }
    }
    return NULL;
}

static struct pool_worker *get_worker(struct pool *pool, struct slice id)
{
    struct pool_worker *worker = find_worker(pool, id);
    if (worker == NULL) {
        worker = xcalloc(1, sizeof(*worker));
        worker->pool = pool;
        (void)snprintf(worker->id, sizeof(worker->id), "%.*s", SLICE_ARG(id));
        list_push(&pool->workers, &worker->link);
    }
    return worker;
}

/* "state held since version agent ..." */
static void take_worker(struct pool *pool, struct slice id, struct slice value)
{
    struct slice state = slice_cut(&value, ' ');
    for (int i = 0; i < 3; i++) {
        (void)slice_cut(&value, ' ');
    }
    struct slice agent = slice_cut(&value, ' ');
    if (id.len == 0 || id.len >= sizeof(((struct pool_worker *)NULL)->id) || agent.len == 0) {
        return;
    }
    struct pool_worker *worker = get_worker(pool, id);
    worker->is_gone = false;
    worker->is_ready = slice_is(state, "idle") || slice_is(state, "running");
    /* the agent's name, until its description says where its gate is */
    (void)snprintf(worker->gate, sizeof(worker->gate), "%.*s", SLICE_ARG(agent));
}

static void workers_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct pool *pool = container_of(call, struct pool, workers_call);
    if (err != ERR_OK) {
        return; /* read_timer reads again */
    }
    list_each (at, &pool->workers) {
        container_of(at, struct pool_worker, link)->is_gone = true;
    }
    for (size_t i = 0; i + 1 < reply_count(reply); i += 2) {
        take_worker(pool, reply_slice(reply_at(reply, i)), reply_slice(reply_at(reply, i + 1)));
    }
    list_each_safe (at, &pool->workers) {
        struct pool_worker *worker = container_of(at, struct pool_worker, link);
        if (worker->is_gone && worker->in_flight == 0) {
            worker_free(worker);
        }
    }
    const struct slice args[] = {SLICE("HGETALL"), SLICE("mr:{sys}:agents")};
    store_command(pool->node->store, &pool->agents_call, args, COUNT_OF(args), agents_read);
}

static bool copy_text(struct slice string, char *out, size_t size)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    if (json_unquote(string, &text) != ERR_OK || text.len == 0 || text.len >= size) {
        return false;
    }
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

/* {"host":..., "lb": {"address": "HOST:PORT", "secret": "..."}} */
static void take_gate(struct pool_worker *worker, struct slice description)
{
    struct json_member lb = {.name = "lb"};
    struct json_member members[] = {{.name = "address"}, {.name = "secret"}};
    bool is_ok = json_scan(description, &lb, 1, NULL) == ERR_OK &&
                 json_scan(lb.value, members, COUNT_OF(members), NULL) == ERR_OK &&
                 copy_text(members[0].value, worker->gate, sizeof(worker->gate)) &&
                 copy_text(members[1].value, worker->secret, sizeof(worker->secret));
    worker->is_ready = worker->is_ready && is_ok;
}

static struct slice description_of(const struct reply *agents, const char *agent)
{
    for (size_t i = 0; i + 1 < reply_count(agents); i += 2) {
        if (slice_is(reply_slice(reply_at(agents, i)), agent)) {
            return reply_slice(reply_at(agents, i + 1));
        }
    }
    return SLICE_NONE;
}

static void tell_waiters(struct pool *pool)
{
    struct list all;
    list_init(&all);
    list_splice(&all, &pool->waiters);
    while (!list_is_empty(&all)) {
        struct pool_waiter *waiter = container_of(all.next, struct pool_waiter, link);
        list_unlink(&waiter->link);
        list_push(&pool->waiters, &waiter->link);
        waiter->fn(waiter);
    }
}

static void agents_read(struct store_call *call, enum err err, const struct reply *reply)
{
    struct pool *pool = container_of(call, struct pool, agents_call);
    if (err != ERR_OK) {
        return;
    }
    list_each (at, &pool->workers) {
        struct pool_worker *worker = container_of(at, struct pool_worker, link);
        if (!worker->is_gone) {
            take_gate(worker, description_of(reply, worker->gate));
        }
    }
    pool->read_ms = now_of(pool);
    tell_waiters(pool);
}

/* ---- telling ---- */

static void tell_due(struct timer *timer)
{
    pool_tell(container_of(timer, struct pool, tell_timer));
}

static void told(struct store_call *call, enum err err, const struct reply *reply)
{
    (void)call;
    (void)reply;
    if (err != ERR_OK) {
        log_debug("pool.untold", "err=%s", err_name(err));
    }
}

/* Goes on while there is something to tell, and once more when there no longer is. */
static void pool_tell(struct pool *pool)
{
    if (is_busy(pool)) {
        timer_start(pool->node->loop, &pool->tell_timer, TELL_MS, tell_due);
    }
    if (!store_call_is_waiting(&pool->tell_call)) {
        queue_balance(pool->node->store, &pool->tell_call, slice_of(pool->ep),
                      slice_of(pool->node->bus_address), (int64_t)pool->waiting,
                      (int64_t)pool->running, BELIEVE_MS, told);
    }
}

static void tell_soon(struct pool *pool)
{
    if (!timer_is_running(&pool->tell_timer)) {
        timer_start(pool->node->loop, &pool->tell_timer, 0, tell_due);
    }
}

/* ---- waiters and picks ---- */

void pool_join(struct pool *pool, struct pool_waiter *waiter, pool_fn fn)
{
    waiter->pool = pool;
    waiter->fn = fn;
    list_init(&waiter->link);
    list_push(&pool->waiters, &waiter->link);
    pool->waiting++;
    tell_soon(pool);
    pool_read(pool);
}

void pool_leave(struct pool_waiter *waiter)
{
    if (waiter->pool != NULL) {
        list_unlink(&waiter->link);
        waiter->pool->waiting--;
        tell_soon(waiter->pool);
        waiter->pool = NULL;
    }
}

enum pick_outcome pool_pick(struct pool *pool, const struct affinity *affinity,
                            struct pool_worker **ret_worker)
{
    size_t count = 0, index = 0;
    uint64_t now = now_of(pool);
    if (pool->read_ms == 0 || now - pool->read_ms > FRESH_MS) {
        return PICK_WAIT;
    }
    list_each (at, &pool->workers) {
        count++;
    }
    AUTO(free) void *memory = xcalloc(count + 1, sizeof(struct candidate));
    AUTO(free) void *pointers = xcalloc(count + 1, sizeof(struct pool_worker *));
    struct candidate *candidates = memory;
    struct pool_worker **workers = pointers;
    count = 0;
    list_each (at, &pool->workers) {
        struct pool_worker *worker = container_of(at, struct pool_worker, link);
        workers[count] = worker;
        candidates[count++] =
            (struct candidate){slice_of(worker->id), worker->in_flight, worker->turn,
                               worker->is_ready && worker->bad_until_ms <= now, worker->is_gone};
    }
    enum pick_outcome outcome = pick(candidates, count, affinity, &index);
    if (outcome == PICK_FOUND) {
        *ret_worker = workers[index];
        workers[index]->in_flight++;
        workers[index]->turn = ++pool->turns;
        pool->running++;
        tell_soon(pool);
    }
    return outcome;
}

void pool_done(struct pool_worker *worker)
{
    struct pool *pool = worker->pool;
    worker->in_flight--;
    pool->running--;
    tell_soon(pool);
    if (worker->is_gone && worker->in_flight == 0) {
        worker_free(worker);
    }
}

void pool_blame(struct pool_worker *worker)
{
    worker->bad_until_ms = now_of(worker->pool) + BLAME_MS;
}
