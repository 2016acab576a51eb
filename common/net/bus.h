/* The fast lane between processes: nng pub/sub over tcp, one frame a message.
 *
 * Lossy by contract: a frame may be lost, late, repeated or forged, so whoever waits for one also
 * has a timer that reads Redis, and nothing in a frame is believed without the job's token. A node
 * that wants frames listens (SUB) and gives its address away as "HOST:PORT"; publishers dial it
 * (PUB), lazily, one socket for each address, kept until it has been unused for a minute. */
#ifndef NET_BUS_H
#define NET_BUS_H

#include "base/buf.h"
#include "net/loop.h"

#define BUS_CLOSE_MARK '+'         /* behind an address: it wants BUS_CHUNKS frames, too */
#define BUS_FRAME_MAX (256 * 1024) /* larger payloads are left out: the reader fetches them */

enum bus_kind {
    BUS_LOOK = 1,  /* the job has changed or has new chunks: read Redis */
    BUS_FINAL = 2, /* payload: the whole job object (JSON), state final */
    /* To addresses with BUS_CLOSE_MARK only. payload: see bus_chunks.h; empty: the job has begun,
     * made progress, or has chunks too large for a frame: read Redis. */
    BUS_CHUNKS = 3,
};

struct bus_frame {
    enum bus_kind kind;
    struct slice ep, id, token; /* each at most 255 bytes */
    struct slice payload;       /* may be empty */
};

struct bus;
typedef void (*bus_fn)(const struct bus_frame *frame, void *arg); /* frame borrowed */

struct bus *bus_new(struct loop *loop);
void bus_close(struct bus *bus); /* accepts NULL */
/* "tcp://HOST:PORT", port 0 picks one; ret_address gets "HOST:PORT" as others reach it. */
enum err bus_listen(struct bus *bus, const char *url, char *ret_address, size_t size, bus_fn fn,
                    void *arg);
/* To each of the blank-separated addresses (with or without the mark); never blocks, never fails.
 * Frames to an address whose connection is still being made wait for it, bounded. */
void bus_publish(struct bus *bus, struct slice addresses, const struct bus_frame *frame);

/* Pure: frame to bytes and back. ERR_BAD_REQUEST for bytes that are not a frame. */
enum err bus_encode(const struct bus_frame *frame, struct buf *out);
enum err bus_decode(struct slice bytes, struct bus_frame *ret_frame);

#endif
