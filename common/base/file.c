/* The usual care of durable files: write aside, sync, rename, sync the folder. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_dir(const char *path, mode_t mode)
{
    struct stat stat_now;
    if (mkdir(path, mode) == 0) {
        return 0;
    }
    if (errno == EEXIST && stat(path, &stat_now) == 0) {
        errno = ENOTDIR;
        return S_ISDIR(stat_now.st_mode) ? 0 : -1;
    }
    return -1;
}

enum err file_make_dirs(const char *dir, mode_t mode, struct buf *problem)
{
    AUTO_STR path = xstrdup(dir);
    for (char *at = path + 1; at[-1] != '\0'; at++) {
        if (*at != '/' && *at != '\0') {
            continue;
        }
        char kept = *at;
        *at = '\0';
        if (make_dir(path, mode) != 0) {
            int number = errno;
            if (number == ENOTDIR) {
                buf_printf(problem, "%s is not a folder", path);
            } else {
                buf_printf(problem, "cannot make %s: %s", path, strerror(number));
            }
            errno = number;
            return err_from_errno(number);
        }
        *at = kept;
    }
    return ERR_OK;
}

static bool write_all(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t done = write(fd, bytes.ptr, bytes.len);
        if (done < 0 && errno != EINTR) {
            return false;
        }
        bytes = slice_from(bytes, done > 0 ? (size_t)done : 0);
    }
    return true;
}

bool file_put(int dir_fd, const char *path, struct slice bytes)
{
    AUTO_STR temporary = xasprintf("%s.new", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    bool is_ok = write_all(fd, bytes) && fsync(fd) == 0 && rename(temporary, path) == 0 &&
                 fsync(dir_fd) == 0;
    int number = errno;
    (void)close(fd);
    if (!is_ok) {
        (void)unlink(temporary);
        (void)unlink(path);
        errno = number;
    }
    return is_ok;
}

static enum err read_all(int fd, size_t max, struct buf *out)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0 || stat.st_size < 0) {
        return ERR_IO;
    }
    if (S_ISDIR(stat.st_mode)) { /* its size may be anything */
        return ERR_IS_FOLDER;
    }
    size_t size = (size_t)stat.st_size;
    if (size > max || buf_reserve(out, size) != ERR_OK) {
        return ERR_TOO_LARGE;
    }
    for (ssize_t got = 1; got != 0 && size > 0; size -= (size_t)got) {
        got = read(fd, out->ptr + out->len, size);
        if (got < 0) {
            return err_from_errno(errno);
        }
        out->len += (size_t)got;
    }
    return ERR_OK;
}

enum err file_get(const char *path, size_t max, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = read_all(fd, max, out);
    (void)close(fd);
    return err;
}
