/* Reads until the end, in pieces, because standard input has no size. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PIECE 65536

static enum err read_all(int fd, size_t max, struct buf *out)
{
    for (;;) {
        (void)buf_reserve(out, PIECE);
        ssize_t got = read(fd, out->ptr + out->len, PIECE);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got == 0 ? ERR_OK : err_from_errno(errno);
        }
        out->len += (size_t)got;
        if (out->len > max) {
            return ERR_TOO_LARGE;
        }
    }
}

enum err file_read(const char *path, size_t max, struct buf *out, struct buf *problem)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    enum err err = fd < 0 ? err_from_errno(errno) : read_all(fd, max, out);
    int number = errno;
    if (fd >= 0 && !is_stdin) {
        (void)close(fd);
    }
    if (err == ERR_TOO_LARGE) {
        (void)buf_printf(problem, "%s is longer than the %zu bytes allowed", path, max);
    } else if (err != ERR_OK) {
        (void)buf_printf(problem, "cannot read %s: %s", path, strerror(number));
    }
    return err;
}
