/* Timers, hooks and stop signals of the loop, on a real one. */
#include "test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "net/loop.h"

#define MANY 1000

struct probe {
    struct timer timer;
    struct timer other;
    struct loop_hook hook;
    struct loop *loop;
    int fired;
    int limit;
    int ids[MANY];
};

static int setup(void **state)
{
    struct probe *probe = xcalloc(1, sizeof(*probe));
    probe->loop = loop_new();
    *state = probe;
    return 0;
}

static int teardown(void **state)
{
    struct probe *probe = *state;
    loop_free(probe->loop);
    free(probe);
    return 0;
}

struct numbered {
    struct timer timer;
    struct probe *probe;
    int id;
};

static void note_number(struct timer *timer)
{
    struct numbered *numbered = container_of(timer, struct numbered, timer);
    numbered->probe->ids[numbered->probe->fired++] = numbered->id;
}

static void equal_due_times_fire_in_start_order(void **state)
{
    struct probe *probe = *state;
    static struct numbered all[MANY];
    for (int i = 0; i < MANY; i++) {
        all[i] = (struct numbered){.probe = probe, .id = i};
        timer_start(probe->loop, &all[i].timer, 1, note_number);
    }
    loop_run(probe->loop);
    assert_int_equal(probe->fired, MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(probe->ids[i], i);
    }
}

static void timers_fire_by_due_time_after_moves_and_stops(void **state)
{
    struct probe *probe = *state;
    static struct numbered all[MANY];
    for (int i = 0; i < MANY; i++) {
        int due = (i * 7919) % 50; /* scattered */
        all[i] = (struct numbered){.probe = probe, .id = due};
        timer_start(probe->loop, &all[i].timer, 1000, note_number);
        timer_start(probe->loop, &all[i].timer, (uint64_t)due, note_number);
    }
    for (int i = 0; i < MANY; i += 3) {
        timer_stop(&all[i].timer);
        timer_stop(&all[i].timer); /* harmless */
        assert_false(timer_is_running(&all[i].timer));
    }
    loop_run(probe->loop);
    assert_int_equal(probe->fired, MANY - (MANY + 2) / 3);
    for (int i = 1; i < probe->fired; i++) {
        assert_true(probe->ids[i - 1] <= probe->ids[i]);
    }
}

static void start_again(struct timer *timer)
{
    struct probe *probe = container_of(timer, struct probe, timer);
    if (++probe->fired < probe->limit) {
        timer_start(probe->loop, timer, 0, start_again);
    }
}

static void count_other(struct timer *timer)
{
    struct probe *probe = container_of(timer, struct probe, other);
    probe->ids[0] = probe->fired;
    probe->limit = 0;
}

static void a_timer_of_delay_zero_does_not_starve_others(void **state)
{
    struct probe *probe = *state;
    probe->limit = 1000000000;
    timer_start(probe->loop, &probe->timer, 0, start_again);
    timer_start(probe->loop, &probe->other, 5, count_other);
    loop_run(probe->loop);
    assert_int_equal(probe->limit, 0);
    assert_true(probe->ids[0] > 0);
}

static void stop_other(struct timer *timer)
{
    struct probe *probe = container_of(timer, struct probe, timer);
    timer_stop(&probe->other);
}

static void a_timer_stopped_by_another_of_the_same_turn_stays_silent(void **state)
{
    struct probe *probe = *state;
    probe->ids[0] = -1;
    timer_start(probe->loop, &probe->timer, 1, stop_other);
    timer_start(probe->loop, &probe->other, 1, count_other);
    loop_run(probe->loop);
    assert_int_equal(probe->ids[0], -1);
}

static void stop_loop(struct timer *timer)
{
    loop_stop(container_of(timer, struct probe, timer)->loop);
}

static void start_timer_once(struct loop_hook *hook)
{
    struct probe *probe = container_of(hook, struct probe, hook);
    if (probe->fired++ == 0) {
        timer_start(probe->loop, &probe->timer, 1, stop_loop);
    }
}

static void a_timer_started_in_a_hook_counts_for_this_wait(void **state)
{
    struct probe *probe = *state;
    static uv_async_t keep_alive; /* without it the loop would not wait at all */
    assert_int_equal(uv_async_init(loop_uv(probe->loop), &keep_alive, NULL), 0);
    loop_hook_add(probe->loop, &probe->hook, start_timer_once);
    loop_run(probe->loop); /* hangs when the timer is set too late */
    assert_true(probe->fired >= 1);
    loop_hook_remove(probe->loop, &probe->hook);
    uv_close((uv_handle_t *)&keep_alive, NULL);
}

static void remove_self(struct loop_hook *hook)
{
    struct probe *probe = container_of(hook, struct probe, hook);
    probe->fired++;
    loop_hook_remove(probe->loop, hook);
}

static void a_hook_may_remove_itself(void **state)
{
    struct probe *probe = *state;
    loop_hook_add(probe->loop, &probe->hook, remove_self);
    timer_start(probe->loop, &probe->timer, 5, stop_loop);
    loop_run(probe->loop);
    assert_int_equal(probe->fired, 1);
}

static void note_signal(int number, void *arg)
{
    struct probe *probe = arg;
    probe->fired = number;
    loop_stop(probe->loop);
}

static void raise_term(struct timer *timer)
{
    (void)timer;
    (void)raise(SIGTERM);
}

static void a_stop_signal_is_reported_once(void **state)
{
    struct probe *probe = *state;
    loop_on_stop_signal(probe->loop, note_signal, probe);
    timer_start(probe->loop, &probe->timer, 0, raise_term);
    timer_start(probe->loop, &probe->other, 60000, count_other);
    loop_run(probe->loop);
    assert_int_equal(probe->fired, SIGTERM);
    timer_stop(&probe->other);
}

static void note_and_raise_again(int number, void *arg)
{
    (void)arg;
    (void)raise(number);
}

static void a_second_stop_signal_ends_the_process(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct probe probe = {.loop = loop_new()};
        loop_on_stop_signal(probe.loop, note_and_raise_again, &probe);
        timer_start(probe.loop, &probe.timer, 0, raise_term);
        timer_start(probe.loop, &probe.other, 60000, count_other);
        loop_run(probe.loop);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 128 + SIGTERM);
}

static void sigpipe_is_ignored(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_due_times_fire_in_start_order, setup, teardown),
        cmocka_unit_test_setup_teardown(timers_fire_by_due_time_after_moves_and_stops, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_timer_of_delay_zero_does_not_starve_others, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_timer_stopped_by_another_of_the_same_turn_stays_silent,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_timer_started_in_a_hook_counts_for_this_wait, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_hook_may_remove_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_signal_is_reported_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_stop_signal_ends_the_process, setup, teardown),
        cmocka_unit_test_setup_teardown(sigpipe_is_ignored, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
