/* A datagram socket of the abstract kind: its name is the kernel's choice, so it needs no folder
 * and leaves nothing behind. */
#include "notices.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "base/slice.h"

#define NOTICE_MAX 512

struct notices {
    uv_poll_t poll;
    int fd;
    char address[64];
    notices_fn on_stopping;
    void *arg;
};

static pid_t sender_of(struct msghdr *message)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at != NULL; at = CMSG_NXTHDR(message, at)) {
        if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_CREDENTIALS) {
            struct ucred sender;
            memcpy(&sender, CMSG_DATA(at), sizeof(sender));
            return sender.pid;
        }
    }
    return 0;
}

static bool says_stopping(struct slice text)
{
    while (text.len > 0) {
        if (slice_is(slice_cut(&text, '\n'), "STOPPING=1")) {
            return true;
        }
    }
    return false;
}

/* False when there is none left. */
static bool read_one(struct notices *notices)
{
    char text[NOTICE_MAX];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
    } control = {0};
    struct iovec part = {.iov_base = text, .iov_len = sizeof(text)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t len = recvmsg(notices->fd, &message, MSG_CMSG_CLOEXEC);
    if (len < 0) {
        return false;
    }
    pid_t pid = sender_of(&message);
    if (pid > 0 && says_stopping((struct slice){text, (size_t)len})) {
        notices->on_stopping(pid, notices->arg);
    }
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    while (status == 0 && read_one(poll->data)) {
    }
}

/* An address without a name has the kernel find one. */
static bool open_socket(struct notices *notices)
{
    static const int on = 1;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(address);
    notices->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notices->fd < 0 || setsockopt(notices->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0 ||
        bind(notices->fd, (const struct sockaddr *)&address, sizeof(sa_family_t)) != 0 ||
        getsockname(notices->fd, (struct sockaddr *)&address, &len) != 0) {
        return false;
    }
    size_t skip = offsetof(struct sockaddr_un, sun_path) + 1;
    (void)snprintf(notices->address, sizeof(notices->address), "@%.*s",
                   len > skip ? (int)(len - skip) : 0, address.sun_path + 1);
    return true;
}

struct notices *notices_new(struct loop *loop, notices_fn on_stopping, void *arg)
{
    struct notices *notices = xcalloc(1, sizeof(*notices));
    notices->on_stopping = on_stopping;
    notices->arg = arg;
    notices->poll.data = notices;
    if (!open_socket(notices)) {
        if (notices->fd >= 0) {
            (void)close(notices->fd);
        }
        free(notices);
        return NULL;
    }
    ensure(uv_poll_init(loop_uv(loop), &notices->poll, notices->fd) == 0);
    ensure(uv_poll_start(&notices->poll, UV_READABLE, on_readable) == 0);
    return notices;
}

const char *notices_address(const struct notices *notices)
{
    return notices != NULL ? notices->address : NULL;
}

static void on_closed(uv_handle_t *handle)
{
    struct notices *notices = handle->data;
    (void)close(notices->fd);
    free(notices);
}

void notices_free(struct notices *notices)
{
    if (notices != NULL) {
        uv_close((uv_handle_t *)&notices->poll, on_closed);
    }
}
