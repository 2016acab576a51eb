/* A job that this agent took and whose end is not in the store yet. */
#ifndef WORKER_HELD_H
#define WORKER_HELD_H

#include "net/bus.h"
#include "progress.h"
#include "queue/queue.h"
#include "stream.h"

struct slot;
struct group;
struct ending;
struct forward;

enum held_state {
    HELD_RUNNING, /* with its handler */
    HELD_STOPPED, /* the store no longer wants it; until the handler lets go of it */
    HELD_ENDING   /* posted or lost: until the store knows */
};

struct held {
    struct list group_link; /* group.jobs, always */
    struct list slot_link;  /* slot.jobs, while its handler may still work on it */
    struct group *group;
    struct slot *slot; /* NULL once it has left its handler */
    unsigned state;
    char *id, *token;
    char *worker;    /* id of the process that was given it */
    bool is_refused; /* the store has lost it and will not have it back */
    int64_t attempt, execution_ms;
    uint64_t since_ms;           /* taken */
    uint64_t ended_ms;           /* HELD_ENDING since, 0 not yet */
    uint64_t stopped_ms;         /* HELD_STOPPED since */
    uint64_t stop_told_ms;       /* last time its handler was told, 0 never */
    uint64_t seen_after_stop_ms; /* a ping listed it after the stop, 0 never */
    unsigned unlisted;           /* pings in a row that did not list it */
    uint64_t connection;         /* over which it was handed out, 0 none */
    bool was_received;           /* its handler has shown that it knows of the job */
    int64_t chunk_number;        /* the highest of its numbered chunk posts, 0 none */
    struct stream stream;
    struct progress progress;
    struct ending *ending;   /* HELD_ENDING */
    struct forward *forward; /* while the HTTP server of its slot works on it */
};

struct held *held_new(struct slot *slot, const struct taken_job *job);
void held_move(struct held *held, enum held_state state);
/* The handler is done with it; the slot may take, drain on or stop. Keeps the job itself. */
void held_leave(struct held *held);
/* Unlinks from everything and frees. */
void held_free(struct held *held);
struct held *held_find(struct slot *slot, struct slice id); /* NULL when it has none such */
/* What transitions call it; borrowed. */
struct held_job held_name(const struct held *held);
/* Tells the API nodes that wait for the job; payload empty: they shall look. */
void held_announce(const struct held *held, struct slice watchers, struct slice payload);
/* Tells those of them that want chunks; payload: see bus_chunks.h, empty: they shall look. */
void held_announce_chunks(const struct held *held, struct slice watchers, struct slice payload);

#endif
