/* The endpoint document: JSON in, checked structure out. Pure.
 *
 * Unknown keys are refused by name; every bad value is named with what is allowed. Numbers are
 * inclusive ranges. Names follow RunPod's REST v1. */
#ifndef QUEUE_ENDPOINT_H
#define QUEUE_ENDPOINT_H

#include "base/buf.h"

#define ENDPOINT_DOCUMENT_MAX 65536
#define WEBHOOK_SECRET_MIN 16 /* bytes of the key */
#define ENDPOINT_SHM_DEFAULT (INT64_C(1) << 30)

enum endpoint_type { ENDPOINT_QUEUE, ENDPOINT_LOAD_BALANCER };
enum endpoint_scaler { SCALER_QUEUE_DELAY, SCALER_REQUEST_COUNT };
enum stream_shape { STREAM_AUTO, STREAM_LIST, STREAM_OBJECT };
enum handler_kind { HANDLER_COMMAND, HANDLER_LIBRARY, HANDLER_SERVER, HANDLER_IMAGE };

/* Operations that share a rate limit, and how much one key may do. */
enum limit_group {
    LIMIT_RUN,
    LIMIT_RUNSYNC,
    LIMIT_STATUS, /* status, status-sync and stream */
    LIMIT_CANCEL,
    LIMIT_PURGE,
    LIMIT_OPENAI,
    LIMIT_REQUESTS,
    LIMIT_GROUP_COUNT,
    LIMIT_NONE = LIMIT_GROUP_COUNT
};
struct limit {
    int64_t per_10s;    /* requests in a window of 10 s, 0: no limit */
    int64_t concurrent; /* requests in flight over all nodes, 0: no limit */
};

struct endpoint_env {
    char *name, *value;
};
/* A machine must carry it, see label.h. */
struct endpoint_label {
    char *key, *value;
};

/* HANDLER_SERVER: a program that serves HTTP on 127.0.0.1. HANDLER_IMAGE: the image serves HTTP,
 * when health_path is not NULL; see endpoint_is_server(). */
struct endpoint_server {
    char **command;      /* NULL-terminated argv; NULL with HANDLER_IMAGE */
    int64_t port;        /* 0: the agent picks one; told in PORT */
    int64_t concurrency; /* jobs at once, 1..1024, default 8 */
    char *health_path;   /* answers 200 when jobs may come; default "/health" */
};

/* HANDLER_IMAGE: a container, run by docker, podman or Kubernetes. */
struct endpoint_image {
    char *name;        /* [REGISTRY[:PORT]/]PATH[:TAG][@sha256:DIGEST] */
    char **command;    /* NULL-terminated argv; NULL: the image's own entry point */
    char **volumes;    /* "HOST:CONTAINER[:ro]", absolute paths, NULL-terminated; NULL: none */
    int64_t shm_bytes; /* of /dev/shm, 65536..1 TiB, default 1 GiB */
};

struct endpoint {
    char *id;   /* [a-z0-9-]{1,63}, not reserved */
    char *name; /* at most 191 bytes */
    enum endpoint_type type;
    int64_t workers_min, workers_max; /* 0..1000, min <= max; defaults 0 and 3 */
    int64_t idle_timeout_s;           /* 0..3600, default 5 */
    int64_t execution_timeout_ms;     /* 5000..604800000, default 600000 */
    enum endpoint_scaler scaler;
    double scaler_value;           /* QUEUE_DELAY >= 0.5 s, REQUEST_COUNT >= 1; default 4 */
    int64_t gpu_count;             /* 0..16, default 0 */
    char **gpu_types;              /* NULL-terminated */
    struct endpoint_label *labels; /* all of them */
    size_t label_count;            /* 0..LABELS_MAX */
    int64_t weight;                /* share of scarce slots and cards, 1..1000, default 1 */
    int64_t retries;               /* automatic ones after a lost worker, 0..10, default 1 */
    int64_t queue_ttl_s;           /* 10..604800, default 86400 */
    int64_t retention_async_s, retention_sync_s; /* 1..604800, defaults 1800 and 60 */
    int64_t run_bytes, runsync_bytes; /* payload limits, 1 KiB..100 MiB, defaults 10, 20 MiB */
    enum stream_shape stream_shape;
    bool waits_for_replica; /* durability: jobs and results count when a replica has them, too */
    char *webhook_secret;   /* "whsec_" and base64, or the key itself; NULL: not signed */
    char **models; /* names for GET /openai/v1/models, NULL-terminated; NULL: the id is the model */
    struct limit limits[LIMIT_GROUP_COUNT];
    enum handler_kind handler;
    char **command; /* HANDLER_COMMAND: NULL-terminated argv */
    char *library;  /* HANDLER_LIBRARY: path, or a name found beside the agent */
    struct endpoint_server server;
    struct endpoint_image image;
    char *cwd; /* NULL: the agent's, or the image's */
    struct endpoint_env *env;
    size_t env_count;
    int64_t version; /* set by the reader of mr:{ep}:conf, 0 when parsed */
    int64_t release; /* of the handler process, see endpoint_release.c: 1..2^48-1 */
    char *document;  /* the text it was parsed from */
};

/* problem: one line that names the key, the value and what is allowed. */
enum err endpoint_parse(struct slice json, struct endpoint **ret_endpoint, struct buf *problem);
void endpoint_free(struct endpoint *endpoint);
AUTO_DEFINE(endpoint_free, struct endpoint *)
bool endpoint_id_is_valid(struct slice id);
/* Speaks HTTP instead of the worker protocol: a `server`, or an `image` with "server" beside it. */
bool endpoint_is_server(const struct endpoint *endpoint);
/* Appends the key that webhooks are signed with; nothing when there is none. */
void endpoint_put_webhook_key(const struct endpoint *endpoint, struct buf *out);
/* Largest number waiting at which one more job is accepted: max(50, workersMax * 500). */
const char *limit_group_name(enum limit_group group); /* "run" */
int64_t endpoint_waiting_max(const struct endpoint *endpoint);

#endif
