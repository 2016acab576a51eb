/* One connection of the HTTP server, shared by the files of the server only. */
#ifndef NET_HTTP_CONN_H
#define NET_HTTP_CONN_H

#include <uv.h>

#include "base/list.h"
#include "net/http_parse.h"

#define HTTP_SPARES_MAX 64
#define HTTP_READ_SIZE 65536 /* one read takes at most this much; bounds pipelined bytes, too */
/* Idle connections of a draining server: longer than a request is on its way. */
#define HTTP_DRAIN_GRACE_MS 250
#define HTTP_DRAIN_HEAD_MS 2000 /* a head that has begun to arrive */

struct http_flight;

/* IDLE     between requests, no byte of a head has come
 * HEAD     part of a head has come
 * DECIDE   on_head was called, neither accepted nor answered
 * BODY     accepted, the body is being read
 * ANSWER   on_request was called, not answered
 * STREAM   the answer has begun
 * FLUSH    the answer has ended, the request is dead, bytes may still have to leave
 * LINGER   our side is shut down; what the peer still sends is thrown away, so that no reset takes
 *          the answer from it
 * CLOSED   waits for libuv to let go of the handle */
enum http_state {
    HTTP_IDLE,
    HTTP_READ_HEAD,
    HTTP_DECIDE,
    HTTP_READ_BODY,
    HTTP_ANSWER,
    HTTP_STREAM,
    HTTP_FLUSH,
    HTTP_LINGER,
    HTTP_CLOSED,
    HTTP_STATE_COUNT
};

struct http_conn {
    uv_tcp_t tcp;
    struct http_server *server;
    struct list link;     /* in server->conns */
    struct list out_link; /* in server->dirty: `out` leaves at the end of the turn */
    struct timer timer;   /* fires at or before due_ms, see http_conn_deadline() */
    uint64_t due_ms;      /* UINT64_MAX: no deadline */
    unsigned state;       /* enum http_state, moved by http_conn_move() only */
    char peer[46];
    bool is_loopback;
    bool is_reading;
    bool is_running; /* steps run: answers must not run them again */
    bool is_run_due; /* steps are to run when the timer fires */
    bool is_eof;     /* the peer has ended its side */
    bool is_broken;  /* a write has failed; told in the next turn */
    /* of the request */
    bool is_accepted;
    bool is_v10, is_chunked, expects_continue;
    bool is_stream_raw; /* a streamed answer for HTTP/1.0: no chunks */
    bool must_close;    /* after the answer */
    struct http_parse parse;
    struct http_chunks chunks;
    struct http_request request;
    uint64_t number;
    struct buf body;
    size_t body_max;
    uint64_t body_begun_ms;
    void (*on_room)(struct http_request *request);
    http_bytes_fn on_bytes; /* of an upgraded connection */
    void *bytes_arg;
    bool is_held; /* its owner takes no more bytes for now */
    /* bytes */
    struct slice *input;        /* while steps run: what they have not taken */
    struct buf rest;            /* read but not taken; reading is off while there is some */
    struct buf out;             /* to be written after `flight` */
    struct http_flight *flight; /* being written by libuv, or NULL */
    uint64_t flown;             /* all bytes ever given to flights */
    uint64_t flown_mark;        /* how many had left at the last look */
    uint64_t drained;           /* thrown away in LINGER */
};

/* What a request is read into. */
struct http_memory {
    struct http_parse parse;
    struct buf body;
};

struct http_server {
    struct loop *loop;
    struct http_config config; /* no zeros left in it */
    struct http_handlers handlers;
    void *arg;
    struct list listeners; /* http_listener.link */
    struct list conns;     /* http_conn.link */
    struct list dirty;     /* http_conn.out_link */
    size_t conn_count;
    uint64_t conn_number;     /* of the last one accepted */
    struct loop_hook hook;    /* writes what streams have gathered in the turn */
    struct timer flush_timer; /* brings a turn about when streams wrote while the hook ran */
    struct timer drained_timer;
    void (*on_drained)(void *arg);
    void *drained_arg;
    bool is_draining, is_drained, is_closing;
    /* Memory that went through the last requests, still warm: the next ones start with it. So idle
     * connections hold none, and a busy server neither frees nor allocates. */
    struct http_memory spares[HTTP_SPARES_MAX];
    size_t spare_count;
    struct buf scratch;              /* heads of answers */
    char read_bytes[HTTP_READ_SIZE]; /* every read of every connection */
};

/* http_conn.c */
void http_conn_open(struct http_server *server, uv_stream_t *listener);
void http_conn_close(struct http_conn *conn); /* at once, silently */
/* The request, if there is one, is lost: tells its owner and closes. */
void http_conn_lose(struct http_conn *conn);
void http_conn_move(struct http_conn *conn, enum http_state to);
void http_conn_deadline(struct http_conn *conn, uint64_t delay_ms);
void http_conn_no_deadline(struct http_conn *conn);
/* Has the steps run in the next turn; for calls of the owner, which must not be called back. */
void http_conn_run_later(struct http_conn *conn);
/* For a request whose first bytes are there: memory of an earlier one. */
void http_conn_take_memory(struct http_conn *conn);
/* All bytes of a finished answer have left. */
void http_conn_answered(struct http_conn *conn);
bool http_conn_has_request(const struct http_conn *conn);
/* Reads unless something that was read still waits to be taken. */
void http_conn_watch(struct http_conn *conn);
void http_conn_wait_for_body(struct http_conn *conn);
size_t http_conn_body_left(const struct http_conn *conn); /* of a Content-Length */

/* http_step.c */
void http_conn_run(struct http_conn *conn, struct slice bytes);
/* Decides whether the connection ends with the answer that is about to be written. */
void http_conn_settle_close(struct http_conn *conn);

/* http_write.c */
/* Writes now what the socket takes and keeps the rest. */
void http_write(struct http_conn *conn, struct slice head, struct slice body);
/* Gathers; leaves at the end of the turn. */
struct buf *http_write_later(struct http_conn *conn);
size_t http_write_backlog(const struct http_conn *conn);
void http_write_flush(struct http_conn *conn);
bool http_write_has_moved(struct http_conn *conn); /* since the last call */
void http_write_done(struct http_conn *conn);

/* http_reply.c */
/* Answers for the server itself and gives the request up. */
void http_refuse(struct http_conn *conn, enum err err, const char *detail);

/* http_server.c: a connection or listener is no more; the server may be freed by it. */
void http_server_conn_closed(struct http_server *server);

#endif
