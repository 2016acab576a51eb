/* Server-Sent Events out of the bytes of an answer, however they are cut. Pure. */
#ifndef CLI_EVENTS_H
#define CLI_EVENTS_H

#include "base/buf.h"

struct event {
    struct slice name, data; /* borrowed; data lines joined by newlines */
};
typedef void (*event_fn)(const struct event *event, void *arg);

/* Zeroed memory is one that has read nothing; fn and arg are set by the owner. */
struct events {
    event_fn fn;
    void *arg;
    struct buf last_id; /* of the last event: where to go on after a lost connection */
    /* private */
    struct buf line, name, data, id;
};
void events_done(struct events *events);
AUTO_DEFINE_EMBEDDED(events_done, struct events)

void events_feed(struct events *events, struct slice bytes);
/* The connection was lost: half an event is forgotten, the last id stays. */
void events_cut(struct events *events);

#endif
