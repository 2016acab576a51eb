/* The one event loop of a program: libuv's, plus timers that are embedded in their owners.
 *
 * Everything of a program runs on its loop's thread. Starting something never calls back from
 * inside the start; callbacks come later, from loop_run(). */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uv_loop_s;
struct loop;

struct loop *loop_new(void);
void loop_free(struct loop *loop); /* after loop_run() returned; accepts NULL */
struct uv_loop_s *loop_uv(struct loop *loop);
void loop_run(struct loop *loop); /* until loop_stop(), or nothing is left to wait for */
void loop_stop(struct loop *loop);
uint64_t loop_now_ms(const struct loop *loop); /* monotonic, read once per turn */

/* A timer lives inside its owner; zeroed memory is a stopped timer. Stopping is immediate and
 * complete: no callback comes afterwards, so the owner may be freed at once. O(log n). */
struct timer;
typedef void (*timer_fn)(struct timer *timer);
struct timer {
    /* private */
    struct loop *loop;
    timer_fn fn;
    uint64_t due_ms;
    uint64_t order; /* equal due times fire in the order they were started */
    size_t slot;    /* 1-based place in the heap, 0 when stopped */
};
/* Starts or moves the timer; fires once. A delay of 0 fires in the next turn. */
void timer_start(struct loop *loop, struct timer *timer, uint64_t delay_ms, timer_fn fn);
void timer_stop(struct timer *timer);
bool timer_is_running(const struct timer *timer);

/* Runs fn once, in the first turn in which SIGTERM or SIGINT has arrived; a second signal within
 * the shutdown ends the process at once with status 128 + signal. */
typedef void (*loop_signal_fn)(int signal, void *arg);
void loop_on_stop_signal(struct loop *loop, loop_signal_fn fn, void *arg);

/* Each hook runs at the end of every turn, just before the loop waits for events: the place to
 * flush what the turn has gathered. It may start timers and writes. Unlink by loop_hook_remove().
 */
struct loop_hook;
typedef void (*loop_hook_fn)(struct loop_hook *hook);
struct loop_hook {
    /* private */
    loop_hook_fn fn;
    struct loop_hook *next;
};
void loop_hook_add(struct loop *loop, struct loop_hook *hook, loop_hook_fn fn);
void loop_hook_remove(struct loop *loop, struct loop_hook *hook);

#endif
