/* attempt, first (8 bytes each), count, a length for each (4 bytes each), then the chunks; all
 * numbers little-endian. Lengths and bytes must fit exactly, or nothing of it is believed. */
#include "net/bus_chunks.h"

#define HEAD_SIZE 20
#define LEN_SIZE 4

static void put_number(struct buf *out, uint64_t value, size_t size)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(value >> (8 * i));
    }
    (void)buf_put(out, bytes, size);
}

static uint64_t number_at(const char *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)(unsigned char)bytes[i] << (8 * i);
    }
    return value;
}

void bus_chunks_put(struct buf *out, int64_t attempt, int64_t first, const struct slice *chunks,
                    size_t count)
{
    put_number(out, (uint64_t)attempt, 8);
    put_number(out, (uint64_t)first, 8);
    put_number(out, count, LEN_SIZE);
    for (size_t i = 0; i < count; i++) {
        put_number(out, chunks[i].len, LEN_SIZE);
    }
    for (size_t i = 0; i < count; i++) {
        (void)buf_put_slice(out, chunks[i]);
    }
}

static bool fits(const struct bus_chunks *chunks)
{
    size_t left = chunks->bytes.len;
    for (size_t i = 0; i < chunks->count; i++) {
        size_t len = number_at(chunks->lens.ptr + i * LEN_SIZE, LEN_SIZE);
        if (len > left) {
            return false;
        }
        left -= len;
    }
    return left == 0;
}

enum err bus_chunks_read(struct slice payload, struct bus_chunks *ret_chunks)
{
    if (payload.len < HEAD_SIZE) {
        return ERR_BAD_REQUEST;
    }
    uint64_t attempt = number_at(payload.ptr, 8), first = number_at(payload.ptr + 8, 8);
    uint64_t count = number_at(payload.ptr + 16, 4);
    struct slice rest = slice_from(payload, HEAD_SIZE);
    if (attempt > INT32_MAX || first > INT64_MAX / 2 || count > rest.len / LEN_SIZE) {
        return ERR_BAD_REQUEST;
    }
    struct bus_chunks chunks = {
        .attempt = (int64_t)attempt,
        .first = (int64_t)first,
        .count = (size_t)count,
        .lens = {rest.ptr, (size_t)count * LEN_SIZE},
        .bytes = slice_from(rest, (size_t)count * LEN_SIZE),
    };
    if (!fits(&chunks)) {
        return ERR_BAD_REQUEST;
    }
    *ret_chunks = chunks;
    return ERR_OK;
}

struct slice bus_chunks_next(struct bus_chunks *chunks)
{
    ensure(chunks->count > 0);
    size_t len = number_at(chunks->lens.ptr, LEN_SIZE);
    struct slice chunk = {chunks->bytes.ptr, len};
    chunks->lens = slice_from(chunks->lens, LEN_SIZE);
    chunks->bytes = slice_from(chunks->bytes, len);
    chunks->count--;
    chunks->first++;
    return chunk;
}
