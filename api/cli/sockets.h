/* Listening sockets that `millrace up` opens itself and hands to its API nodes, so that a node can
 * be restarted without one refused connection. */
#ifndef CLI_SOCKETS_H
#define CLI_SOCKETS_H

#include "base/buf.h"

/* Port 0 picks a free one. On an error `problem` holds one line that says what to do. The caller
 * closes *ret_fd. */
enum err sockets_listen(const char *host, int port, int *ret_fd, int *ret_port,
                        struct buf *problem);
/* "HOST:PORT", with brackets around an IPv6 address; the caller's. */
char *sockets_address(const char *host, int port);
/* Where a client on this machine reaches a node that listens on `host`: 0.0.0.0 and :: become the
 * loopback address; borrowed. */
const char *sockets_reach(const char *host);

#endif
