/* The agent of one machine: what it serves and what all its parts share.
 *
 *   agent ── groups: one for each endpoint served
 *              ├── slots: one for each handler process wanted
 *              └── held jobs: taken and not yet ended in the store */
#ifndef WORKER_AGENT_H
#define WORKER_AGENT_H

#include "base/map.h"
#include "cache.h"
#include "intake.h"
#include "keeper.h"
#include "machine.h"
#include "meter.h"
#include "net/bus.h"
#include "net/turns.h"
#include "pulse.h"
#include "queue/guard.h"
#include "queue/queue.h"
#include "reaper.h"
#include "tool.h"

struct boot;
struct cards;
struct cards_config;
struct fetcher;
struct gate;
struct plane;
struct pod;
struct pod_config;
struct pulls;
struct runtime;
struct group;
struct spool;

struct agent_config {
    const char *id;
    const char *redis_url;
    enum guard_mode guard;
    int64_t slots;   /* most handler processes, 0 allowed */
    const char *run; /* random, the mark of this agent in the environment of its handlers */
    struct keeper *keeper;
    const struct cards_config *cards;
    const struct config_strings *labels;         /* "KEY=VALUE" */
    const char *spool_dir;                       /* NULL: what Redis cannot take waits in memory */
    size_t spool_max;                            /* bytes */
    size_t bodies_max;                           /* bytes, see intake.h */
    const char *lb;                              /* HOST:PORT of the gate */
    const char *container_runtime;               /* see runtime.h */
    const struct config_strings *container_args; /* more arguments for each `run` */
    uint64_t pull_timeout_ms;
    uint64_t lb_grace_ms;         /* for WebSockets whose worker is to go */
    const struct pod_config *pod; /* of a Kubernetes pod; NULL: of a machine */
};

struct agent {
    struct agent_config config;
    struct loop *loop;
    struct store *store;
    struct guard guard;
    struct feed *feed;
    struct bus *bus;
    struct gate *gate;
    struct fetcher *fetcher; /* to the HTTP servers of `server` handlers */
    struct plane *plane;
    struct pod *pod; /* NULL: the agent of a machine */
    struct reaper *reaper;
    struct runtime *runtime; /* of containers */
    struct pulls *pulls;     /* of images */
    struct tools tools;      /* helper programs that run */
    struct cards *cards;
    struct spool *spool; /* NULL without a folder for it */
    struct intake intake;
    struct turns to_store, to_spool; /* large results, see ending.c */
    struct list groups;              /* group.link */
    struct meter meter;
    struct pulse pulse; /* of the streams of all jobs */
    struct cache cache;
    struct map workers; /* slot.node, by worker id: whom the plane may answer */
    char host[256];
    char machine[MACHINE_ID_SIZE];
    char *description;        /* JSON for the beat; NULL: to be made anew */
    size_t buffered_bytes;    /* results and chunks not stored yet */
    uint64_t large_stored_ms; /* the store last took a large result */
    uint64_t take_from_ms;    /* nothing is taken before: other holders may come back first */
    bool is_booted;           /* what an earlier agent of this name held has been given back */
    bool is_stopping;
    /* private */
    struct store_call beat_call, goodbye_call;
    struct timer beat_timer;
    struct timer converge_timer;
    struct timer goodbye_timer;
    struct boot *boot; /* until is_booted */
    bool beat_again;   /* asked for while one was on its way */
    int64_t beat_ms;   /* Redis time of the last beat that was answered */
    int64_t epoch;     /* of the assignment that stands */
    bool was_ready;    /* the store has been there before */
};

/* A store that comes back may have lost that jobs were taken. Nothing is taken from it for so long:
 * every holder is back within the longest pause between two tries to connect (2.5 s). */
#define RETURN_MS 3000

struct agent *agent_new(struct loop *loop, const struct agent_config *config);
/* Drains: no new jobs, handlers end when theirs have; then the loop stops. */
void agent_stop(struct agent *agent);
void agent_free(struct agent *agent); /* after the loop has stopped; handlers still there die */

/* In the next turn starts and ends handler processes until they match what is wanted. Call after
 * every change. */
void agent_converge(struct agent *agent);
/* Ends the loop when the agent is stopping and nothing is left. */
void agent_check_stopped(struct agent *agent);
/* Something is at hand here from now on; see cache.h. */
void agent_note_cached(struct agent *agent, const char *kind, struct slice name);
/* The description has changed: the next beat tells. */
void agent_describe(struct agent *agent);
struct group *agent_group(struct agent *agent, struct slice ep); /* NULL when not served */
size_t agent_slot_count(const struct agent *agent);

#endif
