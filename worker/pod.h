/* This agent is the sidecar of one handler container in a Kubernetes pod: it serves one endpoint
 * with one process that it does not start. What the kubelet asks and tells comes to an HTTP server
 * on the pod's address:
 *
 *   GET /live      liveness of the HANDLER's container: 503 when it shall be ended
 *   GET /ready     readiness of the pod: 200 while it has a job, takes jobs or may
 *   GET /started   postStart of the handler's container: it has just started, or started anew
 *   GET /stopping  preStop of it: answered when its jobs have ended
 *
 * No job is given to a process whose container has not been announced by /started. */
#ifndef WORKER_POD_H
#define WORKER_POD_H

#include "base/buf.h"

struct agent;
struct pod;
struct process;

#define POD_SERVER_PORT \
    8000 /* where the HTTP server of an image listens unless it says otherwise */

struct pod_config {
    const char *endpoint; /* the one it serves */
    const char *token;    /* with which its handler comes; the pod's uid */
    const char *listen;   /* HOST:PORT of that server */
    int64_t plane_port;   /* of the worker plane on 127.0.0.1 */
};

/* problem: why it cannot listen. */
enum err pod_new(struct agent *agent, const struct pod_config *config, struct pod **ret_pod,
                 struct buf *problem);
void pod_close(struct pod *pod); /* accepts NULL */
struct process *pod_start_process(struct pod *pod);
bool pod_is_leaving(const struct pod *pod); /* it is about to be deleted: no more jobs */
bool pod_is_up(const struct pod *pod);      /* its handler's container has been announced */
void pod_heard(struct pod *pod);            /* its handler has sent something */
/* Something has ended: does somebody wait for it? Accepts NULL. */
void pod_check(struct pod *pod);
/* Members for the agent's description, each with a comma in front. */
void pod_put_json(const struct pod *pod, struct buf *out);

#endif
