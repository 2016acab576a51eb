/* What an earlier agent of the same name still held is given back, once, before anything starts. */
#ifndef WORKER_BOOT_H
#define WORKER_BOOT_H

#include "agent.h"

struct boot;
/* Calls back once everything is given back, however long Redis is away. */
struct boot *boot_start(struct agent *agent, void (*on_booted)(struct agent *agent));
void boot_free(struct boot *boot); /* accepts NULL */

#endif
