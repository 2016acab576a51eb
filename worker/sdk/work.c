/* run -> judge -> post -> forget.
 *
 * Whatever the handler does, one result is posted, a cancelled job's too: that is how the agent
 * learns that this process is free again. What must never happen is a job that leaves the roster
 * without it. */
#include "work.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "face.h"
#include "post.h"

static void work_judge(struct job *job, int returned);

void work_run(struct host *host, struct job *job, struct line *line)
{
    const struct millrace_handler *handler = host->library.handler;
    uint64_t start_us = clock_mono_us();
    job->line = line;
    job->face.host = &face_functions;
    int returned = handler->run(host->state, &job->face);
    pthread_mutex_lock(&job->lock);
    work_judge(job, returned);
    enum err err = post_result(job);
    pthread_mutex_unlock(&job->lock);
    log_debug("handler.job_done", "job=%s returned=%d posted=%s us=%" PRIu64, job->id, returned,
              err_name(err), clock_mono_us() - start_us);
    if (job->is_retiring) {
        bell_ring(&host->drain);
    }
    roster_del(&host->roster, job);
    job_free(job);
}

/* A run() that returned failure gets a text, so that no job fails without a reason. */
static void work_judge(struct job *job, int returned)
{
    if (returned == 0 || job->error != NULL) {
        return;
    }
    if (atomic_load(&job->is_cancelled)) {
        job_set_error(job, SLICE("cancelled"));
        return;
    }
    AUTO_STR text = xasprintf("handler '%s' returned %d without a reason",
                              job->host->library.handler->name, returned);
    job_set_error(job, slice_of(text));
}
