/* The threads of a handler that runs several jobs at once. */
#ifndef SDK_CREW_H
#define SDK_CREW_H

#include "host.h"

struct crew;

/* Starts `size` threads that call the handler's run(). */
struct crew *crew_new(struct host *host, unsigned size);
/* Hands over a job that is in the roster; the first free thread runs it. */
void crew_give(struct crew *crew, struct job *job);
/* Runs what is queued, blocks until all threads are gone. NULL is fine. */
void crew_free(struct crew *crew);
AUTO_DEFINE(crew_free, struct crew *)

#endif
