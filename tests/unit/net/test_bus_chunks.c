/* Chunks in a frame: back as they were, and nothing but such a payload is believed. */
#include "test.h"

#include "net/bus_chunks.h"

static void chunks_come_back_with_their_numbers(void **state)
{
    (void)state;
    const struct slice given[] = {SLICE("{\"output\": 1}"), SLICE(""), SLICE("x\n\0y")};
    struct buf payload = BUF_INIT;
    bus_chunks_put(&payload, 3, 5000000000, given, 3);
    struct bus_chunks chunks;
    assert_int_equal(bus_chunks_read(buf_slice(&payload), &chunks), ERR_OK);
    assert_int_equal(chunks.attempt, 3);
    for (size_t i = 0; i < COUNT_OF(given); i++) {
        assert_int_equal(chunks.first, 5000000000 + (int64_t)i);
        assert_int_equal(chunks.count, 3 - i);
        assert_true(slice_eq(bus_chunks_next(&chunks), given[i]));
    }
    assert_int_equal(chunks.count, 0);
    buf_done(&payload);
}

static void a_payload_without_chunks_is_one(void **state)
{
    (void)state;
    struct buf payload = BUF_INIT;
    bus_chunks_put(&payload, 1, 0, NULL, 0);
    struct bus_chunks chunks;
    assert_int_equal(bus_chunks_read(buf_slice(&payload), &chunks), ERR_OK);
    assert_int_equal(chunks.count, 0);
    buf_done(&payload);
}

static void every_cut_and_every_longer_payload_is_refused(void **state)
{
    (void)state;
    const struct slice given[] = {SLICE("abc"), SLICE("de")};
    struct buf payload = BUF_INIT;
    bus_chunks_put(&payload, 1, 0, given, 2);
    struct bus_chunks chunks;
    for (size_t len = 0; len < payload.len; len++) {
        assert_int_equal(bus_chunks_read((struct slice){payload.ptr, len}, &chunks),
                         ERR_BAD_REQUEST);
    }
    (void)buf_put_char(&payload, 'x');
    assert_int_equal(bus_chunks_read(buf_slice(&payload), &chunks), ERR_BAD_REQUEST);
    buf_done(&payload);
}

static void numbers_beyond_reason_are_refused(void **state)
{
    (void)state;
    const struct slice given[] = {SLICE("abc")};
    const size_t places[] = {7, 15, 19, 23}; /* attempt, first, count, length: top bytes */
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct buf payload = BUF_INIT;
        struct bus_chunks chunks;
        bus_chunks_put(&payload, 1, 0, given, 1);
        payload.ptr[places[i]] = (char)0xff;
        assert_int_equal(bus_chunks_read(buf_slice(&payload), &chunks), ERR_BAD_REQUEST);
        buf_done(&payload);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_come_back_with_their_numbers),
        cmocka_unit_test(a_payload_without_chunks_is_one),
        cmocka_unit_test(every_cut_and_every_longer_payload_is_refused),
        cmocka_unit_test(numbers_beyond_reason_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
