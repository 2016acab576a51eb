/* What children tell of themselves in the manner of systemd's sd_notify: the socket that their
 * NOTIFY_SOCKET names. The kernel says who has written. */
#ifndef CLI_NOTICES_H
#define CLI_NOTICES_H

#include <sys/types.h>

#include "net/loop.h"

struct notices;
/* pid stops: it serves on what it has in hand and takes nothing new. */
typedef void (*notices_fn)(pid_t pid, void *arg);

/* NULL when the system gives no such socket; the children then do without. */
struct notices *notices_new(struct loop *loop, notices_fn on_stopping, void *arg);
/* For NOTIFY_SOCKET; NULL without notices. */
const char *notices_address(const struct notices *notices);
void notices_free(struct notices *notices); /* in the loop's life; accepts NULL */

#endif
