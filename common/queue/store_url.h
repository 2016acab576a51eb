/* Redis URLs taken apart: redis://[[user]:password@]host[:port][/db], unix:///path[?db=N]. Pure. */
#ifndef QUEUE_STORE_URL_H
#define QUEUE_STORE_URL_H

#include "base/buf.h"

struct store_url {
    char *host; /* NULL for a unix socket */
    char *path; /* NULL for tcp */
    int port;
    int64_t db;
    char *user, *password; /* NULL when absent */
};

/* problem: what is wrong and what is allowed, one line; never shows the password. */
enum err store_url_parse(const char *text, struct store_url *ret_url, struct buf *problem);
void store_url_done(struct store_url *url);
AUTO_DEFINE_EMBEDDED(store_url_done, struct store_url)

#endif
