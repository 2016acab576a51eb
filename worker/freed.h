/* When the handler of a stopped job has let go of it, and so of the card: told to the store. */
#ifndef WORKER_FREED_H
#define WORKER_FREED_H

struct held;
void freed_tell(const struct held *held);

#endif
