/* TLS for the connections to Redis, where hiredis has it (hiredis_ssl, from 1.0). Private to
 * store*.c. Without it store_tls_new() refuses with a text that says so.
 *
 * With cacert the peer must be signed by it, whatever its name: nodes of a cluster are known by
 * addresses that no certificate lists. Without, the system's authorities and the name count. */
#ifndef QUEUE_STORE_TLS_H
#define QUEUE_STORE_TLS_H

#include "queue/store_url.h"

struct redisContext;
struct ssl_st;
struct store_tls;

/* Reads the files that the URL names. ERR_BAD_REQUEST and a problem that names the file. */
enum err store_tls_new(const struct store_url *url, struct store_tls **ret_tls,
                       struct buf *problem);
void store_tls_free(struct store_tls *tls); /* accepts NULL */
AUTO_DEFINE(store_tls_free, struct store_tls *)
/* On a connection that has just been started; host is the peer's. *ret_tls is the context's. */
enum err store_tls_begin(const struct store_tls *tls, struct redisContext *context,
                         const char *host, struct ssl_st **ret_tls);
/* What could not be written waits for bytes of the peer, not for room. Accepts NULL. */
bool store_tls_wants_read(const struct ssl_st *tls);

#endif
