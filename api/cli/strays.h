/* Processes that outlived the child that started them: `millrace up` adopts them, so that it can
 * tell when really nothing of it is left, and end what would stay. */
#ifndef CLI_STRAYS_H
#define CLI_STRAYS_H

#include <stdbool.h>
#include <sys/types.h>

void strays_adopt(void);     /* from now on orphans of our children become ours */
pid_t strays_next_end(void); /* pid of some ended child or orphan, not reaped yet; 0: none */
bool strays_are_left(void);  /* is there any child or orphan, running or not reaped? */
void strays_kill(void);      /* SIGKILL to all children and orphans */

#endif
