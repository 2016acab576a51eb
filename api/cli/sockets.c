/* SO_REUSEADDR lets a second start take the port at once; SO_REUSEPORT is left out on purpose: with
 * it two `millrace up` would share a port instead of the second one being told. */
#include "sockets.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096

char *sockets_address(const char *host, int port)
{
    bool is_v6 = strchr(host, ':') != NULL;
    return xasprintf("%s%s%s:%d", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
}

const char *sockets_reach(const char *host)
{
    if (strcmp(host, "0.0.0.0") == 0) {
        return "127.0.0.1";
    }
    return strcmp(host, "::") == 0 ? "::1" : host;
}

static enum err tell(const char *host, int port, struct buf *problem)
{
    int number = errno;
    if (number == EADDRINUSE) {
        (void)buf_printf(problem,
                         "port %d on %s is in use: stop what listens there (`ss -ltnp` "
                         "names it), or choose another with --port",
                         port, host);
    } else if (number == EACCES) {
        (void)buf_printf(problem,
                         "this user may not listen on port %d: choose one above 1023 with "
                         "--port",
                         port);
    } else {
        (void)buf_printf(problem,
                         "cannot listen on %s port %d (%s): name an address of this "
                         "machine with --host",
                         host, port, strerror(number));
    }
    return err_from_errno(number);
}

static int open_bound(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) {
        return fd;
    }
    int number = errno;
    (void)close(fd);
    errno = number;
    return -1;
}

static int port_of(int fd)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);
    if (getsockname(fd, (struct sockaddr *)&name, &len) != 0) {
        return 0;
    }
    return ntohs(name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                                            : ((struct sockaddr_in *)&name)->sin_port);
}

enum err sockets_listen(const char *host, int port, int *ret_fd, int *ret_port, struct buf *problem)
{
    char service[16];
    (void)snprintf(service, sizeof(service), "%d", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int failure = getaddrinfo(host, service, &hints, &found);
    if (failure != 0) {
        (void)buf_printf(problem, "--host %s is no address of this machine (%s)", host,
                         gai_strerror(failure));
        return ERR_NO_FILE;
    }
    int fd = open_bound(found);
    freeaddrinfo(found);
    if (fd < 0) {
        return tell(host, port, problem);
    }
    *ret_fd = fd;
    *ret_port = port_of(fd);
    return ERR_OK;
}
