/* Headers of messages that are passed on: those that belong to one connection stay behind. */
#ifndef NET_HOP_H
#define NET_HOP_H

#include "base/buf.h"

bool hop_is_own(struct slice name);
/* head: lines as received. Those for the next one, Content-Type excepted. */
void hop_put_reply_headers(struct buf *out, struct slice head);

#endif
