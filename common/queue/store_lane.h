/* The way to one node: a connection, what waits for it and what is on its way. Private to store*.c.
 *
 * Batches wait in order in `waiting`, move to `sent` when written, and end when their reply
 * arrives. When the connection breaks, sent batches that are safe to repeat go back to the head of
 * `waiting`, the others end with ERR_STORE_LOST. An answer that says "not here, not now" goes to
 * the owner with its batch. A durable lane is a connection of its own, because WAIT holds up all
 * that follows it: it sends what has gathered, then one WAIT for all of it, and ends the calls when
 * that answers. */
#ifndef QUEUE_STORE_LANE_H
#define QUEUE_STORE_LANE_H

#include "queue/store_batch.h"
#include "queue/store_link.h"

struct lane;

struct lane_owner {
    void (*on_ready)(struct lane *lane);
    void (*on_lost)(struct lane *lane);   /* waiting holds again what may be repeated */
    void (*on_failed)(struct lane *lane); /* a try to connect */
    /* Redis answered an error instead of doing it; true: the owner has the batch now. */
    bool (*on_refused)(struct lane *lane, struct store_batch *batch, const char *error);
    /* The probe of a slot is about to end with a real answer. */
    void (*on_probed)(struct lane *lane, struct store_batch *batch);
};

struct lane {
    struct list link; /* the owner's */
    struct store *store;
    const struct lane_owner *owner;
    struct loop *loop;
    struct store_link *wire;
    struct store_address address;
    char *name; /* "host:port" or the path of the socket */
    struct list waiting, sent;
    struct store_batch *feeding; /* the last of sent, while the wire has not taken all of it */
    struct buf head;             /* scratch: how the command of a script begins */
    const char (*sha)[41];       /* of each script */
    uint64_t wait_ms, reply_ms;  /* see struct store_config */
    uint64_t leaves_ms;          /* no longer a master: closed then, or when nothing is sent */
    bool is_leaving;
    bool is_durable, has_wait_out;
    bool needs_wait;     /* durable: something was sent since the last WAIT */
    struct list unacked; /* durable: answered by Redis, not yet by a replica; batch.link */
};

struct lane_config {
    struct store *store;
    struct store_link_config wire;
    const struct store_address *address;
    const char (*sha)[41];
    uint64_t wait_ms, reply_ms;
    bool is_durable;
};

struct lane *lane_new(const struct lane_config *config, const struct lane_owner *owner);
/* Ends what cannot be repeated with `err`; the rest is moved to ret_rest, in order. */
void lane_close(struct lane *lane, enum err err, struct list *ret_rest);
bool lane_is_ready(const struct lane *lane);
bool lane_is_empty(const struct lane *lane); /* nothing waits and nothing is on its way */
void lane_send(struct lane *lane); /* at the end of a turn: writes what the socket takes */
void lane_check(struct lane *lane, uint64_t now_ms); /* ends what has waited too long */
bool lane_has_sent_of(const struct lane *lane, int slot);

#endif
