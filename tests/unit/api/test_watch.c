/* Who is told of what: frames, tokens, and waiters that only want the end. */
#include "test.h"

#include "watch.h"

struct listener {
    struct waiter waiter;
    int looks, chunks;
    struct buf final;
    bool leaves;
};

struct fixture {
    struct loop *loop;
    struct watch *watch;
    struct listener one, two;
};

static void on_told(struct waiter *waiter, struct slice final)
{
    struct listener *listener = container_of(waiter, struct listener, waiter);
    listener->looks++;
    (void)buf_put_slice(&listener->final, final);
    if (listener->leaves) {
        watch_leave(waiter);
    }
}

static void on_chunks(struct waiter *waiter, struct slice chunks)
{
    assert_slice(chunks, "payload");
    container_of(waiter, struct listener, waiter)->chunks++;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    f->loop = loop_new();
    f->watch = watch_new(f->loop);
    watch_join(f->watch, &f->one.waiter, SLICE("job"), on_told);
    watch_token(&f->one.waiter, SLICE("secret"));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    watch_leave(&f->one.waiter);
    watch_leave(&f->two.waiter);
    buf_done(&f->one.final);
    buf_done(&f->two.final);
    watch_free(f->watch);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void notify(struct fixture *f, enum bus_kind kind, const char *token, const char *payload)
{
    const struct bus_frame frame = {kind, SLICE("ep"), SLICE("job"), slice_of(token),
                                    slice_of(payload)};
    watch_notify(f->watch, &frame);
}

static void a_final_object_counts_only_with_the_token(void **state)
{
    struct fixture *f = *state;
    notify(f, BUS_FINAL, "wrong!", "forged");
    assert_int_equal(f->one.looks, 1);
    assert_int_equal(f->one.final.len, 0);
    notify(f, BUS_FINAL, "secret", "object");
    assert_slice(buf_slice(&f->one.final), "object");
}

static void chunks_count_only_with_the_token(void **state)
{
    struct fixture *f = *state;
    f->one.waiter.on_chunks = on_chunks;
    notify(f, BUS_CHUNKS, "wrong!", "payload");
    notify(f, BUS_CHUNKS, "", "payload");
    assert_int_equal(f->one.chunks + f->one.looks, 0);
    notify(f, BUS_CHUNKS, "secret", "payload");
    assert_int_equal(f->one.chunks, 1);
    assert_int_equal(f->one.looks, 0);
}

static void chunks_without_payload_are_a_look(void **state)
{
    struct fixture *f = *state;
    f->one.waiter.on_chunks = on_chunks;
    notify(f, BUS_CHUNKS, "secret", "");
    assert_int_equal(f->one.looks, 1);
}

static void a_waiter_that_takes_no_chunks_looks(void **state)
{
    struct fixture *f = *state;
    notify(f, BUS_CHUNKS, "secret", "payload");
    assert_int_equal(f->one.looks, 1);
    assert_int_equal(f->one.final.len, 0);
}

static void a_waiter_for_the_end_is_spared_chunks(void **state)
{
    struct fixture *f = *state;
    f->one.waiter.is_for_end = true;
    notify(f, BUS_CHUNKS, "secret", "payload");
    notify(f, BUS_CHUNKS, "secret", "");
    assert_int_equal(f->one.looks, 0);
    notify(f, BUS_LOOK, "secret", "");
    assert_int_equal(f->one.looks, 1);
}

static void waiters_leave_from_inside(void **state)
{
    struct fixture *f = *state;
    watch_join(f->watch, &f->two.waiter, SLICE("job"), on_told);
    f->one.leaves = f->two.leaves = true;
    notify(f, BUS_LOOK, "", "");
    notify(f, BUS_LOOK, "", "");
    assert_int_equal(f->one.looks, 1);
    assert_int_equal(f->two.looks, 1);
    assert_false(watch_is_waiting(&f->one.waiter));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_final_object_counts_only_with_the_token, setup, teardown),
        cmocka_unit_test_setup_teardown(chunks_count_only_with_the_token, setup, teardown),
        cmocka_unit_test_setup_teardown(chunks_without_payload_are_a_look, setup, teardown),
        cmocka_unit_test_setup_teardown(a_waiter_that_takes_no_chunks_looks, setup, teardown),
        cmocka_unit_test_setup_teardown(a_waiter_for_the_end_is_spared_chunks, setup, teardown),
        cmocka_unit_test_setup_teardown(waiters_leave_from_inside, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
