/* One queue, one lock, one line to the agent for each thread. The queue stays short: the taker
 * never asks for more jobs than there is room for in the roster. */
#include "crew.h"

#include "work.h"

struct crew {
    struct host *host;
    pthread_mutex_t lock;
    pthread_cond_t woken; /* a job was queued, or is_closing */
    struct list queue;    /* job.queued */
    bool is_closing;
    unsigned size;
    pthread_t *threads;
};

static void *crew_main(void *arg);
static struct job *crew_next(struct crew *crew);

struct crew *crew_new(struct host *host, unsigned size)
{
    struct crew *crew = xcalloc(1, sizeof(*crew));
    crew->host = host;
    crew->size = size;
    crew->threads = xcalloc(size, sizeof(*crew->threads));
    list_init(&crew->queue);
    ensure(pthread_mutex_init(&crew->lock, NULL) == 0);
    ensure(pthread_cond_init(&crew->woken, NULL) == 0);
    for (unsigned i = 0; i < size; i++) {
        ensure(pthread_create(&crew->threads[i], NULL, crew_main, crew) == 0);
    }
    return crew;
}

void crew_give(struct crew *crew, struct job *job)
{
    pthread_mutex_lock(&crew->lock);
    list_push(&crew->queue, &job->queued);
    pthread_cond_signal(&crew->woken);
    pthread_mutex_unlock(&crew->lock);
}

static void *crew_main(void *arg)
{
    struct crew *crew = arg;
    AUTO(line_free) struct line *line = line_new(&(struct line_config){.key = crew->host->key});
    struct job *job;
    while ((job = crew_next(crew)) != NULL) {
        work_run(crew->host, job, line);
    }
    return NULL;
}

/* NULL: the crew closes and nothing is left. */
static struct job *crew_next(struct crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    while (list_is_empty(&crew->queue) && !crew->is_closing) {
        pthread_cond_wait(&crew->woken, &crew->lock);
    }
    struct list *first = list_pop(&crew->queue);
    pthread_mutex_unlock(&crew->lock);
    return first != NULL ? container_of(first, struct job, queued) : NULL;
}

void crew_free(struct crew *crew)
{
    if (crew == NULL) {
        return;
    }
    pthread_mutex_lock(&crew->lock);
    crew->is_closing = true;
    pthread_cond_broadcast(&crew->woken);
    pthread_mutex_unlock(&crew->lock);
    for (unsigned i = 0; i < crew->size; i++) {
        pthread_join(crew->threads[i], NULL);
    }
    pthread_cond_destroy(&crew->woken);
    pthread_mutex_destroy(&crew->lock);
    free(crew->threads);
    free(crew);
}
