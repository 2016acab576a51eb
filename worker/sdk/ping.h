/* The heartbeat: tells the agent which jobs this process holds. */
#ifndef SDK_PING_H
#define SDK_PING_H

/* Thread: pings until the end bell rings. The argument is the struct host. */
void *ping_main(void *host);

#endif
