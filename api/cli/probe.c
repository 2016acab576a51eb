/* One short-lived connection for each question. Both peers are on this machine, so connecting is
 * immediate or refused; the answer is looked for every 10 ms, and a new question is asked when the
 * peer closed, answered something else, or said nothing for 2 s. */
#include "probe.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#define TICK_MS 10
#define SILENCE_MS 2000

static void tick(struct timer *timer);

void probe_init_unix(struct probe *probe, const char *path)
{
    *probe = (struct probe){.fd = -1};
    struct sockaddr_un *address = (struct sockaddr_un *)&probe->address;
    ensure(strlen(path) < sizeof(address->sun_path));
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, strlen(path) + 1);
    probe->address_len = sizeof(*address);
}

enum err probe_init_tcp(struct probe *probe, const char *host, int port)
{
    *probe = (struct probe){.fd = -1};
    char service[16];
    (void)snprintf(service, sizeof(service), "%d", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, service, &hints, &found) != 0) {
        return ERR_NO_FILE;
    }
    memcpy(&probe->address, found->ai_addr, found->ai_addrlen);
    probe->address_len = found->ai_addrlen;
    freeaddrinfo(found);
    return ERR_OK;
}

void probe_start(struct loop *loop, struct probe *probe)
{
    probe->loop = loop;
    timer_start(loop, &probe->timer, 0, tick);
}

static void hang_up(struct probe *probe)
{
    if (probe->fd >= 0) {
        (void)close(probe->fd);
        probe->fd = -1;
    }
}

void probe_stop(struct probe *probe)
{
    if (probe->loop != NULL) {
        timer_stop(&probe->timer);
        hang_up(probe);
    }
}

static void ask(struct probe *probe)
{
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    probe->fd = socket(probe->address.ss_family, type, 0);
    if (probe->fd < 0) {
        return;
    }
    probe->answer_len = 0;
    probe->asked_ms = loop_now_ms(probe->loop);
    const struct sockaddr *address = (const struct sockaddr *)&probe->address;
    if (connect(probe->fd, address, probe->address_len) != 0 && errno != EINPROGRESS) {
        hang_up(probe);
        return;
    }
    size_t len = strlen(probe->question);
    if (send(probe->fd, probe->question, len, MSG_NOSIGNAL) != (ssize_t)len) {
        hang_up(probe);
    }
}

static bool is_awaited(const struct probe *probe)
{
    struct slice answer = {probe->answer, probe->answer_len};
    return slice_starts(answer, slice_of(probe->awaited));
}

static void remember(struct probe *probe)
{
    if (probe->answer_len > 0) {
        memcpy(probe->last, probe->answer, probe->answer_len);
        probe->last[probe->answer_len] = '\0';
    }
    hang_up(probe);
}

static void listen_for_answer(struct probe *probe)
{
    size_t room = sizeof(probe->answer) - 1 - probe->answer_len;
    ssize_t got = recv(probe->fd, probe->answer + probe->answer_len, room, 0);
    if (got > 0) {
        probe->answer_len += (size_t)got;
        return;
    }
    bool is_waiting = got < 0 && (errno == EAGAIN || errno == EINTR);
    bool is_silent = loop_now_ms(probe->loop) - probe->asked_ms > SILENCE_MS;
    if (!is_waiting || is_silent || probe->answer_len > 0) {
        remember(probe);
    }
}

static void tick(struct timer *timer)
{
    struct probe *probe = container_of(timer, struct probe, timer);
    if (probe->fd < 0) {
        ask(probe);
    } else {
        listen_for_answer(probe);
    }
    if (probe->fd >= 0 && is_awaited(probe)) {
        hang_up(probe);
        probe->on_answer(probe);
        return;
    }
    timer_start(probe->loop, timer, TICK_MS, tick);
}
