/* Why a job ended without a result, for people and for programs:
 *
 *   worker lost: its process ended with signal 9 (SIGKILL); the kernel killed it: out of memory;
 *   its last output:
 *   ...
 *   {"millrace":{"cause":"host_oom","signal":9,"signalName":"SIGKILL","oom":true,...}}
 *
 * Pure. */
#ifndef WORKER_AUTOPSY_H
#define WORKER_AUTOPSY_H

#include "base/buf.h"

enum autopsy_kind {
    AUTOPSY_DIED,      /* the process ended by itself or by a stranger's hand */
    AUTOPSY_ENDED,     /* the agent ended it */
    AUTOPSY_NO_RESULT, /* it lives; the result never came */
    AUTOPSY_DROPPED    /* it lives and does not know of the job */
};

struct autopsy {
    enum autopsy_kind kind;
    int exit_code, signal; /* -1 and 0: not that */
    int oom;               /* 1 killed by the kernel for want of memory, 0 not, -1 not known */
    const char *how;       /* all that is known of the end of one that is no child; NULL */
    struct slice tail;     /* last lines of output, clean */
    const char *worker;
    int64_t attempt;
};

/* Appends the whole text. */
void autopsy_put(const struct autopsy *autopsy, struct buf *out);

/* What the output says about the graphics card. */
struct autopsy_gpu {
    bool is_out_of_memory;
    int64_t xid; /* -1: none */
};
void autopsy_read_gpu(struct slice output, struct autopsy_gpu *ret_gpu);
/* "SIGKILL"; "signal 40" for those without a name. */
void autopsy_put_signal(int signal, struct buf *out);

#endif
