/* Reading HTTP from bytes, without sockets: the head of a request and a chunked body.
 *
 * A head is gathered until its empty line, at most HTTP_HEAD_MAX bytes of header lines, and judged
 * as a whole; only a head without any fault leaves http_parse_feed() complete. Everything that two
 * parties could read differently (bare line feeds, folded lines, blanks before a colon, two
 * lengths, a length beside a transfer coding, codings other than exactly "chunked") is a fault. */
#ifndef NET_HTTP_PARSE_H
#define NET_HTTP_PARSE_H

#include "net/http.h"

/* What is known once the head is complete. Slices point into the parser's own bytes. */
struct http_head {
    enum http_method method;
    struct slice method_name;
    struct slice path; /* normalised as http.h says */
    struct slice query;
    struct http_header *headers;
    size_t header_count;
    int64_t content_length; /* -1: no such header */
    bool is_chunked;
    bool is_v10;
    bool is_keep_alive;
    bool expects_continue;
};

struct http_parse {
    struct http_head head; /* after ret_is_complete */
    const char *detail;    /* after an error: static text for people */
    /* private */
    struct buf bytes;
    struct http_header *headers; /* owned array of header_cap */
    size_t header_cap;
    size_t line_len;   /* of the line that is being gathered */
    size_t line_count; /* complete lines, the request line included */
    size_t target_line_len;
    char last;
};

/* Zeroed memory is a ready parser. */
void http_parse_done(struct http_parse *parse);
/* Ready for the next head; frees memory beyond what a usual head needs. */
void http_parse_reset(struct http_parse *parse);
/* Hands the memory of a reset parser to one that has none; else does nothing. */
void http_parse_lend(struct http_parse *from, struct http_parse *to);
bool http_parse_is_empty(const struct http_parse *parse); /* no byte of a head has come yet */
/* Takes bytes up to the end of the head, *ret_used says how many. After an error the parser may
 * only be reset. */
enum err http_parse_feed(struct http_parse *parse, struct slice bytes, size_t *ret_used,
                         bool *ret_is_complete);

/* Asks the HTTP grammar of llhttp about a complete head: methods, target, header names. */
enum err http_judge(struct slice head, const char **ret_detail);

/* A chunked body. Zeroed memory is the start of one. */
struct http_chunks {
    const char *detail; /* after an error */
    /* private */
    unsigned state;
    unsigned digits;
    uint64_t left;      /* bytes of the current chunk still to come */
    size_t framing_len; /* bytes of the current size line, or of all trailers */
};
/* Takes bytes and appends the data among them to body, up to the end of the body
 * (*ret_is_complete); *ret_used says how many. ERR_TOO_LARGE past body_max, before the bytes are
 * kept. */
struct http_chunk_feed {
    struct buf *body;
    size_t body_max;
    size_t used;
    bool is_complete;
};
enum err http_chunks_feed(struct http_chunks *chunks, struct slice bytes,
                          struct http_chunk_feed *feed);

#endif
