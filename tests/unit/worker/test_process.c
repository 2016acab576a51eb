/* ONE process and what runs outside of its group, which is cleared after its end. */
#include "test.h"

#include "net/loop.h"
#include "process.h"

#define GRACE_MS 20
#define LATER_MS 100 /* well after the grace */

static struct fixture {
    struct loop *loop;
    struct keeper *keeper;
    struct reaper *reaper;
    struct process *process;
    struct process_outside outside;
    struct timer timer;
    int ended, kills;
} fixture;

static void on_kill(struct process_outside *outside)
{
    (void)outside;
    fixture.kills++;
}

/* The owner, who does not know of the end yet, asks for it. */
static void on_clear(struct process_outside *outside, struct process_end *end)
{
    (void)outside;
    assert_int_equal(end->exit_code, 0);
    process_stop(fixture.process, GRACE_MS);
    process_kill(fixture.process);
    process_cleared(fixture.process);
}

static void on_end(const struct process_end *end, void *arg)
{
    (void)end;
    (void)arg;
    fixture.ended++;
}

static void on_later(struct timer *timer)
{
    (void)timer;
    loop_stop(fixture.loop);
}

static int make(void **state)
{
    (void)state;
    const struct keeper_config config = {.mark = "MILLRACE_TEST=none", .runtime = "", .run = ""};
    fixture = (struct fixture){.outside = {on_kill, on_clear}};
    assert_int_equal(keeper_start(&config, &fixture.keeper), ERR_OK);
    fixture.loop = loop_new();
    fixture.reaper = reaper_new(fixture.loop);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    reaper_close(fixture.reaper);
    loop_free(fixture.loop);
    keeper_free(fixture.keeper);
    return 0;
}

static void asked_to_stop_after_its_end_it_is_not_signalled_and_not_touched_again(void **state)
{
    (void)state;
    char program[] = "true";
    char *const argv[] = {program, NULL}, *const env[] = {NULL};
    struct buf problem = BUF_INIT;
    const struct process_spec spec = {.loop = fixture.loop,
                                      .reaper = fixture.reaper,
                                      .keeper = fixture.keeper,
                                      .name = "true",
                                      .argv = argv,
                                      .env = env,
                                      .outside = &fixture.outside};
    assert_int_equal(process_start(&spec, &fixture.process, &problem), ERR_OK);
    process_on_end(fixture.process, NULL, on_end, NULL);
    timer_start(fixture.loop, &fixture.timer, LATER_MS, on_later);
    loop_run(fixture.loop);
    assert_int_equal(fixture.ended, 1);
    assert_int_equal(fixture.kills, 0);
    buf_done(&problem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            asked_to_stop_after_its_end_it_is_not_signalled_and_not_touched_again, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
