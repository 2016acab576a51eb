/* A program's part in the whole: where Redis is, its own name there, what it logs. The settings
 * that every program has, read and checked in one place together with those of its own.
 *
 * A bad value ends the process with exit status 2 and one line on stderr that names it. */
#ifndef QUEUE_ROLE_H
#define QUEUE_ROLE_H

#include "base/config.h"
#include "net/exporter.h"
#include "queue/guard.h"

struct role {
    const char *redis;     /* a valid URL, see store.h */
    const char *node_id;   /* before role_load(): the default */
    const char *log_level; /* "info" */
    const char *metrics;   /* HOST:PORT, NULL: nowhere */
    enum guard_mode guard; /* what to do about a Redis that is not fit */
    /* private */
    const char *redis_check;
};

/* Reads --redis, --redis-check, --node-id, --log-level, --metrics and the options of spec, and
 * starts the log. */
void role_load(struct role *role, const struct config_spec *spec, int argc, char **argv);
/* Ends the process: "PROGRAM: --OPTION is "VALUE"; PROBLEM". */
_Noreturn void role_refuse(const char *program, const char *option, const char *value,
                           const char *problem);
/* The whole file of an option; ends the process when it cannot be read. */
void role_read_file(const char *program, const char *option, const char *path, struct buf *out);
/* The same of a file that has to hold certificates (PEM). */
void role_check_certificates(const char *program, const char *option, const char *path);
/* What --metrics asks for: NULL for nowhere; ends the process when it cannot listen there. */
struct exporter *role_export(const struct role *role, const char *program, struct loop *loop,
                             exporter_fn fn, void *arg);

#endif
