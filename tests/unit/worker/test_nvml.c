/* The driver's library as it is asked: the library itself is a fake with NVML's ABI. */
#include "test.h"

#include <dlfcn.h>
#include <sched.h>

#include "fake_nvml.h"
#include "gpu/source.h"
#include "gpu/watch.h"

#define XID 8
#define GB (1ULL << 30)
#define NO_INSTANCE 0xFFFFFFFF

struct rig {
    void *library;
    struct fake_nvml *fake;
    struct gpus gpus;
    struct gpu_source *source;
};

/* One card with ECC, one cut into two slices. */
static void fill(struct fake_nvml *fake)
{
    *fake = (struct fake_nvml){
        .count = 2,
        .cards = {{.whole = {.uuid = "GPU-a",
                             .name = "NVIDIA H100",
                             .total = 80 * GB,
                             .reserved = GB / 2,
                             .has_ecc = 1}},
                  {.whole = {.uuid = "GPU-b", .name = "NVIDIA A100", .total = 40 * GB},
                   .is_sliced = 1,
                   .slices = {{.uuid = "MIG-1",
                               .name = "NVIDIA A100 MIG 1g.5gb",
                               .total = 5 * GB,
                               .instance = 7},
                              {0},
                              {.uuid = "MIG-2",
                               .name = "NVIDIA A100 MIG 3g.20gb",
                               .total = 20 * GB,
                               .instance = 8}}}},
    };
}

static int open_rig(void **state)
{
    static struct rig rig;
    rig = (struct rig){.library = dlopen("libnvidia-ml.so.1", RTLD_NOW)};
    if (rig.library == NULL) {
        return -1;
    }
    void *fake = dlsym(rig.library, "fake_nvml_state");
    rig.fake = fake;
    fill(rig.fake);
    rig.source = source_nvml(&rig.gpus);
    *state = &rig;
    return rig.source == NULL;
}

static int close_rig(void **state)
{
    struct rig *rig = *state;
    source_close(rig->source);
    int left = rig->fake->opened + rig->fake->event_sets;
    return left != 0 || dlclose(rig->library) != 0;
}

static void look(struct rig *rig, struct gpu_reading *readings)
{
    rig->source->look(rig->source, readings, rig->gpus.count);
}

static void cards_and_slices_are_the_inventory(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(rig->gpus.count, 3);
    assert_string_equal(rig->gpus.driver, "580.65.06");
    assert_string_equal(rig->gpus.cuda, "12.4");
    assert_string_equal(rig->gpus.items[0].uuid, "GPU-a");
    assert_string_equal(rig->gpus.items[0].capability, "9.0");
    assert_int_equal(rig->gpus.items[0].memory, 80 * GB);
    assert_string_equal(rig->gpus.items[0].parent, "");
    assert_string_equal(rig->gpus.items[1].uuid, "MIG-1");
    assert_string_equal(rig->gpus.items[1].name, "NVIDIA A100 MIG 1g.5gb");
    assert_string_equal(rig->gpus.items[1].parent, "GPU-b");
    assert_string_equal(rig->gpus.items[2].uuid, "MIG-2");
    assert_true(gpu_is_slice(&rig->gpus.items[2]));
}

static void a_reading_tells_memory_processes_and_errors(void **state)
{
    struct rig *rig = *state;
    struct gpu_reading readings[GPU_MAX];
    rig->fake->cards[0].whole.used = 3 * GB;
    rig->fake->cards[0].whole.processes = 2;
    rig->fake->cards[0].whole.ecc = 5;
    look(rig, readings);
    assert_int_equal(readings[0].held, 3 * GB); /* without what the driver keeps for itself */
    assert_int_equal(readings[0].processes, 2);
    assert_int_equal(readings[0].ecc, 5);
    assert_int_equal(readings[1].processes, 0);
    assert_int_equal(readings[1].ecc, -1);
    assert_false(readings[0].is_lost);
}

static void a_lost_card_is_lost_alone(void **state)
{
    struct rig *rig = *state;
    struct gpu_reading readings[GPU_MAX];
    rig->fake->cards[0].whole.status = 15;
    look(rig, readings);
    assert_true(readings[0].is_lost);
    assert_false(readings[1].is_lost);
    rig->fake->cards[0].whole.status = 16;
    look(rig, readings);
    assert_true(readings[0].is_lost);
    rig->fake->cards[0].whole.status = 0;
    look(rig, readings);
    assert_false(readings[0].is_lost);
}

static void events_reach_the_cards_they_are_about(void **state)
{
    struct rig *rig = *state;
    struct gpu_reading readings[GPU_MAX];
    assert_int_equal(rig->fake->cards[0].events, XID);
    assert_int_equal(rig->fake->cards[1].events, XID);
    const struct fake_event events[] = {
        {0, NO_INSTANCE, XID, 79}, {0, NO_INSTANCE, XID, 31}, {1, 8, XID, 94}, {1, 7, 2, 5}};
    memcpy(rig->fake->events, events, sizeof(events));
    rig->fake->event_count = COUNT_OF(events);
    look(rig, readings);
    assert_int_equal(readings[0].xid, 79); /* a program's own error after it does not hide it */
    assert_int_equal(readings[1].xid, 0);
    assert_int_equal(readings[2].xid, 94);
    rig->fake->events[0] = (struct fake_event){1, NO_INSTANCE, XID, 62};
    rig->fake->event_count = 1;
    look(rig, readings);
    assert_int_equal(readings[0].xid, 0);
    assert_int_equal(readings[1].xid, 62);
    assert_int_equal(readings[2].xid, 62);
}

static void a_machine_without_cards_has_none(void **state)
{
    struct rig *rig = *state;
    static struct gpus gpus;
    rig->fake->count = 0;
    assert_null(source_nvml(&gpus));
    assert_int_equal(gpus.count, 0);
    rig->fake->count = 2;
}

/* ---- the thread ---- */

struct seen {
    struct loop *loop;
    struct watch *watch;
    uint64_t round, wanted;
    int64_t held;
    struct timer limit;
};

static void on_readings(const struct gpu_reading *readings, void *arg)
{
    struct seen *seen = arg;
    seen->round = readings[0].round;
    seen->held = readings[0].held;
    if (seen->round >= seen->wanted) {
        loop_stop(seen->loop);
    }
}

static void give_up(struct timer *timer)
{
    loop_stop(container_of(timer, struct seen, limit)->loop);
}

static void run_until(struct seen *seen, uint64_t round)
{
    seen->wanted = round;
    timer_start(seen->loop, &seen->limit, 10000, give_up);
    loop_run(seen->loop);
    timer_stop(&seen->limit);
    assert_true(seen->round >= round);
}

static void the_thread_brings_readings_to_the_loop(void **state)
{
    struct rig *rig = *state;
    struct seen seen = {.loop = loop_new()};
    rig->fake->cards[0].whole.used = GB;
    seen.watch = watch_new(seen.loop, steal(rig->source), rig->gpus.count, on_readings, &seen);
    run_until(&seen, 1);
    assert_int_equal(seen.held, GB);
    rig->fake->cards[0].whole.used = 2 * GB;
    run_until(&seen, watch_look(seen.watch));
    assert_int_equal(seen.held, 2 * GB);
    watch_close(seen.watch);
    loop_free(seen.loop);
}

static void a_look_that_hangs_is_seen_and_left_behind(void **state)
{
    struct rig *rig = *state;
    struct seen seen = {.loop = loop_new()};
    rig->fake->hangs_ms = 50;
    seen.watch = watch_new(seen.loop, steal(rig->source), rig->gpus.count, on_readings, &seen);
    while (watch_busy_ms(seen.watch) < 20) {
        (void)sched_yield();
    }
    watch_close(seen.watch); /* waits a moment for it */
    loop_free(seen.loop);
    assert_int_equal(rig->fake->opened, 0);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(cards_and_slices_are_the_inventory),
        WITH_RIG(a_reading_tells_memory_processes_and_errors),
        WITH_RIG(a_lost_card_is_lost_alone),
        WITH_RIG(events_reach_the_cards_they_are_about),
        WITH_RIG(a_machine_without_cards_has_none),
        WITH_RIG(the_thread_brings_readings_to_the_loop),
        WITH_RIG(a_look_that_hangs_is_seen_and_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
