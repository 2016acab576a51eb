/* The tests' side of a connection: plain blocking sockets, closed by the rig's teardown. */
#ifndef TESTS_UNIT_NET_HTTP_CLIENT_H
#define TESTS_UNIT_NET_HTTP_CLIENT_H

#include "http_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#define PATIENCE_MS 30000 /* only failing tests wait that long */
#define HOST "Host: x\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

/* --- a client --- */

static inline int try_connect(struct rig *rig)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)rig->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)close(fd);
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    return fd;
}

static inline int dial(struct rig *rig)
{
    int fd = try_connect(rig);
    assert_true(fd >= 0 && rig->fd_count < CLIENTS_MAX);
    rig->fds[rig->fd_count++] = fd;
    return fd;
}

static inline void hang_up(struct rig *rig, int fd)
{
    for (size_t i = 0; i < rig->fd_count; i++) {
        if (rig->fds[i] == fd) {
            rig->fds[i] = -1;
        }
    }
    (void)close(fd);
}

static inline void hang_up_with_reset(struct rig *rig, int fd)
{
    struct linger linger = {.l_onoff = 1};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    hang_up(rig, fd);
}

static inline bool send_bytes(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

static inline void say(int fd, const char *text)
{
    assert_true(send_bytes(fd, text, strlen(text)));
}

/* More bytes into rig->in; false at the end of the stream, a reset fails the test. */
static inline bool hear(struct rig *rig, int fd)
{
    assert_int_equal(buf_reserve(&rig->in, 65536), ERR_OK);
    ssize_t count;
    do { /* calls with a time limit are not restarted when the sanitizer stops a thread */
        count = recv(fd, rig->in.ptr + rig->in.len, 65536, 0);
    } while (count < 0 && errno == EINTR);
    assert_true(count >= 0);
    rig->in.len += (size_t)count;
    return count > 0;
}

static inline void hear_end(struct rig *rig, int fd)
{
    while (hear(rig, fd)) {
    }
}

/* Waits until `text` is in what came; returns the offset behind it. */
static inline size_t hear_text(struct rig *rig, int fd, const char *text)
{
    for (;;) {
        const char *at =
            rig->in.len == 0 ? NULL : memmem(rig->in.ptr, rig->in.len, text, strlen(text));
        if (at != NULL) {
            return (size_t)(at - rig->in.ptr) + strlen(text);
        }
        assert_true(hear(rig, fd));
    }
}

static inline bool has_text(const struct rig *rig, const char *text)
{
    return rig->in.len > 0 && memmem(rig->in.ptr, rig->in.len, text, strlen(text)) != NULL;
}

/* Takes one answer with Content-Length off the stream: its status, and whether the body is that. */
static inline void expect_answer(struct rig *rig, int fd, int status, const char *body)
{
    static const char length_name[] = "Content-Length: ";
    size_t head_len = hear_text(rig, fd, "\r\n\r\n");
    char line[32];
    (void)snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
    assert_memory_equal(rig->in.ptr, line, strlen(line));
    const char *length = memmem(rig->in.ptr, head_len, length_name, strlen(length_name));
    assert_non_null(length);
    size_t body_len = strtoul(length + strlen(length_name), NULL, 10);
    while (rig->in.len < head_len + body_len) {
        assert_true(hear(rig, fd));
    }
    if (body != NULL) {
        assert_slice(((struct slice){rig->in.ptr + head_len, body_len}), body);
    }
    buf_consume(&rig->in, head_len + body_len);
}

static inline void wait_for(atomic_int *number, int wanted)
{
    for (int ms = 0; atomic_load(number) != wanted && ms < PATIENCE_MS; ms++) {
        (void)usleep(1000);
    }
    assert_int_equal(atomic_load(number), wanted);
}

#endif
