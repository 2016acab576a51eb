/* One asynchronous connection to one Redis or sentinel: connects, greets (TLS, AUTH, SELECT, ROLE
 * where it has to be a master, PING), reconnects with back-off for ever. Private to store*.c, the
 * only files that know hiredis.
 *
 * Commands are given as RESP bytes while the link is ready; each reply comes to on_reply in the
 * order of the commands. When the connection breaks on_lost is called once, no reply comes for what
 * was on its way, and the owner sends again what it wants to. */
#ifndef QUEUE_STORE_LINK_H
#define QUEUE_STORE_LINK_H

#include "base/buf.h"
#include "net/loop.h"
#include "queue/store_url.h"

struct redisReply;
struct store_link;
struct store_tls;

struct store_link_owner {
    void (*on_ready)(void *arg);
    void (*on_lost)(void *arg);
    void (*on_reply)(struct redisReply *reply, void *arg);
    void *arg;
    /* A try to connect failed, the next one follows. May aim elsewhere. Optional. */
    void (*on_failed)(void *arg);
};

enum link_peer {
    LINK_REDIS,
    LINK_MASTER, /* a Redis that must say so */
    LINK_SENTINEL,
};

struct store_link_config {
    struct loop *loop;
    const struct store_url *url; /* login and database; outlives the link */
    const struct store_tls *tls; /* NULL without; outlives the link */
    enum link_peer peer;
};

/* Connects at once when an address is given, else from store_link_aim() on. */
struct store_link *store_link_new(const struct store_link_config *config,
                                  const struct store_address *address,
                                  const struct store_link_owner *owner);
void store_link_close(struct store_link *link); /* no callback afterwards; accepts NULL */
bool store_link_is_ready(const struct store_link *link);
const char *store_link_problem(const struct store_link *link);
/* Where to connect from now on. A connection to another address breaks (on_lost, when ready). */
void store_link_aim(struct store_link *link, const struct store_address *address);
/* Whether more may be sent now: what has not left yet is little. Asked again after each turn of the
 * loop, because hiredis moves all that is left to the front after each partial write, which makes a
 * long backlog cost its square. */
bool store_link_has_room(const struct store_link *link);
/* A command or a part of one; only while ready. Leaves with the next store_link_flush(). */
void store_link_send(struct store_link *link, struct slice bytes);
void store_link_flush(struct store_link *link);
/* Breaks the connection as if the peer had: on_lost, then reconnects. */
void store_link_break(struct store_link *link, const char *why);

#endif
