/* What every operation of this API node works with. One for the process, built by main.c. */
#ifndef API_NODE_H
#define API_NODE_H

#include "base/slice.h"
#include "base/spares.h"
#include "net/bodies.h"
#include "net/bus.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/turns.h"
#include "queue/store.h"

struct auth;
struct catalog;
struct fetcher;
struct hooks;
struct pools;
struct limits;
struct meter;
struct watch;
struct tails;

struct node {
    struct loop *loop;
    struct store *store;
    struct bus *bus;
    struct http_server *server;
    struct auth *auth;
    struct catalog *catalog;
    struct limits *limits;
    struct meter *meter;
    struct hooks *hooks;
    struct watch *watch;
    struct tails *tails;
    struct turns large; /* requests with a large body, on their way to the store */
    struct spares ops, glances;
    struct bodies bodies;
    struct fetcher *fetcher; /* to the gates of agents */
    struct pools *pools;
    uint64_t lb_wait_ms;   /* longest wait for a worker of a load-balancing endpoint */
    char bus_address[300]; /* where others publish to us; the watcher name in jobs */
    bool is_draining;      /* parked requests are answered with what is known */
};

#endif
