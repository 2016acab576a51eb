/* A list under one lock: it holds a few jobs (at most the handler's concurrency), so that walking
 * it costs less than any index. */
#include "roster.h"

void roster_init(struct roster *roster)
{
    *roster = (struct roster){0};
    list_init(&roster->jobs);
    ensure(pthread_mutex_init(&roster->lock, NULL) == 0);
    ensure(pthread_cond_init(&roster->changed, NULL) == 0);
}

void roster_done(struct roster *roster)
{
    ensure(list_is_empty(&roster->jobs));
    pthread_cond_destroy(&roster->changed);
    pthread_mutex_destroy(&roster->lock);
}

void roster_add(struct roster *roster, struct job *job)
{
    pthread_mutex_lock(&roster->lock);
    list_push(&roster->jobs, &job->held);
    roster->count++;
    pthread_mutex_unlock(&roster->lock);
}

void roster_del(struct roster *roster, struct job *job)
{
    pthread_mutex_lock(&roster->lock);
    ensure(list_is_linked(&job->held));
    list_unlink(&job->held);
    roster->count--;
    pthread_cond_signal(&roster->changed);
    pthread_mutex_unlock(&roster->lock);
}

unsigned roster_count(struct roster *roster)
{
    pthread_mutex_lock(&roster->lock);
    unsigned count = roster->count;
    pthread_mutex_unlock(&roster->lock);
    return count;
}

unsigned roster_wait_room(struct roster *roster, unsigned limit)
{
    pthread_mutex_lock(&roster->lock);
    while (roster->count >= limit) {
        pthread_cond_wait(&roster->changed, &roster->lock);
    }
    unsigned room = limit - roster->count;
    pthread_mutex_unlock(&roster->lock);
    return room;
}

bool roster_cancel(struct roster *roster, struct slice id)
{
    bool is_new = false;
    pthread_mutex_lock(&roster->lock);
    list_each (at, &roster->jobs) {
        struct job *job = container_of(at, struct job, held);
        if (slice_is(id, job->id)) {
            is_new = !atomic_exchange(&job->is_cancelled, true) || is_new;
        }
    }
    pthread_mutex_unlock(&roster->lock);
    return is_new;
}

void roster_put_ids(struct roster *roster, struct buf *out)
{
    pthread_mutex_lock(&roster->lock);
    list_each (at, &roster->jobs) {
        const struct job *job = container_of(at, struct job, held);
        buf_put_str(out, at == roster->jobs.next ? "" : ",");
        buf_put_str(out, job->id);
    }
    pthread_mutex_unlock(&roster->lock);
}
