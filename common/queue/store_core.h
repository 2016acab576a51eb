/* What the parts of the store share. Private to store*.c.
 *
 * A call becomes (part of) a batch (store_batch), the batch finds its lane by the hash slot of its
 * key (store_route), or waits in a stall while its slot is on the move (store_stall). */
#ifndef QUEUE_STORE_CORE_H
#define QUEUE_STORE_CORE_H

#include "queue/store_lane.h"
#include "queue/store_nodes.h"

struct store {
    struct loop *loop;
    struct store_config config;
    struct nodes *nodes;
    struct nodes_watch watch;
    bool is_remapped;   /* nodes changed in this turn: store_remap() is due */
    struct list lanes;  /* lane.link */
    struct lane *only;  /* the one lane where there can be no other; else NULL */
    struct list stalls; /* stall.link */
    struct timer stall_timer;
    struct list homeless; /* batch.link; nobody knows yet who has their slot */
    struct list open;     /* batch.open_link, newest first */
    struct spares batches;
    struct loop_hook hook;
    struct timer timer; /* coarse: ends of waiting and of answers */
    uint64_t seq;
    char refusal[256]; /* the last error Redis answered */
    char trouble[400]; /* the last connection that failed */
    char sha[SCRIPT_COUNT][41];
};

/* ---- store.c ---- */

/* What an error that Redis answered means; remembers its text for store_problem(). */
enum err store_error_of(struct store *store, const struct redisReply *reply);
void store_arm(struct store *store); /* the coarse timer */
void store_changed(struct store *store, bool is_ready);
struct nodes *store_nodes(struct store *store);
/* The master nodes known now; their numbers hold until control returns to the loop. */
size_t store_node_count(const struct store *store);
char *store_node_name(const struct store *store, size_t index); /* "host:port" or a path */
/* As store_command(), to that node whatever the key. */
void store_command_at(struct store *store, size_t index, struct store_call *call,
                      const struct slice *args, size_t count, store_fn fn);

/* ---- store_route.c ---- */

/* Puts a batch where it has to wait. In order: behind those of its slot with smaller seq. */
void store_route(struct store *store, struct store_batch *batch);
/* Brings lanes and what waits in line with the nodes; at the end of a turn. */
void store_remap(struct store *store);
void store_send_all(struct store *store);
/* Ends what has waited too long for a node. */
void store_check_waiting(struct store *store);
void store_close_lanes(struct store *store); /* all batches end with ERR_CLOSING */
bool store_is_idle(const struct store *store);

/* ---- store_stall.c ---- */

#define STALL_FIRST_MS 10

/* Takes a batch that belongs to a stalled slot; false when its slot is not stalled. */
bool stall_takes(struct store *store, struct store_batch *batch);
/* From now on batches of this slot wait; the first is tried again in delay_ms. */
void stall_begin(struct store *store, int slot, uint64_t delay_ms);
/* A batch that Redis refused because of its slot's state goes back in front; a stall that begins
 * with it is tried in delay_ms. */
void stall_again(struct store *store, struct store_batch *batch, uint64_t delay_ms);
/* The probe ends, answered or not: the others follow. */
void stall_probed(struct store *store, struct store_batch *probe);
void stall_check(struct store *store, uint64_t now_ms);
/* Moves all batches to ret_rest. */
void stall_close_all(struct store *store, struct list *ret_rest);

/* ---- store_reply.c ---- */

struct redisReply *reply_copy(const struct redisReply *reply);
void reply_free(struct redisReply *reply); /* of reply_copy(); accepts NULL */

#endif
