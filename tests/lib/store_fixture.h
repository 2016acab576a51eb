/* A store on a Redis of its own, and probes that note how calls ended. One test program each. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/spawn.h"
#include "queue/store.h"

struct fixture {
    char dir[64];
    char url[128];
    pid_t redis;
    struct loop *loop;
    struct store *store;
    struct timer deadline;
    int left; /* calls that have not ended */
};

struct probe {
    struct store_call call;
    struct fixture *fixture;
    int ended;
    enum err err;
    int64_t number;
    struct buf text;
};

static inline void redis_start(struct fixture *fixture)
{
    char socket[96];
    (void)snprintf(socket, sizeof(socket), "%s/r.sock", fixture->dir);
    char *argv[] = {"redis-server", "--port",       "0",   "--unixsocket",
                    socket,         "--save",       "",    "--dir",
                    fixture->dir,   "--appendonly", "yes", NULL};
    const char *problem = NULL;
    assert_int_equal(spawn_start(&(struct spawn){.argv = argv,
                                                 .stdin_fd = -1,
                                                 .stdout_fd = -1,
                                                 .stderr_fd = -1,
                                                 .death_signal = SIGKILL},
                                 &fixture->redis, &problem),
                     ERR_OK);
}

static inline void redis_stop(struct fixture *fixture, int number)
{
    if (fixture->redis > 0) {
        (void)kill(fixture->redis, number);
        (void)waitpid(fixture->redis, NULL, 0);
        fixture->redis = 0;
    }
}

static inline void store_start(struct fixture *fixture, uint64_t wait_ms)
{
    fixture->loop = loop_new();
    fixture->store =
        store_new(fixture->loop, &(struct store_config){.url = fixture->url, .wait_ms = wait_ms});
}

static inline int setup(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));
    (void)snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/mrstoreXXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    (void)snprintf(fixture->url, sizeof(fixture->url), "unix://%s/r.sock", fixture->dir);
    redis_start(fixture);
    store_start(fixture, 20000);
    *state = fixture;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *fixture = *state;
    timer_stop(&fixture->deadline);
    store_close(fixture->store);
    loop_free(fixture->loop);
    redis_stop(fixture, SIGKILL);
    char *argv[] = {"rm", "-rf", fixture->dir, NULL};
    pid_t pid = 0;
    const char *problem = NULL;
    assert_int_equal(
        spawn_start(&(struct spawn){.argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1},
                    &pid, &problem),
        ERR_OK);
    (void)waitpid(pid, NULL, 0);
    free(fixture);
    return 0;
}

static inline void on_end(struct store_call *call, enum err err, const struct reply *reply)
{
    struct probe *probe = container_of(call, struct probe, call);
    probe->ended++;
    probe->err = err;
    probe->number = reply_int(reply, -1);
    (void)buf_put_slice(&probe->text, reply_slice(reply));
    if (--probe->fixture->left == 0) {
        loop_stop(probe->fixture->loop);
    }
}

static inline void on_deadline(struct timer *timer)
{
    loop_stop(container_of(timer, struct fixture, deadline)->loop);
}

/* Runs until all started calls have ended; a generous limit turns a hang into a failure. */
static inline void run(struct fixture *fixture)
{
    timer_start(fixture->loop, &fixture->deadline, 60000, on_deadline);
    loop_run(fixture->loop);
    timer_stop(&fixture->deadline);
    assert_int_equal(fixture->left, 0);
}

#endif
