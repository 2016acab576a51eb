/* The table of paths: which operation answers what, who may call it, how large its body may be. */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "auth.h"
#include "net/http.h"
#include "queue/endpoint.h"

struct op;
typedef void (*op_fn)(struct op *op);

enum route_body { BODY_SMALL, BODY_RUN, BODY_RUNSYNC, BODY_GATE };

struct route {
    const char *path;  /* "/v2/:ep/status/:id": ':' parts match one segment, a last '*' all */
    unsigned methods;  /* enum http_method, or-ed */
    enum permit needs; /* at the endpoint of the path */
    enum route_body body;
    enum limit_group group;
    op_fn start;
};

struct route_match {
    const struct route *route;
    struct slice ep, id;
    unsigned allowed; /* methods of the path, when none matched */
};

/* ERR_NOT_FOUND: no such path; ERR_METHOD_NOT_ALLOWED: see `allowed`. */
enum err route_find(enum http_method method, struct slice path, struct route_match *ret_match);
/* "GET, POST" */
void route_allow(unsigned methods, struct buf *out);

#endif
