/* Which machine this is: agents side by side on one tell the same, containers tell their own. */
#ifndef WORKER_MACHINE_H
#define WORKER_MACHINE_H

#define MACHINE_ID_SIZE 17 /* 16 digits and the terminator */

/* host: its name, for machines without an id of their own. */
void machine_id(const char *host, char out[MACHINE_ID_SIZE]);

#endif
