/* The load: N keep-alive connections, each sends the same request again as soon as it has its
 * answer.
 *
 *   load PORT CONNECTIONS SECONDS < REQUEST
 *
 * REQUEST is the whole HTTP request. Prints one line: answers, answers that were not 200, seconds,
 * and the 50th and 99th percentile of the time to the answer in microseconds. */
#include "bench.h"

#define SAMPLES_MAX 4000000
#define EVENTS_MAX 256

struct connection {
    int fd;
    uint64_t sent_ns;
    struct bytes in;
};

struct load {
    int epoll;
    struct bytes request;
    uint32_t *samples; /* time to the answer, microseconds */
    size_t answers, refused;
};

static void send_request(struct load *load, struct connection *connection)
{
    connection->sent_ns = now_ns();
    if (write(connection->fd, load->request.ptr, load->request.len) != (ssize_t)load->request.len) {
        die("the request does not fit into the socket");
    }
}

static void open_connection(struct load *load, int port)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    struct sockaddr_in address = loopback(port);
    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        die("connect");
    }
    no_delay(connection->fd);
    watch(load->epoll, connection->fd, connection);
    send_request(load, connection);
}

static void on_answer(struct load *load, struct connection *connection)
{
    size_t head, body;
    if (!bytes_read(&connection->in, connection->fd)) {
        errno = ECONNRESET;
        die("answer");
    }
    if (!message_complete(&connection->in, &head, &body)) {
        return;
    }
    load->refused += memcmp(connection->in.ptr + 9, "200", 3) != 0;
    bytes_drop(&connection->in, head + body);
    if (load->answers < SAMPLES_MAX) {
        load->samples[load->answers++] = (uint32_t)((now_ns() - connection->sent_ns) / 1000);
    }
    send_request(load, connection);
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static uint32_t percentile(const struct load *load, size_t percent)
{
    return load->answers > 0 ? load->samples[(load->answers - 1) * percent / 100] : 0;
}

int main(int argc, char **argv)
{
    struct load load = {.epoll = epoll_create1(0)};
    if (argc != 4) {
        (void)fprintf(stderr, "usage: load PORT CONNECTIONS SECONDS < REQUEST\n");
        return 2;
    }
    load.samples = malloc(SAMPLES_MAX * sizeof(*load.samples));
    load.request.len = fread(bytes_room(&load.request, 65536), 1, 65536, stdin);
    for (long i = 0; i < strtol(argv[2], NULL, 10); i++) {
        open_connection(&load, (int)strtol(argv[1], NULL, 10));
    }
    uint64_t begin = now_ns(), end = begin + (uint64_t)(strtod(argv[3], NULL) * 1e9);
    while (now_ns() < end) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(load.epoll, events, EVENTS_MAX, 100);
        for (int i = 0; i < count; i++) {
            on_answer(&load, events[i].data.ptr);
        }
    }
    double seconds = (double)(now_ns() - begin) / 1e9;
    qsort(load.samples, load.answers, sizeof(*load.samples), compare);
    (void)printf("%zu %zu %.3f %u %u\n", load.answers, load.refused, seconds, percentile(&load, 50),
                 percentile(&load, 99));
    return 0;
}
