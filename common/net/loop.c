/* The loop: libuv for descriptors, an own binary heap for timers.
 *
 * All timers stand behind one uv_timer_t. Starting and stopping only moves entries in the heap; the
 * uv timer is set once in each turn, in a uv_prepare callback, after the hooks have run and before
 * libuv computes how long to wait. So whatever a hook starts counts for this very wait, and a timer
 * that is moved a thousand times in a turn costs no more than heap steps.
 *
 * A turn fires only timers that were started before it began firing: one that starts itself again
 * with a delay of 0 cannot keep the loop from its sockets.
 *
 * What must never happen: a stopped timer fires; a handle outlives the loop (loop_free() aborts and
 * names it). */
#include "net/loop.h"

#include <signal.h>
#include <unistd.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"

#define CLOSE_TURNS_MAX                                                      \
    64 /* close callbacks may close further handles; a chain is never longer \
        */

struct loop {
    uv_loop_t uv;
    uv_timer_t alarm;     /* set to the earliest due time */
    uv_prepare_t prepare; /* runs hooks, then sets the alarm; never keeps the loop alive */
    uv_signal_t stop_signals[2];
    uint64_t alarm_due_ms; /* what the alarm is set to, UINT64_MAX when it is off */
    struct timer **heap;   /* owned array; heap[0] is due first */
    size_t count, cap;
    uint64_t next_order;
    struct loop_hook *hooks;     /* in the order they were added */
    struct loop_hook *next_hook; /* the one that runs next while hooks run */
    loop_signal_fn on_stop;
    void *on_stop_arg;
    bool is_stopping; /* the first stop signal has arrived */
    bool is_stopped;  /* loop_stop() was called */
};

/* --- timers --- */

static bool is_before(const struct timer *a, const struct timer *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void put_at(struct loop *loop, size_t index, struct timer *timer)
{
    loop->heap[index] = timer;
    timer->slot = index + 1;
}

static void sift_up(struct loop *loop, size_t index, struct timer *timer)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (!is_before(timer, loop->heap[parent])) {
            break;
        }
        put_at(loop, index, loop->heap[parent]);
        index = parent;
    }
    put_at(loop, index, timer);
}

static void sift_down(struct loop *loop, size_t index, struct timer *timer)
{
    for (;;) {
        size_t child = index * 2 + 1;
        if (child >= loop->count) {
            break;
        }
        if (child + 1 < loop->count && is_before(loop->heap[child + 1], loop->heap[child])) {
            child++;
        }
        if (!is_before(loop->heap[child], timer)) {
            break;
        }
        put_at(loop, index, loop->heap[child]);
        index = child;
    }
    put_at(loop, index, timer);
}

/* Puts the timer where it belongs, starting from a place whose entry is free. */
static void settle(struct loop *loop, size_t index, struct timer *timer)
{
    if (index > 0 && is_before(timer, loop->heap[(index - 1) / 2])) {
        sift_up(loop, index, timer);
    } else {
        sift_down(loop, index, timer);
    }
}

static size_t new_slot(struct loop *loop)
{
    if (loop->count == loop->cap) {
        loop->cap = loop->cap ? loop->cap * 2 : 64;
        loop->heap = xrealloc(loop->heap, loop->cap * sizeof(*loop->heap));
    }
    return loop->count++;
}

void timer_start(struct loop *loop, struct timer *timer, uint64_t delay_ms, timer_fn fn)
{
    ensure(fn != NULL && (timer->slot == 0 || timer->loop == loop));
    size_t index = timer->slot ? timer->slot - 1 : new_slot(loop);
    uint64_t now_ms = loop_now_ms(loop);
    timer->loop = loop;
    timer->fn = fn;
    timer->due_ms = delay_ms > UINT64_MAX - 1 - now_ms ? UINT64_MAX - 1 : now_ms + delay_ms;
    timer->order = loop->next_order++;
    settle(loop, index, timer);
}

void timer_stop(struct timer *timer)
{
    if (timer->slot == 0) {
        return;
    }
    struct loop *loop = timer->loop;
    size_t index = timer->slot - 1;
    ensure(index < loop->count && loop->heap[index] == timer);
    struct timer *last = loop->heap[--loop->count];
    timer->slot = 0;
    if (last != timer) {
        settle(loop, index, last);
    }
}

bool timer_is_running(const struct timer *timer)
{
    return timer->slot != 0;
}

static void fire_due_timers(uv_timer_t *alarm)
{
    struct loop *loop = alarm->data;
    uint64_t started_before = loop->next_order;
    uint64_t now_ms = loop_now_ms(loop);
    loop->alarm_due_ms = UINT64_MAX;
    while (loop->count > 0) {
        struct timer *timer = loop->heap[0];
        if (timer->due_ms > now_ms || timer->order >= started_before) {
            break;
        }
        timer_stop(timer);
        timer->fn(timer);
    }
}

static void set_alarm(struct loop *loop)
{
    uint64_t due_ms = loop->count > 0 ? loop->heap[0]->due_ms : UINT64_MAX;
    if (due_ms == loop->alarm_due_ms) {
        return;
    }
    loop->alarm_due_ms = due_ms;
    if (due_ms == UINT64_MAX) {
        uv_timer_stop(&loop->alarm);
        return;
    }
    uint64_t now_ms = loop_now_ms(loop);
    uv_timer_start(&loop->alarm, fire_due_timers, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

/* --- hooks --- */

void loop_hook_add(struct loop *loop, struct loop_hook *hook, loop_hook_fn fn)
{
    struct loop_hook **end = &loop->hooks;
    while (*end != NULL) {
        ensure(*end != hook);
        end = &(*end)->next;
    }
    *hook = (struct loop_hook){.fn = fn};
    *end = hook;
}

void loop_hook_remove(struct loop *loop, struct loop_hook *hook)
{
    if (loop->next_hook == hook) {
        loop->next_hook = hook->next;
    }
    for (struct loop_hook **at = &loop->hooks; *at != NULL; at = &(*at)->next) {
        if (*at == hook) {
            *at = hook->next;
            hook->next = NULL;
            return;
        }
    }
}

static void end_turn(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;
    loop->next_hook = loop->hooks;
    while (loop->next_hook != NULL) {
        struct loop_hook *hook = loop->next_hook;
        loop->next_hook = hook->next;
        hook->fn(hook);
    }
    set_alarm(loop);
}

/* --- stop signals --- */

static void on_signal(uv_signal_t *handle, int signal_number)
{
    struct loop *loop = handle->data;
    if (loop->is_stopping) {
        _exit(128 + signal_number); /* asked twice: whatever still waits is not worth it */
    }
    loop->is_stopping = true;
    loop->on_stop(signal_number, loop->on_stop_arg);
}

void loop_on_stop_signal(struct loop *loop, loop_signal_fn fn, void *arg)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    ensure(fn != NULL);
    loop->on_stop = fn;
    loop->on_stop_arg = arg;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        ensure(uv_signal_start(&loop->stop_signals[i], on_signal, numbers[i]) == 0);
    }
}

/* --- life --- */

static void init_handles(struct loop *loop)
{
    ensure(uv_loop_init(&loop->uv) == 0);
    ensure(uv_timer_init(&loop->uv, &loop->alarm) == 0);
    ensure(uv_prepare_init(&loop->uv, &loop->prepare) == 0);
    loop->alarm.data = loop;
    loop->prepare.data = loop;
    for (size_t i = 0; i < COUNT_OF(loop->stop_signals); i++) {
        ensure(uv_signal_init(&loop->uv, &loop->stop_signals[i]) == 0);
        loop->stop_signals[i].data = loop;
        uv_unref((uv_handle_t *)&loop->stop_signals[i]);
    }
    ensure(uv_prepare_start(&loop->prepare, end_turn) == 0);
    uv_unref((uv_handle_t *)&loop->prepare);
}

struct loop *loop_new(void)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));
    loop->alarm_due_ms = UINT64_MAX;
    init_handles(loop);
    /* A peer that hangs up is an error of write(2), not the end of the program. */
    (void)signal(SIGPIPE, SIG_IGN);
    return loop;
}

static void name_left_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    log_error("loop.leak", "handle=%s closing=%d", uv_handle_type_name(uv_handle_get_type(handle)),
              uv_is_closing(handle));
}

static void close_uv(struct loop *loop)
{
    for (int i = 0; i < CLOSE_TURNS_MAX; i++) {
        (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
        if (uv_loop_close(&loop->uv) == 0) {
            return;
        }
    }
    uv_walk(&loop->uv, name_left_handle, NULL);
    ensure(uv_loop_close(&loop->uv) == 0);
}

void loop_free(struct loop *loop)
{
    if (loop == NULL) {
        return;
    }
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    for (size_t i = 0; i < COUNT_OF(loop->stop_signals); i++) {
        uv_close((uv_handle_t *)&loop->stop_signals[i], NULL);
    }
    close_uv(loop);
    free(loop->heap);
    free(loop);
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

void loop_run(struct loop *loop)
{
    do {
        /* libuv does not start a turn, and so not set the alarm, when it sees nothing active. */
        set_alarm(loop);
        (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    } while (!loop->is_stopped && loop->count > 0);
    loop->is_stopped = false;
}

void loop_stop(struct loop *loop)
{
    loop->is_stopped = true;
    uv_stop(&loop->uv);
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return uv_now(&loop->uv);
}
