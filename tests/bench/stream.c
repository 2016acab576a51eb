/* The load of streams: posts chunks in the name of handlers and reads them as Server-Sent Events.
 *
 *   stream API_PORT AGENT_PORT RATE SECONDS < JOBS
 *
 * JOBS has a line for each job: path of its events, API key, target of its posts, worker key. Each
 * job posts one chunk after the other on a connection of its own, RATE a second (0: the next as
 * soon as the last is answered). A chunk says when it was posted. Prints one line: chunks posted,
 * chunks read, seconds of posting, then in microseconds the 50th and 99th percentile of post to
 * answer and of post to event. */
#include "bench.h"

#define JOBS_MAX 256
#define SAMPLES_MAX 4000000
#define EVENTS_MAX 256
#define MARK "\"output\":\""
#define DIGITS 20
#define REST_NS 5000000000U /* longest wait for what is still on its way */

struct side {
    struct job *job;
    int fd;
    struct bytes in;
    void (*on_bytes)(struct job *job);
};

struct job {
    struct load *load;
    struct side post, events;
    char target[1024], key[256];
    uint64_t posted_ns, due_ns;
    bool is_waiting; /* for the answer to its post */
};

struct samples {
    uint32_t *us;
    size_t count;
};

struct load {
    int epoll;
    struct job jobs[JOBS_MAX];
    size_t count, posted, read;
    uint64_t pause_ns, end_ns;
    struct samples answers, arrivals;
};

static void sample(struct samples *samples, uint64_t since_ns)
{
    if (samples->count < SAMPLES_MAX) {
        samples->us[samples->count++] = (uint32_t)((now_ns() - since_ns) / 1000);
    }
}

static void post(struct job *job)
{
    char text[2048];
    job->posted_ns = now_ns();
    int len = snprintf(text, sizeof(text),
                       "POST %s HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\nContent-Type: "
                       "application/x-www-form-urlencoded\r\nContent-Length: 34\r\n\r\n"
                       "{" MARK "%020llu\" }",
                       job->target, job->key, (unsigned long long)job->posted_ns);
    if (write(job->post.fd, text, (size_t)len) != len) {
        die("post");
    }
    job->due_ns += job->load->pause_ns;
    job->is_waiting = true;
    job->load->posted++;
}

static void post_next(struct job *job)
{
    uint64_t now = now_ns();
    if (!job->is_waiting && now < job->load->end_ns && now >= job->due_ns) {
        post(job);
    }
}

static void on_answer(struct job *job)
{
    size_t head, body;
    if (message_complete(&job->post.in, &head, &body)) {
        bytes_drop(&job->post.in, head + body);
        sample(&job->load->answers, job->posted_ns);
        job->is_waiting = false;
        post_next(job);
    }
}

/* All whole marks in what has come; half a mark waits for the rest. */
static void on_events(struct job *job)
{
    struct bytes *in = &job->events.in;
    const size_t mark = sizeof(MARK) - 1;
    *bytes_room(in, 1) = '\0';
    const char *at = in->ptr, *found;
    while ((found = strstr(at, MARK)) != NULL &&
           (size_t)(found - in->ptr) + mark + DIGITS <= in->len) {
        sample(&job->load->arrivals, strtoull(found + mark, NULL, 10));
        job->load->read++;
        at = found + mark + DIGITS;
    }
    size_t done = (size_t)(at - in->ptr);
    size_t keep = mark + DIGITS < in->len - done ? mark + DIGITS : in->len - done;
    bytes_drop(in, found != NULL ? (size_t)(found - in->ptr) : in->len - keep);
}

static void side_open(struct side *side, struct job *job, int port, void (*on_bytes)(struct job *))
{
    struct sockaddr_in address = loopback(port);
    side->job = job;
    side->on_bytes = on_bytes;
    side->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(side->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        die("connect");
    }
    no_delay(side->fd);
    watch(job->load->epoll, side->fd, side);
}

static void job_open(struct load *load, int api, int agent, char *line)
{
    struct job *job = &load->jobs[load->count++];
    char path[512], key[256], text[1024];
    if (sscanf(line, "%511s %255s %1023s %255s", path, key, job->target, job->key) != 4) {
        die("jobs");
    }
    job->load = load;
    side_open(&job->post, job, agent, on_answer);
    side_open(&job->events, job, api, on_events);
    int len = snprintf(text, sizeof(text),
                       "GET %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n\r\n", path, key);
    if (write(job->events.fd, text, (size_t)len) != len) {
        die("events");
    }
}

static void turn(struct load *load)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(load->epoll, events, EVENTS_MAX, load->pause_ns > 0 ? 1 : 20);
    for (int i = 0; i < count; i++) {
        struct side *side = events[i].data.ptr;
        if (!bytes_read(&side->in, side->fd)) {
            die("connection");
        }
        side->on_bytes(side->job);
    }
    for (size_t i = 0; load->pause_ns > 0 && i < load->count; i++) {
        post_next(&load->jobs[i]);
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static uint32_t percentile(struct samples *samples, size_t percent)
{
    qsort(samples->us, samples->count, sizeof(uint32_t), compare);
    return samples->count > 0 ? samples->us[(samples->count - 1) * percent / 100] : 0;
}

int main(int argc, char **argv)
{
    static struct load load;
    char line[4096];
    if (argc != 5) {
        (void)fprintf(stderr, "usage: stream API_PORT AGENT_PORT RATE SECONDS < JOBS\n");
        return 2;
    }
    load.epoll = epoll_create1(0);
    load.answers.us = calloc(SAMPLES_MAX, sizeof(uint32_t));
    load.arrivals.us = calloc(SAMPLES_MAX, sizeof(uint32_t));
    while (load.count < JOBS_MAX && fgets(line, sizeof(line), stdin) != NULL) {
        job_open(&load, (int)strtol(argv[1], NULL, 10), (int)strtol(argv[2], NULL, 10), line);
    }
    double rate = strtod(argv[3], NULL);
    uint64_t begun = now_ns() + 200000000; /* the readers have joined by then */
    load.pause_ns = rate > 0 ? (uint64_t)(1e9 / rate) : 0;
    load.end_ns = begun + (uint64_t)(strtod(argv[4], NULL) * 1e9);
    for (size_t i = 0; i < load.count; i++) {
        load.jobs[i].due_ns = begun + i * load.pause_ns / load.count;
    }
    while (now_ns() < begun) {
        turn(&load);
    }
    for (size_t i = 0; i < load.count; i++) {
        post_next(&load.jobs[i]);
    }
    while (now_ns() < load.end_ns ||
           (load.read < load.posted && now_ns() < load.end_ns + REST_NS)) {
        turn(&load);
    }
    printf("%zu %zu %g %u %u %u %u\n", load.posted, load.read, (double)(load.end_ns - begun) / 1e9,
           percentile(&load.answers, 50), percentile(&load.answers, 99),
           percentile(&load.arrivals, 50), percentile(&load.arrivals, 99));
    return 0;
}
