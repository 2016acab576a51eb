/* What the two bench programs share: growing buffers, sockets, and giving up. */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct bytes {
    char *ptr;
    size_t len, size;
};

static inline void die(const char *what)
{
    (void)fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static inline char *bytes_room(struct bytes *bytes, size_t len)
{
    if (bytes->size - bytes->len < len) {
        bytes->size = (bytes->size + len) * 2;
        bytes->ptr = realloc(bytes->ptr, bytes->size);
        if (bytes->ptr == NULL) {
            die("memory");
        }
    }
    return bytes->ptr + bytes->len;
}

static inline void bytes_put(struct bytes *bytes, const void *ptr, size_t len)
{
    memcpy(bytes_room(bytes, len), ptr, len);
    bytes->len += len;
}

static inline void bytes_printf(struct bytes *bytes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline void bytes_printf(struct bytes *bytes, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    bytes_put(bytes, text, (size_t)len);
}

static inline void bytes_drop(struct bytes *bytes, size_t len)
{
    memmove(bytes->ptr, bytes->ptr + len, bytes->len - len);
    bytes->len -= len;
}

/* Reads what is there; false when the peer is gone. */
static inline bool bytes_read(struct bytes *bytes, int fd)
{
    ssize_t got = read(fd, bytes_room(bytes, 65536), 65536);
    if (got > 0) {
        bytes->len += (size_t)got;
    }
    return got > 0 || (got < 0 && errno == EAGAIN);
}

/* Writes what fits; the rest stays. */
static inline void bytes_flush(struct bytes *bytes, int fd)
{
    ssize_t put = bytes->len > 0 ? write(fd, bytes->ptr, bytes->len) : 0;
    if (put > 0) {
        bytes_drop(bytes, (size_t)put);
    }
}

static inline void watch(int epoll, int fd, void *owner)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = owner};
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll");
    }
}

static inline struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static inline void no_delay(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* One HTTP message at the start of bytes: length of head and body; false while incomplete. */
static inline bool message_complete(struct bytes *bytes, size_t *ret_head, size_t *ret_body)
{
    *bytes_room(bytes, 1) = '\0';
    const char *end = bytes->len > 0 ? strstr(bytes->ptr, "\r\n\r\n") : NULL;
    const char *length = end != NULL ? strcasestr(bytes->ptr, "\r\nContent-Length:") : NULL;
    *ret_head = end != NULL ? (size_t)(end - bytes->ptr) + 4 : 0;
    *ret_body = length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0;
    return end != NULL && bytes->len >= *ret_head + *ret_body;
}

static inline uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

#endif
