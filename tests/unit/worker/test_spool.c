/* The spool against a Redis that loses what it knew and a disk that cannot be read. */
#include "store_fixture.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "net/bus.h"
#include "queue/queue.h"
#include "spool.h"

struct rig {
    struct fixture *fixture;
    struct bus *bus;
    struct turns turns;
    struct turn turn; /* the test's */
    struct spool *spool;
    struct buf members;
    struct store_call call;
    struct timer timer;
    struct rlimit files;
    int losses; /* of what had been adopted */
    bool is_empty;
};

static void on_empty(void *arg)
{
    struct rig *rig = arg;
    rig->is_empty = true;
    loop_stop(rig->fixture->loop);
}

/* There is no replica. */
static bool waits_for_replica(void *arg, struct slice ep)
{
    (void)arg;
    return slice_is(ep, "safe");
}

static void open_spool(struct rig *rig)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    AUTO_STR dir = xasprintf("%s/spool", rig->fixture->dir);
    const struct spool_config config = {.loop = rig->fixture->loop,
                                        .store = rig->fixture->store,
                                        .bus = rig->bus,
                                        .agent = "agent",
                                        .dir = dir,
                                        .bytes_max = (size_t)64 << 20,
                                        .waits_for_replica = waits_for_replica,
                                        .turns = &rig->turns,
                                        .on_empty = on_empty,
                                        .arg = rig};
    assert_int_equal(spool_new(&config, &rig->spool, &problem), ERR_OK);
}

/* Runs until Redis has answered. */
static void ask(struct rig *rig, struct probe *probe, const char *verb, const char *key)
{
    const struct slice words[] = {slice_of(verb), slice_of(key)};
    *probe = (struct probe){.fixture = rig->fixture};
    rig->fixture->left = 1;
    store_command(rig->fixture->store, &probe->call, words, COUNT_OF(words), on_end);
    run(rig->fixture);
}

static int setup_rig(void **state)
{
    struct rig *rig = xcalloc(1, sizeof(*rig));
    struct probe probe;
    (void)setup((void **)&rig->fixture);
    rig->bus = bus_new(rig->fixture->loop);
    turns_init(&rig->turns, rig->fixture->loop);
    turn_init(&rig->turn);
    open_spool(rig);
    ask(rig, &probe, "EXISTS", "x"); /* so that Redis is connected */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &rig->files), 0);
    *state = rig;
    return 0;
}

static int teardown_rig(void **state)
{
    struct rig *rig = *state;
    (void)setrlimit(RLIMIT_NOFILE, &rig->files);
    timer_stop(&rig->timer);
    store_detach(&rig->call);
    spool_close(rig->spool);
    turn_leave(&rig->turn);
    turns_done(&rig->turns);
    bus_close(rig->bus);
    buf_done(&rig->members);
    (void)teardown((void **)&rig->fixture);
    free(rig);
    return 0;
}

static void put_of(struct rig *rig, const char *ep, const char *job, spool_fn fn)
{
    const struct parcel parcel = {.ep = slice_of(ep),
                                  .job = slice_of(job),
                                  .worker = SLICE("w"),
                                  .attempt = 1,
                                  .duration_ms = 1000,
                                  .retention_ms = 60000,
                                  .members = buf_slice(&rig->members)};
    (void)spool_put(rig->spool, &parcel, fn, rig);
}

static void put(struct rig *rig, spool_fn fn)
{
    put_of(rig, "e", "j", fn);
}

static void on_put(enum err err, void *arg)
{
    (void)arg;
    assert_int_equal(err, ERR_OK);
}

static void assert_delivered(struct rig *rig)
{
    struct probe probe;
    timer_start(rig->fixture->loop, &rig->fixture->deadline, 30000, on_deadline);
    loop_run(rig->fixture->loop);
    assert_true(rig->is_empty);
    ask(rig, &probe, "GET", "mr:{e}:out:j");
    assert_int_equal(probe.text.len, rig->members.len);
    assert_memory_equal(probe.text.ptr, rig->members.ptr, rig->members.len);
    buf_done(&probe.text);
}

/* ---- a store that loses what it was told again ---- */

static void on_turn(struct turn *turn);

static void send(struct rig *rig, const char *verb, store_fn fn)
{
    const struct slice words[] = {slice_of(verb), SLICE("mr:{e}:job:j")};
    store_command(rig->fixture->store, &rig->call, words, COUNT_OF(words), fn);
}

/* The result goes when it waits for its turn. */
static void pass_turn(struct rig *rig)
{
    turn_leave(&rig->turn);
    if (!rig->is_empty) {
        turn_join(&rig->turns, &rig->turn, on_turn);
    }
}

static void on_lost(struct store_call *call, enum err err, const struct reply *reply)
{
    struct rig *rig = container_of(call, struct rig, call);
    assert_int_equal(err, ERR_OK);
    rig->losses += (int)reply_int(reply, 0);
    pass_turn(rig);
}

static void on_looked(struct store_call *call, enum err err, const struct reply *reply)
{
    struct rig *rig = container_of(call, struct rig, call);
    assert_int_equal(err, ERR_OK);
    if (reply_int(reply, 0) == 1 && rig->losses < 2) {
        send(rig, "DEL", on_lost);
    } else {
        pass_turn(rig);
    }
}

/* Has it been adopted? Then its result waits for this turn to end. */
static void on_turn(struct turn *turn)
{
    send(container_of(turn, struct rig, turn), "EXISTS", on_looked);
}

static void a_result_is_adopted_as_often_as_it_is_lost(void **state)
{
    struct rig *rig = *state;
    while (rig->members.len < TURN_BYTES) {
        buf_put_char(&rig->members, 'x');
    }
    pass_turn(rig);
    put(rig, on_put);
    assert_delivered(rig);
    assert_int_equal(rig->losses, 2);
}

/* ---- a disk that cannot be read for a moment ---- */

static void on_closed_again(struct timer *timer)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &container_of(timer, struct rig, timer)->files), 0);
}

/* No file can be opened from now on; the next thing is to read what has just been written. */
static void on_put_last(enum err err, void *arg)
{
    struct rig *rig = arg;
    struct rlimit none = {.rlim_cur = 0, .rlim_max = rig->files.rlim_max};
    assert_int_equal(err, ERR_OK);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    timer_start(rig->fixture->loop, &rig->timer, 50, on_closed_again);
}

static void a_file_that_cannot_be_opened_now_is_read_later(void **state)
{
    struct rig *rig = *state;
    buf_put_str(&rig->members, "\"output\":1");
    put(rig, on_put_last);
    assert_delivered(rig);
}

/* ---- no replica ---- */

static void wait_for(struct rig *rig, const char *key)
{
    struct probe probe = {.number = 0};
    for (int tries = 0; probe.number != 1 && tries < 600; tries++) {
        timer_start(rig->fixture->loop, &rig->fixture->deadline, 50, on_deadline);
        loop_run(rig->fixture->loop);
        ask(rig, &probe, "EXISTS", key);
    }
    assert_int_equal(probe.number, 1);
}

/* Each waits for a replica for two seconds. */
static void those_that_wait_for_a_replica_hold_up_nobody(void **state)
{
    struct rig *rig = *state;
    buf_put_str(&rig->members, "\"output\":1");
    for (char job[] = "a"; job[0] <= 'p'; job[0]++) {
        put_of(rig, "safe", job, on_put);
    }
    wait_for(rig, "mr:{safe}:out:a");
    put(rig, on_put);
    wait_for(rig, "mr:{e}:out:j");
    wait_for(rig, "mr:{safe}:out:p");
    assert_false(spool_is_empty(rig->spool));
}

/* ---- what an earlier agent left ---- */

static void make_file(struct rig *rig, const char *name)
{
    AUTO_STR path = xasprintf("%s/spool/%s", rig->fixture->dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
}

static bool has_file(struct rig *rig, const char *name)
{
    AUTO_STR path = xasprintf("%s/spool/%s", rig->fixture->dir, name);
    return access(path, F_OK) == 0;
}

static void only_own_files_that_were_never_finished_are_removed(void **state)
{
    struct rig *rig = *state;
    spool_close(rig->spool);
    make_file(rig, "e.j.1.spool.new");
    make_file(rig, "e.j.2.spool");
    make_file(rig, "notes.new");
    open_spool(rig);
    assert_false(has_file(rig, "e.j.1.spool.new"));
    assert_true(has_file(rig, "e.j.2.spool"));
    assert_true(has_file(rig, "notes.new"));
    assert_false(spool_is_empty(rig->spool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_result_is_adopted_as_often_as_it_is_lost, setup_rig,
                                        teardown_rig),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_opened_now_is_read_later, setup_rig,
                                        teardown_rig),
        cmocka_unit_test_setup_teardown(those_that_wait_for_a_replica_hold_up_nobody, setup_rig,
                                        teardown_rig),
        cmocka_unit_test_setup_teardown(only_own_files_that_were_never_finished_are_removed,
                                        setup_rig, teardown_rig),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
