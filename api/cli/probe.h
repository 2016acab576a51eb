/* Asks a server that is starting the same question until it gives the awaited answer. Used only
 * between start and ready; never blocks. */
#ifndef CLI_PROBE_H
#define CLI_PROBE_H

#include <sys/socket.h>

#include "base/buf.h"
#include "net/loop.h"

#define PROBE_ANSWER_MAX 1024

struct probe;
typedef void (*probe_fn)(struct probe *probe);

struct probe {
    const char *question;        /* borrowed */
    const char *awaited;         /* the answer's beginning; borrowed */
    probe_fn on_answer;          /* the awaited one came */
    char last[PROBE_ANSWER_MAX]; /* the latest other answer, "" when there was none */
    void *owner;
    /* private */
    struct loop *loop;
    struct timer timer;
    struct sockaddr_storage address;
    socklen_t address_len;
    int fd; /* -1: not connected */
    uint64_t asked_ms;
    char answer[PROBE_ANSWER_MAX];
    size_t answer_len;
};

/* Sets where to ask; the path must fit a socket address. */
void probe_init_unix(struct probe *probe, const char *path);
enum err probe_init_tcp(struct probe *probe, const char *host, int port);
void probe_start(struct loop *loop, struct probe *probe);
void probe_stop(struct probe *probe); /* harmless when it does not run */

#endif
