/* Redis URLs taken apart. Pure: opens nothing.
 *
 *   redis://[[user]:password@]host[:port][/db]           one Redis
 *   unix:///path[?db=N]                                  one Redis on a socket
 *   redis+sentinel://[[user]:password@]host[:port],.../master[/db][?sentinel-password=P]
 *   redis+cluster://[[user]:password@]host[:port],...
 *
 * rediss instead of redis speaks TLS to Redis and sentinels alike, with ?cacert=, cert=, key=
 * (paths). The login is taken as written; values of parameters may hold %XX, and must for '@', '&'
 * and '%'. */
#ifndef QUEUE_STORE_URL_H
#define QUEUE_STORE_URL_H

#include "base/buf.h"

#define STORE_HOST_SIZE 256
#define STORE_SEEDS_MAX 32

enum store_kind { STORE_SINGLE, STORE_SENTINEL, STORE_CLUSTER };

struct store_address {
    char host[STORE_HOST_SIZE]; /* the path of a socket when port is 0 */
    int port;
};

struct store_url {
    enum store_kind kind;
    struct store_address *seeds; /* the Redis, or the sentinels, or some nodes of the cluster */
    size_t seed_count;
    int64_t db;
    char *master;          /* what the sentinels call it */
    char *user, *password; /* NULL when absent */
    char *sentinel_user, *sentinel_password;
    bool is_tls;
    char *cacert, *cert, *key; /* NULL: the system's authorities; no certificate of our own */
};

/* problem: what is wrong and what is allowed, one line; never shows a password. */
enum err store_url_parse(const char *text, struct store_url *ret_url, struct buf *problem);
void store_url_done(struct store_url *url);
AUTO_DEFINE_EMBEDDED(store_url_done, struct store_url)

/* For messages: login and parameters, which hold passwords, as ***. */
char *store_url_shown(const char *text);

/* "host:port", "[v6]:port" or the path; for messages and as a name of the node. */
char *store_address_text(const struct store_address *address);
bool store_address_eq(const struct store_address *a, const struct store_address *b);
/* host:port with default_port where it is missing; ERR_BAD_REQUEST says nothing about why. */
enum err store_address_parse(struct slice text, int default_port, struct store_address *ret);

#endif
