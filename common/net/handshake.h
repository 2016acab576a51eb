/* The answer to a request for a WebSocket, from bytes as they come: the head, and the body of a
 * refusal. Pure. Each byte is looked at once, however small the pieces are. */
#ifndef NET_HANDSHAKE_H
#define NET_HANDSHAKE_H

#include "net/http_parse.h"

#define REFUSAL_MAX ((size_t)1 << 20)

/* Zeroed memory is ready for the first byte. */
struct handshake {
    int status;       /* once has_head */
    bool has_head;    /* 101, or of a refusal */
    bool is_complete; /* 101: with the head */
    struct buf head,
        body; /* header lines without the status line; 101: what came behind the head */
    /* private */
    bool is_chunked;
    int64_t length; /* of the body; -1: what comes with the head */
    struct http_chunks chunks;
};

/* Not after is_complete. ERR_TOO_LARGE: the body; ERR_BAD_REQUEST: no HTTP. */
enum err handshake_feed(struct handshake *handshake, struct slice bytes);
struct slice handshake_header(const struct handshake *handshake, const char *name);
void handshake_done(struct handshake *handshake);

#endif
