/* What the kinds of handler processes share: process.c (a child) and external.c (a container beside
 * this agent). Embedded first in each kind. */
#ifndef WORKER_PROCESS_BASE_H
#define WORKER_PROCESS_BASE_H

#include "process.h"

struct process_ops {
    void (*stop)(struct process *process, uint64_t grace_ms);
    void (*release)(struct process *process, uint64_t grace_ms);
    void (*kill)(struct process *process);
};

struct process {
    const struct process_ops *ops;
    struct ring ring;
    line_fn on_line;
    process_fn on_end;
    void *arg;
    pid_t pid;  /* 0: not known */
    bool is_up; /* it runs, as far as is known */
};

#endif
