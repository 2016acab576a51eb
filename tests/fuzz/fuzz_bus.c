/* Fuzzes what comes from the bus. Whatever the bytes are: a frame that is understood encodes to the
 * same bytes again, and chunks that are understood are all of the payload, in order. */
#include "net/bus.h"
#include "net/bus_chunks.h"

#define MOST 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_chunks(struct slice payload)
{
    struct bus_chunks chunks;
    if (bus_chunks_read(payload, &chunks) != ERR_OK || chunks.count > MOST) {
        return;
    }
    struct slice given[MOST];
    struct buf again = BUF_INIT;
    int64_t first = chunks.first;
    size_t count = 0;
    while (chunks.count > 0) {
        given[count++] = bus_chunks_next(&chunks);
    }
    ensure(chunks.first == first + (int64_t)count);
    bus_chunks_put(&again, chunks.attempt, first, given, count);
    ensure(slice_eq(buf_slice(&again), payload));
    buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = {(const char *)data, size};
    struct bus_frame frame;
    check_chunks(bytes);
    if (bus_decode(bytes, &frame) == ERR_OK) {
        struct buf again = BUF_INIT;
        ensure(bus_encode(&frame, &again) == ERR_OK);
        ensure(slice_eq(buf_slice(&again), bytes));
        buf_done(&again);
        check_chunks(frame.payload);
    }
    return 0;
}
