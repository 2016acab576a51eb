/* Files of the data folder. Whatever fails here (no permission, no space, in use by another `up`)
 * is told in one line that names the path and what to do; nothing has been started by then. The key
 * is written to a new file that replaces the old one, so a full disk never leaves half a key. */
#include "data.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/id.h"
#include "message.h"

#define FREE_MIN ((uint64_t)1 << 20) /* Redis cannot even begin its append-only file on less */
#define KEY_MAX 512
#define KEY_BYTES 24
#define REDIS_WAIT_MS 10000
#define REDIS_POLL_MS 50
#define LAST_LINE_MAX 300
#define LOG_TAIL 4096

/* --- problems --- */

static enum err tell(const struct data *data, struct buf *problem, const char *path)
{
    int number = errno;
    if (number == ENOSPC || number == EDQUOT) {
        (void)buf_printf(problem,
                         "no space left in %s: free some, or name another folder with "
                         "--data",
                         data->dir);
    } else {
        (void)buf_printf(problem,
                         "cannot write %s (%s): make it writable for this user, or name "
                         "another folder with --data",
                         path, strerror(number));
    }
    return err_from_errno(number);
}

char *data_path(const struct data *data, const char *format, ...)
{
    AUTO(buf_done) struct buf path = BUF_INIT;
    (void)buf_printf(&path, "%s/", data->dir);
    va_list args;
    va_start(args, format);
    (void)buf_vprintf(&path, format, args);
    va_end(args);
    return buf_take_str(&path);
}

/* --- folders --- */

static enum err make_folders(const struct data *data, const char *path, mode_t mode,
                             struct buf *problem)
{
    AUTO(buf_done) struct buf why = BUF_INIT;
    enum err err = file_make_dirs(path, mode, &why);
    if (err == ERR_NOT_FOLDER) {
        (void)buf_put_slice(problem, buf_slice(&why));
        (void)buf_put_str(problem, ": move it away, or name another folder with --data");
        return err;
    }
    return err == ERR_OK ? err : tell(data, problem, path);
}

static enum err make_root(struct data *data, const char *dir, struct buf *problem)
{
    data->dir = xstrdup(dir);
    enum err err = make_folders(data, dir, 0755, problem);
    if (err != ERR_OK) {
        return err;
    }
    char *absolute = realpath(dir, NULL);
    if (absolute == NULL || access(absolute, R_OK | W_OK | X_OK) != 0) {
        free(absolute);
        return tell(data, problem, dir);
    }
    free(data->dir);
    data->dir = absolute;
    return ERR_OK;
}

bool data_is_full(const struct data *data)
{
    struct statvfs disk;
    return statvfs(data->dir, &disk) == 0 && (uint64_t)disk.f_bavail * disk.f_frsize < FREE_MIN;
}

static enum err make_parts(struct data *data, struct buf *problem)
{
    static const char *const parts[] = {"redis", "run", "log", "spool"};
    if (data_is_full(data)) {
        errno = ENOSPC;
        return tell(data, problem, data->dir);
    }
    enum err err = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(parts) && err == ERR_OK; i++) {
        AUTO_STR path = data_path(data, "%s", parts[i]);
        err = make_folders(data, path, 0700, problem);
    }
    return err;
}

static enum err check_socket_length(const struct data *data, struct buf *problem)
{
    size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    size_t len = strlen(data->dir) + strlen("/redis/redis.sock");
    if (len <= max) {
        return ERR_OK;
    }
    (void)buf_printf(problem,
                     "%s is %zu bytes too long for the unix socket in it: name a shorter "
                     "folder with --data",
                     data->dir, len - max);
    return ERR_TOO_LARGE;
}

/* --- locks --- */

static pid_t read_pid(int fd)
{
    char text[32] = "";
    ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
    struct slice digits = {text, got > 0 ? (size_t)got : 0};
    return (pid_t)slice_to_i64_or(slice_cut(&digits, '\n'), 0);
}

static int write_pid(int fd, pid_t pid)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%ld\n", (long)pid);
    return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) == len ? 0 : -1;
}

static enum err lock_up(struct data *data, struct buf *problem)
{
    AUTO_STR path = data_path(data, "run/up.lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return tell(data, problem, path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        pid_t pid = read_pid(fd);
        (void)close(fd);
        (void)buf_printf(problem,
                         "%s is in use by `millrace up` with pid %ld: stop that one (kill "
                         "%ld), or name another folder with --data",
                         data->dir, (long)pid, (long)pid);
        return ERR_IN_USE;
    }
    data->lock_fd = fd;
    return write_pid(fd, getpid()) == 0 ? ERR_OK : tell(data, problem, path);
}

enum err data_lock_redis(struct data *data, struct buf *problem)
{
    AUTO_STR path = data_path(data, "run/redis.lock");
    data->redis_lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (data->redis_lock_fd < 0) {
        return tell(data, problem, path);
    }
    for (int waited_ms = 0; flock(data->redis_lock_fd, LOCK_EX | LOCK_NB) != 0;
         waited_ms += REDIS_POLL_MS) {
        if (waited_ms >= REDIS_WAIT_MS) {
            (void)buf_printf(problem,
                             "the redis-server of an earlier start still uses %s: stop it "
                             "(its pid is in run/redis.pid), then start again",
                             data->dir);
            return ERR_IN_USE;
        }
        (void)poll(NULL, 0, REDIS_POLL_MS); /* nothing else runs yet */
    }
    return ERR_OK;
}

enum err data_open(struct data *data, const char *dir, struct buf *problem)
{
    *data = (struct data){.lock_fd = -1, .redis_lock_fd = -1};
    enum err err = make_root(data, dir, problem);
    if (err == ERR_OK) {
        err = check_socket_length(data, problem);
    }
    if (err == ERR_OK) {
        err = make_parts(data, problem);
    }
    return err == ERR_OK ? lock_up(data, problem) : err;
}

void data_close(struct data *data)
{
    if (data->lock_fd >= 0) {
        (void)ftruncate(data->lock_fd, 0);
        (void)close(data->lock_fd);
    }
    if (data->redis_lock_fd >= 0) {
        (void)close(data->redis_lock_fd);
    }
    free(data->dir);
    free(data->key);
    *data = (struct data){.lock_fd = -1, .redis_lock_fd = -1};
}

/* --- key --- */

static bool is_key(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f) {
            return false;
        }
    }
    return text.len > 0 && text.len <= KEY_MAX;
}

char *data_read_key(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    char text[KEY_MAX + 2];
    ssize_t got = read(fd, text, sizeof(text));
    (void)close(fd);
    struct slice rest = {text, got > 0 ? (size_t)got : 0};
    struct slice key = slice_trim(slice_cut(&rest, '\n'));
    return is_key(key) ? slice_dup(key) : NULL;
}

static enum err write_key(const struct data *data, struct buf *problem)
{
    AUTO_STR path = data_path(data, "api-key");
    AUTO_STR fresh = data_path(data, "api-key.new");
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return tell(data, problem, path);
    }
    AUTO_STR line = xasprintf("%s\n", data->key);
    size_t len = strlen(line);
    ssize_t written = write(fd, line, len);
    if (written >= 0 && (size_t)written < len) {
        errno = ENOSPC;
    }
    bool is_ok = written == (ssize_t)len && fchmod(fd, 0600) == 0 && fsync(fd) == 0;
    enum err err = is_ok ? ERR_OK : tell(data, problem, path);
    (void)close(fd);
    if (err == ERR_OK && rename(fresh, path) != 0) {
        err = tell(data, problem, path);
    }
    if (err != ERR_OK) {
        (void)unlink(fresh);
    }
    return err;
}

enum err data_set_key(struct data *data, const char *given, struct buf *problem)
{
    if (given != NULL && !is_key(slice_of(given))) {
        (void)buf_printf(problem,
                         "the value of --api-key cannot be a key: allowed are 1 to %d "
                         "printable characters without blanks",
                         KEY_MAX);
        return ERR_BAD_REQUEST;
    }
    AUTO_STR path = data_path(data, "api-key");
    AUTO_STR kept = data_read_key(path);
    if (kept != NULL && (given == NULL || strcmp(kept, given) == 0)) {
        data->key = steal(kept);
        return ERR_OK;
    }
    char random[2 * KEY_BYTES + 1];
    id_hex(random, KEY_BYTES);
    data->key = given != NULL ? xstrdup(given) : xasprintf("mr_%s", random);
    return write_key(data, problem);
}

/* --- logs and pids --- */

enum err data_open_log(const struct data *data, const char *name, int *ret_fd, off_t *ret_start)
{
    AUTO_STR path = data_path(data, "log/%s.log", name);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    struct stat file;
    *ret_start = fstat(fd, &file) == 0 ? file.st_size : 0;
    *ret_fd = fd;
    return ERR_OK;
}

/* The last error of a program that logs, else the last line that says anything. */
static struct slice last_words(struct slice text)
{
    struct slice last = SLICE_NONE, error = SLICE_NONE;
    while (text.len > 0) {
        struct slice line = slice_trim(slice_cut(&text, '\n'));
        if (line.len > 0) {
            last = line;
        }
        struct slice rest = line;
        (void)slice_cut(&rest, ' '); /* the time */
        if (slice_starts(rest, SLICE("error "))) {
            error = line;
        }
    }
    return error.len > 0 ? error : last;
}

char *data_last_words(const struct data *data, const char *name, off_t start)
{
    AUTO_STR path = data_path(data, "log/%s.log", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return xstrdup("");
    }
    off_t end = lseek(fd, 0, SEEK_END);
    off_t from = end - start > LOG_TAIL ? end - LOG_TAIL : start;
    char text[LOG_TAIL];
    ssize_t got = pread(fd, text, sizeof(text), from);
    (void)close(fd);
    struct slice line = last_words((struct slice){text, got > 0 ? (size_t)got : 0});
    line.len = line.len < LAST_LINE_MAX ? line.len : LAST_LINE_MAX;
    return slice_dup(line);
}

enum err data_write_pid(const struct data *data, const char *name, pid_t pid)
{
    AUTO_STR path = data_path(data, "run/%s.pid", name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = write_pid(fd, pid) == 0 ? ERR_OK : err_from_errno(errno);
    (void)close(fd);
    return err;
}

void data_remove_pid(const struct data *data, const char *name)
{
    AUTO_STR path = data_path(data, "run/%s.pid", name);
    (void)unlink(path);
}

void data_remove_old_pids(const struct data *data)
{
    AUTO_STR folder = data_path(data, "run");
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot != NULL && strcmp(dot, ".pid") == 0) {
            (void)unlinkat(dirfd(entries), entry->d_name, 0);
        }
    }
    (void)closedir(entries);
}
