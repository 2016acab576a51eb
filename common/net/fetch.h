/* Outgoing HTTP on the loop (libcurl).
 *
 * A request calls back exactly once, later, on the loop's thread, unless it is cancelled.
 * Redirects are answers like any other; proxies of the environment are not used. Connections are
 * kept and used again. How many requests run at once is the caller's business. */
#ifndef NET_FETCH_H
#define NET_FETCH_H

#include "base/buf.h"
#include "net/loop.h"

struct sockaddr;
struct fetcher;
struct fetch;

/* Asked for the very address of each connection before it is opened; false writes why not, for
 * fetch_result.problem. Must not start or cancel. */
typedef bool (*fetch_allow_fn)(const struct sockaddr *address, struct buf *problem, void *arg);

struct fetch_result {
    enum err err; /* ERR_OK: there is an answer, whatever its status; ERR_NO_PERMISSION: none of
                   * the host's addresses is allowed */
    int status;   /* HTTP status, 0 without an answer */
    const char *problem; /* why there is none; borrowed until the callback returns */
    struct slice head;   /* its header lines, as received; borrowed likewise */
    struct slice body;   /* its first bytes, at most response_max; borrowed likewise */
};
typedef void (*fetch_fn)(const struct fetch_result *result, void *arg);
/* A piece of the answer's body, as soon as it has come; the head is known by then. May start and
 * cancel, itself too. */
typedef void (*fetch_data_fn)(struct fetch *fetch, struct slice bytes, void *arg);

struct fetch_request {
    const char *method;         /* "POST"; a body is sent with any method when there is one */
    const char *url;            /* copied */
    const char *const *headers; /* "Name: value", NULL-terminated; copied */
    struct buf *body;           /* taken; NULL for none */
    bool is_once; /* on a connection of its own: on a kept one that has died curl sends again */
    const char *ca_file;   /* certificates to trust instead of the system's; NULL. Copied */
    uint64_t timeout_ms;   /* for the whole; 0: none */
    size_t response_max;   /* what is longer is cut, and the connection closed */
    fetch_data_fn on_data; /* takes the body piece by piece instead; NULL: it is kept */
    fetch_allow_fn allow;  /* NULL: every address */
    void *allow_arg;
};

struct fetcher *fetcher_new(struct loop *loop);
void fetcher_free(struct fetcher *fetcher); /* nothing may be running; accepts NULL */
struct fetch *fetch_start(struct fetcher *fetcher, const struct fetch_request *request, fetch_fn fn,
                          void *arg);
/* No callback comes. Not from inside fetch_allow_fn. */
void fetch_cancel(struct fetch *fetch);
/* With on_data: no further pieces are read until resumed. */
void fetch_pause(struct fetch *fetch);
void fetch_resume(struct fetch *fetch);
/* 0 and empty before the head has come. The lines end in CRLF. */
int fetch_status(const struct fetch *fetch);
struct slice fetch_head(const struct fetch *fetch);
/* The first header of that name, any case, trimmed; empty when absent. */
struct slice fetch_header(struct slice head, const char *name);

#endif
