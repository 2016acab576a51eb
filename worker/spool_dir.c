/* Only NAME.spool is complete: it gets that name last. NAME.bad is for people. */
#include "spool_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static enum err refuse(struct buf *problem, const char *what, const char *path)
{
    int number = errno;
    buf_printf(problem, "%s %s: %s", what, path, strerror(number));
    return err_from_errno(number);
}

enum err spool_dir_open(const char *dir, int *ret_dir_fd, int *ret_lock_fd, struct buf *problem)
{
    enum err err = file_make_dirs(dir, 0700, problem);
    if (err != ERR_OK) {
        return err;
    }
    *ret_dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*ret_dir_fd < 0) {
        return refuse(problem, "cannot open", dir);
    }
    *ret_lock_fd = openat(*ret_dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*ret_lock_fd < 0) {
        return refuse(problem, "cannot write to", dir);
    }
    if (flock(*ret_lock_fd, LOCK_EX | LOCK_NB) != 0) {
        buf_printf(problem, "%s is in use by another agent", dir);
        return ERR_IN_USE;
    }
    return ERR_OK;
}

struct found {
    struct timespec time; /* first, for by_time() */
    char *name;
    size_t size;
};

static bool has_suffix(struct slice name, struct slice suffix)
{
    return name.len >= suffix.len && slice_eq(slice_from(name, name.len - suffix.len), suffix);
}

static int by_time(const void *a, const void *b)
{
    const struct timespec *left = a, *right = b;
    if (left->tv_sec != right->tv_sec) {
        return left->tv_sec < right->tv_sec ? -1 : 1;
    }
    return left->tv_nsec < right->tv_nsec ? -1 : left->tv_nsec > right->tv_nsec;
}

static void find_one(int dir_fd, const char *name, struct buf *found)
{
    struct stat stat;
    if (has_suffix(slice_of(name), SLICE(".spool.new"))) { /* never finished, so never told */
        (void)unlinkat(dir_fd, name, 0);
    } else if (has_suffix(slice_of(name), SLICE(".spool")) &&
               fstatat(dir_fd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(stat.st_mode)) {
        struct found one = {stat.st_mtim, xstrdup(name), (size_t)stat.st_size};
        buf_put(found, &one, sizeof(one));
    }
}

size_t spool_dir_each(const char *dir, int dir_fd, spool_dir_fn fn, void *arg)
{
    AUTO(buf_done) struct buf found = BUF_INIT;
    DIR *open_dir = opendir(dir);
    for (struct dirent *entry; open_dir != NULL && (entry = readdir(open_dir)) != NULL;) {
        find_one(dir_fd, entry->d_name, &found);
    }
    if (open_dir != NULL) {
        (void)closedir(open_dir);
    }
    struct found *items = (struct found *)(void *)found.ptr;
    size_t count = found.len / sizeof(*items);
    if (count > 1) {
        qsort(items, count, sizeof(*items), by_time);
    }
    for (size_t i = 0; i < count; i++) {
        fn(items[i].name, items[i].size, arg);
        free(items[i].name);
    }
    return count;
}
