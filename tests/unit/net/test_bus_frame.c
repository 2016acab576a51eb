/* Bus frames: bytes and back, and bytes that are no frame. */
#include "test.h"

#include "net/bus.h"

static void frame_survives_the_way(void **state)
{
    (void)state;
    struct buf bytes = BUF_INIT;
    const struct bus_frame frame = {BUS_FINAL, SLICE("echo"), SLICE("id-u1"), SLICE("0123"),
                                    SLICE("{\"id\":1}")};
    assert_int_equal(bus_encode(&frame, &bytes), ERR_OK);
    struct bus_frame back;
    assert_int_equal(bus_decode(buf_slice(&bytes), &back), ERR_OK);
    assert_int_equal(back.kind, BUS_FINAL);
    assert_slice(back.ep, "echo");
    assert_slice(back.id, "id-u1");
    assert_slice(back.token, "0123");
    assert_slice(back.payload, "{\"id\":1}");
    buf_done(&bytes);
}

static void every_truncation_of_the_names_is_refused(void **state)
{
    (void)state;
    struct buf bytes = BUF_INIT;
    const struct bus_frame frame = {BUS_LOOK, SLICE("ep"), SLICE("id"), SLICE("tk"), SLICE("")};
    assert_int_equal(bus_encode(&frame, &bytes), ERR_OK);
    for (size_t len = 0; len < bytes.len; len++) {
        struct bus_frame back;
        assert_int_equal(bus_decode((struct slice){bytes.ptr, len}, &back), ERR_BAD_REQUEST);
    }
    buf_done(&bytes);
}

static void unknown_kinds_and_long_names_are_refused(void **state)
{
    (void)state;
    struct bus_frame back;
    assert_int_equal(bus_decode(SLICE("\x09\0\0\0"), &back), ERR_BAD_REQUEST);
    char name[256];
    memset(name, 'a', sizeof(name));
    struct buf bytes = BUF_INIT;
    const struct bus_frame frame = {.kind = BUS_LOOK, .id = {name, sizeof(name)}};
    assert_int_equal(bus_encode(&frame, &bytes), ERR_BAD_REQUEST);
    buf_done(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_survives_the_way),
        cmocka_unit_test(every_truncation_of_the_names_is_refused),
        cmocka_unit_test(unknown_kinds_and_long_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
