/* The name of the socket holds a digest of both: names may be longer than a socket's. Where
 * abstract sockets do not exist there is nothing to claim, and the agent starts all the same. */
#include "claim.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/digest.h"

enum err claim_name(const char *redis_url, const char *node_id)
{
    AUTO_STR both = xasprintf("%s %s", redis_url, node_id);
    char digest[DIGEST_HEX_SIZE];
    digest_sha256_hex(slice_of(both), digest);
    struct sockaddr_un address = {.sun_family = AF_UNIX}; /* sun_path[0] == 0: abstract */
    int len =
        snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "millrace-agent-%s", digest);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    bool is_taken =
        fd >= 0 && bind(fd, (const struct sockaddr *)&address, size) != 0 && errno == EADDRINUSE;
    return is_taken ? ERR_IN_USE : ERR_OK; /* the descriptor stays open on purpose */
}
