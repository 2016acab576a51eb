/* Calls to the Kubernetes API server, asynchronous, on the loop.
 *
 * The token is read from its file again and again, for it is replaced while the program runs; so
 * are the trusted certificates. */
#ifndef SCHEDULER_DRIVERS_KUBE_CLIENT_H
#define SCHEDULER_DRIVERS_KUBE_CLIENT_H

#include <cjson/cJSON.h>

#include "net/fetch.h"

struct kube_config {
    const char *url;        /* "https://10.0.0.1:443" */
    const char *token_file; /* NULL: without a token */
    const char *ca_file;    /* NULL: the system's certificates */
    const char *space;      /* namespace */
};

struct kube_client {
    struct kube_config config;
    /* private */
    struct loop *loop;
    struct fetcher *fetcher;
    char *bearer; /* header line, owned; NULL: none */
    uint64_t bearer_ms;
};

struct kube_call;
/* status 0: no answer. object: the answer's body, NULL when it is no JSON; borrowed until it
 * returns. problem: one line for people when the status is no 2xx, borrowed likewise. */
struct kube_answer {
    int status;
    const cJSON *object;
    const char *problem;
    uint64_t retry_after_ms; /* as the server asks; 0: it does not */
};
typedef void (*kube_call_fn)(struct kube_call *call, const struct kube_answer *answer);

/* Embedded in its owner; zeroed memory is one that is not on its way. */
struct kube_call {
    /* private */
    struct kube_client *client;
    struct fetch *fetch;
    kube_call_fn fn;
};

struct kube_request {
    const char *method;
    const char *path;       /* "/api/v1/...", with its query */
    const char *merge_type; /* of a PATCH: content type; NULL: application/json */
    struct buf *body;       /* taken; NULL: none */
    uint64_t timeout_ms;
    fetch_data_fn on_data; /* takes the answer piece by piece: a watch */
};

void kube_client_init(struct kube_client *client, struct loop *loop,
                      const struct kube_config *config);
void kube_client_done(struct kube_client *client);
/* fn follows exactly once, later, unless it is cancelled; arg of on_data is the call. */
void kube_call_start(struct kube_client *client, struct kube_call *call,
                     const struct kube_request *request, kube_call_fn fn);
bool kube_call_is_waiting(const struct kube_call *call);
void kube_call_cancel(struct kube_call *call); /* harmless when there is nothing to cancel */

/* What a pod in the cluster finds: fills what is not set. False, with the reason, when it is not
 * in one and the url is not set. */
bool kube_config_complete(struct kube_config *config, struct buf *problem);

#endif
