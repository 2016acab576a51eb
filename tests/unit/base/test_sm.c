/* The state table: allowed moves happen, others end the process. */
#include "base/sm.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

enum { IDLE, BUSY, GONE };

static const char *const state_names[] = {"idle", "busy", "gone"};
static const uint32_t moves[] = {
    [IDLE] = SM_TO(BUSY) | SM_TO(GONE), [BUSY] = SM_TO(IDLE) | SM_TO(BUSY), [GONE] = 0};
static const struct sm machine = {"test", state_names, moves, COUNT_OF(state_names)};

/* In a child, silent and without a core: the signal that ended it, 0 when it lived. */
static int signal_of_move(unsigned from, unsigned to)
{
    pid_t child = fork();
    if (child == 0) {
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        (void)close(STDERR_FILENO);
        sm_move(&machine, &from, to, "x");
        _exit(from == to ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void an_allowed_move_sets_the_state(void **state)
{
    (void)state;
    unsigned at = IDLE;
    sm_move(&machine, &at, BUSY, "x");
    assert_int_equal(at, BUSY);
    sm_move(&machine, &at, BUSY, "x");
    sm_move(&machine, &at, IDLE, "x");
    sm_move(&machine, &at, GONE, "x");
    assert_int_equal(at, GONE);
}

static void a_forbidden_move_aborts(void **state)
{
    (void)state;
    assert_int_equal(signal_of_move(IDLE, BUSY), 0);
    assert_int_equal(signal_of_move(BUSY, GONE), SIGABRT);
    assert_int_equal(signal_of_move(GONE, IDLE), SIGABRT);
    assert_int_equal(signal_of_move(IDLE, IDLE), SIGABRT);
}

static void a_state_outside_the_table_aborts(void **state)
{
    (void)state;
    assert_int_equal(signal_of_move(IDLE, 3), SIGABRT);
    assert_int_equal(signal_of_move(3, IDLE), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allowed_move_sets_the_state),
        cmocka_unit_test(a_forbidden_move_aborts),
        cmocka_unit_test(a_state_outside_the_table_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
