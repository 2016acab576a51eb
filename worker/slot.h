/* One place for a handler process, and the life of the process in it. */
#ifndef WORKER_SLOT_H
#define WORKER_SLOT_H

#include "base/map.h"
#include "ending.h"
#include "group.h"
#include "image.h"
#include "process.h"

enum slot_state {
    SLOT_RESTING,  /* no process; waits out a crash back-off */
    SLOT_PULLING,  /* no process; its image is looked for and brought here */
    SLOT_STARTING, /* runs, has not asked for a job yet */
    SLOT_READY,    /* takes jobs */
    SLOT_DRAINING, /* takes no more jobs, ends those it has */
    SLOT_STOPPING, /* has been told to end */
    SLOT_GONE,     /* ended for good */
    SLOT_STATE_COUNT
};
/* Why a slot drains, which decides what follows. */
enum slot_fate {
    FATE_STAY,    /* it does not; ended unasked it starts anew */
    FATE_REPLACE, /* a fresh process in the same slot */
    FATE_SURPLUS, /* the place is given back, or revived when wanted again before it stops */
    FATE_LEAVE    /* the place is given back for certain */
};

#define WORKER_ID_MAX 63

struct server;
struct slot {
    struct list link; /* group.slots */
    struct group *group;
    struct map_node node; /* agent.workers while the process lives */
    unsigned state;
    unsigned fate;
    char worker[WORKER_ID_MAX + 1];
    char token[49];
    struct image_search image; /* while pulling */
    char *image_id;            /* owned; what it runs, NULL for other handlers */
    struct process *process;   /* NULL while resting or pulling */
    struct server *server;     /* of a `server` handler, while the process lives */
    struct list jobs;          /* held.slot_link */
    struct list takes;         /* poll.link, open job-take polls */
    struct list stops;         /* poll.link, open job-stop polls */
    uint64_t since_ms;         /* state as reported; of an idle one: its last job ended */
    uint64_t born_ms;          /* its process started */
    uint64_t polled_ms;        /* and asked for its first job; 0: not yet */
    size_t most_jobs;          /* it was seen to take at once; see report.c */
    int64_t release;           /* of the document it was started with */
    int64_t version;           /* of the newest document that has this release */
    unsigned crashes;          /* in a row */
    struct store_call crash_call, proof_call;
    bool is_unhealthy; /* said so by a ping, or it fails while its siblings do not */
    struct streak streak;
    unsigned quarantines;     /* in a row, without a job completed between them */
    bool has_taken;           /* a job was given to it */
    bool has_worked;          /* a result came */
    bool is_overdue;          /* killed because it asked for no job in time */
    struct timer timer;       /* back-off or first-take limit */
    struct timer stop_timer;  /* stop.c: what to do about stopped jobs next */
    struct timer doubt_timer; /* lost.c: the polls end, to hear again whether it holds its jobs */
    char *dropped;            /* lost.c: id of the last job that went back because of that, owned */
    bool has_pinged;          /* its process has */
    bool lists_jobs;          /* a ping has listed one of its jobs: silence about others counts */
    bool waits_for_cards;     /* resting, but not for a crash */
    int *cards;               /* indexes of its GPUs, owned */
    size_t card_count;
};

/* Starts a process in a new slot of the group. */
void slot_new(struct group *group);
/* The group has another document: when its release is the slot's, the slot works by that one. */
void slot_note_document(struct slot *slot);
/* Its process, or the start of one, is what the group's document asks for. */
bool slot_is_current(const struct slot *slot);
/* Its handler asked for a job. */
void slot_polled(struct slot *slot);
/* Its process runs only now; its container had to be fetched and started first. */
void slot_announced(struct slot *slot);
/* And was given one. */
void slot_taken(struct slot *slot);
/* Whether it may be given jobs now. */
bool slot_is_open(const struct slot *slot);
bool slot_is_busy(const struct slot *slot); /* holds a job that is still wanted */
/* Takes no more jobs; once its jobs have ended the process is stopped. Harmless when repeated. */
void slot_drain(struct slot *slot, enum slot_fate fate);
bool slot_revive(struct slot *slot); /* a surplus one that still drains is wanted again */
/* Ends the process now: SIGTERM, SIGKILL after grace_ms. */
void slot_stop(struct slot *slot, enum slot_fate fate, uint64_t grace_ms);
/* One that rests after a crash rests for long: others decide about the next start. */
void slot_hold_off(struct slot *slot);
/* A job of it has ended with a result. */
void slot_note_result(struct slot *slot, enum ending_kind kind);
/* A job has left it, or was stopped. */
void slot_check(struct slot *slot);
/* One of the store's words for what it does, "" when it no longer counts. */
const char *slot_word(const struct slot *slot);
size_t slot_job_count(const struct slot *slot); /* and requests of a load balancer */

#endif
