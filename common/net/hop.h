/* Headers of messages that are passed on: those that belong to one connection stay behind. */
#ifndef NET_HOP_H
#define NET_HOP_H

#include "base/buf.h"

bool hop_is_own(struct slice name);
/* Everybody reads them alike: the name is a word, the value has no control bytes but tabs. */
bool hop_is_header(struct slice name, struct slice value);
/* head: lines as received. Those for the next one, Content-Type excepted. Anything that is no
 * header stays behind, so that nobody behind us takes it for one of his connection. */
void hop_put_reply_headers(struct buf *out, struct slice head);
struct slice hop_reply_type(struct slice head, const char *otherwise); /* its Content-Type */

#endif
