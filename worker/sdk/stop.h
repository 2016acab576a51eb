/* The job-stop channel: hears which running jobs are to stop. */
#ifndef SDK_STOP_H
#define SDK_STOP_H

/* Thread: polls until the end bell rings. The argument is the struct host. */
void *stop_main(void *host);

#endif
