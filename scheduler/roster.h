/* What the leader knows: endpoints with their documents, counters and workers; agents with their
 * slots and present assignments. Read anew for each tick, in a few pipelined stages.
 *
 * Pointers to endpoints and agents are valid until the next roster_read(). */
#ifndef SCHEDULER_ROSTER_H
#define SCHEDULER_ROSTER_H

#include "decode.h"
#include "gather.h"
#include "load.h"
#include "place.h"
#include "pods.h"
#include "queue/endpoint.h"
#include "reason.h"
#include "scale.h"
#include "table.h"

#define ROSTER_PROBES_MAX 12 /* places 0, 1, 3, 7 ... 511 of the queue and the last of interest */

struct roster_worker {
    char *id;    /* owned */
    char *agent; /* owned */
    enum worker_state state;
    int64_t since_ms; /* Redis time; of a busy one: when it took the oldest job it holds */
    int64_t slots, start_ms, ready_ms; /* see decode.h */
};

/* What the scripts have counted, see common/queue/README.md. */
struct roster_counts {
    int64_t queued, running;            /* jobs */
    int64_t ready, throttled, start_ms; /* as written by a scheduler */
    int64_t arrivals, arrivals_low, finished, work_ms;
    int64_t deaths, death_ms, death_release;
    int reason; /* enum reason; -1: none, or unknown */
};

/* One place in the queue whose job's age is looked at. */
struct roster_probe {
    int64_t place;
    char *job;            /* owned; NULL: the queue is shorter */
    int64_t submitted_ms; /* Redis time; 0: unknown */
};

struct roster_endpoint {
    struct table_item item;
    struct endpoint *conf;           /* owned; NULL until a valid document has been read */
    int64_t version, version_parsed; /* of the document in Redis, of the one looked at; 0: none */
    bool is_read;                    /* counters and workers of this tick are there */
    struct roster_counts counts;
    int64_t waiting, late;            /* see scale.h */
    int64_t oldest_ms, oldest_low_ms; /* Redis time of the submission of the first; 0: none waits */
    char *head_low;                   /* owned; id of the first job of low priority */
    int64_t hook_ms; /* Redis time at which the first webhook delivery is due; 0: none waits */
    struct roster_worker *workers; /* owned array */
    size_t worker_count, worker_cap;
    struct roster_probe probes[ROSTER_PROBES_MAX];
    size_t probe_count;
    /* written by drivers/kubernetes.c before the plan, when Kubernetes runs it */
    bool is_clustered;
    char release[16];               /* what its pods shall be labelled with */
    int64_t pods_asked, pods_there; /* of that release: asked for so far; known */
    bool is_refused;                /* Kubernetes makes no pods of it */
    /* written by plan.c */
    int64_t pods_nascent, pods_old_busy; /* see podplan.c */
    int64_t pods_wanted;                 /* of that release; -1: it is not known */
    enum pod_trouble trouble;            /* the worst of its pods */
    const struct pod *troubled;          /* that one; valid in the round */
    char *said_told;                     /* owned; what was kept last of a crash; NULL */
    struct scale_input input;
    struct scale_decision decision;
    struct load load;
    enum reason reason;
    int64_t placed, ready, throttled;
    int64_t by_state[WORKER_STATE_COUNT]; /* workers */
    int64_t grown_ms;    /* Redis time of the last round that placed more than the one before */
    int64_t starving_ms; /* since when it wants a worker and has none; 0: it does not */
    int64_t served_ms;   /* since when it has one that is ready; 0: none */
    int64_t youngest_ms; /* Redis time of the latest first poll of a worker; 0: none is there */
    int64_t pardon_ms;   /* its document was applied (again); 0: never */
    int64_t lapsed;      /* attempts whose lease ran out, as swept by this scheduler */
    int64_t want_told, placed_told; /* by the last decision that was kept */
};

struct roster_wish {
    struct slice endpoint; /* owned bytes */
    int64_t count;
};

struct roster_agent {
    struct table_item item;
    char *text;                     /* owned; its description */
    struct agent_value value;       /* parts of the text; zeros while it cannot be read */
    int64_t cards[PLACE_TYPES_MAX]; /* that it may give, by type; a card of two agents is the first
                                       one's */
    int64_t beat_ms;                /* Redis time; 0: never */
    bool is_live;                   /* has beaten within AGENT_LOST_MS */
    bool is_gone;                   /* has not, though it could have */
    bool is_known;                  /* wishes are what Redis holds */
    bool is_refused;                /* the last write met a younger leader */
    uint64_t written_ms;            /* loop time of the last write of the wishes; 0: never */
    struct roster_wish *wishes;     /* owned array, in the order of endpoints when written here */
    size_t wish_count;
};

struct roster;
typedef void (*roster_fn)(struct roster *roster, enum err err);

struct roster {
    struct table endpoints, agents;
    struct pods *pods;                   /* of a driver; NULL: Kubernetes is not used */
    int64_t now_ms;                      /* Redis time of this tick */
    struct slice types[PLACE_TYPES_MAX]; /* names of the cards there are; parts of agents' texts */
    bool is_slice[PLACE_TYPES_MAX];      /* cards of the type are parts of a card */
    size_t type_count;
    bool is_cards_stale; /* agents have changed: cards and types must be counted again */
    /* private */
    struct loop *loop;
    struct gather gather;
    roster_fn then;
    uint64_t conf_due_ms;   /* loop time of the next look at the documents */
    uint64_t conf_often_ms; /* until then they are looked at in every tick */
    uint64_t connected_ms;  /* loop time since which agents can have beaten */
};

void roster_init(struct roster *roster, struct loop *loop, struct store *store);
void roster_done(struct roster *roster);

/* Documents have changed: look at them now and for a while (the set of endpoints follows its
 * documents in a call of its own). */
void roster_expect_change(struct roster *roster);
/* The connection to Redis is new: agents, too, come back only now, so none counts as gone for
 * AGENT_LOST_MS. */
void roster_reconnected(struct roster *roster);
/* The owner has applied the document again. prefix: "mr:{ID}:". */
void roster_pardon(struct roster *roster, struct slice prefix);
/* Others may have written assignments: read them before the next decision. */
void roster_forget_wishes(struct roster *roster);

/* One at a time. then(err) follows, later; on an error nothing may be decided from it. */
void roster_read(struct roster *roster, roster_fn then);

struct roster_endpoint *roster_endpoint_at(const struct roster *roster, size_t index);
struct roster_agent *roster_agent_at(const struct roster *roster, size_t index);
/* prefix: "mr:{ID}:", as the scripts publish it. */
bool roster_knows(const struct roster *roster, struct slice prefix);
/* NULL when there is none. */
struct roster_agent *roster_find_agent(const struct roster *roster, struct slice id);
int64_t roster_agent_wish(const struct roster_agent *agent, struct slice endpoint);
/* The array is moved in. */
void roster_agent_set_wishes(struct roster_agent *agent, struct roster_wish *wishes, size_t count);
void roster_wishes_free(struct roster_wish *wishes, size_t count);
void roster_endpoint_add_worker(struct roster_endpoint *endpoint, struct slice id,
                                const struct worker_value *value);
void roster_endpoint_drop_workers(struct roster_endpoint *endpoint);
void roster_endpoint_drop_probes(struct roster_endpoint *endpoint);

#endif
