/* What a job sends to the agent: progress, chunks and the one result. All block; the caller holds
 * the job's lock, so that posts of one job go out in order. */
#ifndef SDK_POST_H
#define SDK_POST_H

#include "job.h"

/* One attempt: progress is replaced by the next one anyway. */
enum err post_progress(struct job *job, struct slice json);
/* Tries again while the agent is away; a cancelled job's chunk is given up. */
enum err post_chunk(struct job *job, struct slice json);
/* The same for the result, cancelled or not: {"output":X}, with "error" when the job has failed. */
enum err post_result(struct job *job);

#endif
