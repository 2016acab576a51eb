/* Tells whoever supervises this process, as systemd's sd_notify does: one datagram to the socket
 * that NOTIFY_SOCKET names. Nobody listening is no error. */
#ifndef API_NOTIFY_H
#define API_NOTIFY_H

/* state: "STOPPING=1" */
void notify_supervisor(const char *state);

#endif
