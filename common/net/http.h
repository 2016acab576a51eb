/* HTTP/1.1 server on the loop: sockets, limits, deadlines, framing. What a request means is the
 * owner's business.
 *
 * Life of a request:
 *   on_head     head complete, body unread. The owner calls http_accept() with the largest body it
 *               wants, or answers at once (401, 404, 413 ...); it may do either later, reading is
 *               paused until then. A request answered before its body has been read closes the
 *               connection afterwards, lingering.
 *   on_request  body complete. The owner answers with http_reply(), now or later, or streams.
 *   on_gone     the peer closed or was cut before the answer ended. The request is freed when it
 *               returns; nothing may be called on it any more.
 * A request ends by the end of its answer or by on_gone, exactly one of the two; after that the
 * pointer is dead. on_gone also comes when the server itself refuses an accepted body (too large,
 * too slow, bad chunks): it has answered the client, the owner only lets go. Requests on one
 * connection are handled one after the other (pipelined bytes wait unread, bounded); a half-closed
 * connection gets its answer. All on the loop's thread; http_accept(), http_reply() and
 * http_stream_*() never call back from inside. */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/buf.h"
#include "net/loop.h"

#define HTTP_HEAD_MAX 16384  /* header block, 431 beyond */
#define HTTP_LINE_MAX 8192   /* request target, 414 beyond */
#define HTTP_HEADERS_MAX 100 /* 431 beyond */

enum http_method {
    HTTP_GET = 1,
    HTTP_HEAD = 2,
    HTTP_POST = 4,
    HTTP_PUT = 8,
    HTTP_DELETE = 16,
    HTTP_PATCH = 32,
    HTTP_OPTIONS = 64,
    HTTP_OTHER = 128
};

struct http_header {
    struct slice name, value; /* value trimmed */
};

struct http_server;
struct http_request {
    enum http_method method;
    struct slice method_name;
    struct slice path;  /* raw, duplicate slashes collapsed, no trailing slash except "/" */
    struct slice query; /* raw, after the '?', may be empty */
    const struct http_header *headers;
    size_t header_count;
    int64_t content_length; /* -1 when the body is chunked or absent */
    struct slice body;      /* from on_request on, until the answer has ended */
    struct slice peer;      /* "127.0.0.1" */
    bool is_loopback;
    uint64_t connection; /* number of its connection, never used twice in one server */
    void *op;            /* the owner's; not touched here */
    /* A peer that ends its side while it waits has usually only half-closed and gets its answer.
     * Set in on_head or on_request, its end counts as on_gone: for long polls whose callers never
     * half-close, where an aborted wait must be noticed at once. */
    bool eof_is_gone;
    void (*on_gone)(struct http_request *request); /* NULL: nobody needs to be told */
};

struct http_handlers {
    void (*on_head)(struct http_request *request, void *arg);
    /* Optional: of a body whose length was not announced so many bytes are here. An answer given
     * in here ends it. */
    void (*on_body)(struct http_request *request, size_t bytes, void *arg);
    void (*on_request)(struct http_request *request, void *arg);
    /* A request that was refused below the owner (bad syntax, limits, deadlines): writes the body
     * of the answer, e.g. as JSON, into out. NULL: plain text. */
    void (*on_refused)(enum err err, const char *detail, struct buf *out, void *arg);
};

struct http_config {
    uint64_t head_ms;         /* from the first byte of a head to its end; 0: 10 s */
    uint64_t body_ms;         /* longest time without the minimum rate, see body_rate; 0: 30 s */
    size_t body_rate;         /* bytes per second a body must average after body_ms; 0: 65536 */
    uint64_t idle_ms;         /* keep-alive without a request; 0: 90 s */
    uint64_t write_ms;        /* a peer that reads nothing of its answer is cut; 0: 60 s */
    size_t connections_max;   /* further ones wait in the backlog; 0: 20000 */
    const char *content_type; /* of http_reply() when none is given; NULL: application/json */
    bool shares_port;         /* other processes may listen on the same one (SO_REUSEPORT) */
};

struct http_server *http_server_new(struct loop *loop, const struct http_config *config,
                                    const struct http_handlers *handlers, void *arg);
/* host "127.0.0.1", port 0 picks one. *ret_port may be NULL. */
enum err http_server_listen(struct http_server *server, const char *host, int port, int *ret_port);
enum err http_server_adopt(struct http_server *server, int fd); /* an fd that already listens */
/* Stops accepting (adopted sockets stay open in their owner), answers further requests with
 * Connection: close, closes idle connections, and calls back once when none is left. */
void http_server_drain(struct http_server *server, void (*on_drained)(void *arg), void *arg);
/* Closes everything at once, telling pending requests by on_gone from inside; the server is freed
 * before the loop ends. Accepts NULL. */
void http_server_close(struct http_server *server);
size_t http_server_connections(const struct http_server *server);
/* Is the one with this number (http_request.connection) still open? Looks through all of them. */
bool http_server_has_connection(const struct http_server *server, uint64_t number);

/* In on_head or later, once, instead of an answer. body_max is inclusive; a longer body is answered
 * ERR_TOO_LARGE by on_refused, from Content-Length before anything is read. */
void http_accept(struct http_request *request, size_t body_max);
#define HTTP_TOO_LARGE_SIZE 96
/* What a longer body is answered with. */
void http_too_large(size_t body_max, char detail[HTTP_TOO_LARGE_SIZE]);

/* From on_request on: frees head and body early (path, query, headers and body become empty), for
 * requests that are parked in great numbers. */
void http_forget(struct http_request *request);

/* Whole answer. Bytes are borrowed until it returns. `headers` are further complete lines
 * ("Retry-After: 1\r\n"), may be empty. content_type NULL: the configured one. */
struct http_answer {
    int status;
    const char *content_type;
    struct slice headers;
    struct slice body;
    bool must_close; /* what the peer has sent behind this request is not read */
};
void http_reply(struct http_request *request, const struct http_answer *answer);

/* Streamed answer, chunked (raw until close for HTTP/1.0). write never blocks: the writes of a turn
 * leave together at its end; what has not left is kept, http_stream_backlog() says how much.
 * on_room is called once each time the backlog has fallen to nothing after it had been above zero.
 */
void http_stream_begin(struct http_request *request, const struct http_answer *head);
void http_stream_write(struct http_request *request, struct slice bytes);
void http_stream_end(struct http_request *request);
/* Closes the connection instead, so that the client sees that the answer is not whole. on_gone does
 * not come. */
void http_stream_cut(struct http_request *request);
size_t http_stream_backlog(const struct http_request *request);
void http_stream_on_room(struct http_request *request, void (*on_room)(struct http_request *));

/* Instead of an answer, from on_request on: 101, and no more HTTP on this connection. `headers` are
 * complete lines, Upgrade among them. What the peer sends comes to on_bytes, never from inside;
 * http_stream_write() sends as it is, http_stream_end() closes. The peer's end is on_gone. While
 * held nothing is read: for owners that cannot take more. */
typedef void (*http_bytes_fn)(struct slice bytes, void *arg);
void http_upgrade(struct http_request *request, struct slice headers, http_bytes_fn on_bytes,
                  void *arg);
void http_upgrade_hold(struct http_request *request);
void http_upgrade_release(struct http_request *request); /* harmless when it is not held */

/* First header of that name, any case; empty slice with NULL ptr when absent. */
struct slice http_header(const struct http_request *request, const char *name);
/* Value of a query parameter, percent-decoded ('+' is a blank) into out; false when absent. */
bool http_query(struct slice query, const char *name, struct buf *out);
const char *http_reason(int status); /* "Not Found" */

#endif
