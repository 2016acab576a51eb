/* The data folder of `millrace up`: who may use it, and the files in it.
 *
 *   api-key        the admin key in force, mode 0600
 *   redis/         append-only file and the unix socket
 *   run/NAME.pid   one for each running child
 *   log/NAME.log   what each child says, appended
 *   spool/NAME/    results an agent could not deliver yet
 *   run/up.lock    held by `millrace up` while it runs, holds its pid
 *   run/redis.lock held by the redis-server too: it may outlive a killed `up` for a moment, and two
 *                  servers on one append-only file would destroy it */
#ifndef CLI_DATA_H
#define CLI_DATA_H

#include <sys/types.h>

#include "base/buf.h"

struct data {
    char *dir;         /* absolute */
    char *key;         /* the admin key in force; NULL until data_set_key() */
    int lock_fd;       /* -1: not held */
    int redis_lock_fd; /* -1: not held */
};

/* On an error `problem` holds one line that says what to do. */
enum err data_open(struct data *data, const char *dir, struct buf *problem);
/* Takes the lock a redis-server shares; waits a while for one that is still ending. */
enum err data_lock_redis(struct data *data, struct buf *problem);
/* The given key, else the one kept from before, else a new one; written to DIR/api-key. */
enum err data_set_key(struct data *data, const char *given, struct buf *problem);
void data_close(struct data *data); /* frees and unlocks */

/* "DIR/<name>", the caller's. */
char *data_path(const struct data *data, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A free descriptor that appends to DIR/log/NAME.log; *ret_start is its size now. */
enum err data_open_log(const struct data *data, const char *name, int *ret_fd, off_t *ret_start);
/* The last error logged there since `start`, else the last line, cut to a sensible length; "" when
 * none. */
char *data_last_words(const struct data *data, const char *name, off_t start);
enum err data_write_pid(const struct data *data, const char *name, pid_t pid);
void data_remove_pid(const struct data *data, const char *name);
/* Those of a start that was killed; only with all locks held. */
void data_remove_old_pids(const struct data *data);
bool data_is_full(const struct data *data);

/* Reads a key file: the first line without blanks around it. NULL when there is none. */
char *data_read_key(const char *path);

#endif
