/* Small files of the kernel, read when a handler starts and when one has ended. The group of the
 * agent is that of its handlers; a container that shows its own group as the root has the files at
 * the root. */
#include "oom.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define TEXT_MAX 4096

static struct slice read_text(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, out, size) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    return (struct slice){out, len > 0 ? (size_t)len : 0};
}

int64_t oom_parse(struct slice text)
{
    while (text.len > 0) {
        struct slice line = slice_cut(&text, '\n');
        if (slice_is(slice_cut(&line, ' '), "oom_kill")) {
            return slice_to_i64_or(line, -1);
        }
    }
    return -1;
}

struct slice oom_group(struct slice cgroups, const char *controller)
{
    while (cgroups.len > 0) {
        struct slice line = slice_cut(&cgroups, '\n');
        (void)slice_cut(&line, ':');
        if (slice_is(slice_cut(&line, ':'), controller)) {
            return slice_is(line, "/") ? SLICE("") : line;
        }
    }
    return SLICE_NONE;
}

static int64_t kills_of(const char *root, struct slice group, const char *file)
{
    char path[TEXT_MAX], text[TEXT_MAX];
    (void)snprintf(path, sizeof(path), "%s%.*s/%s", root, SLICE_ARG(group), file);
    return oom_parse(read_text(path, text, sizeof(text)));
}

int64_t oom_kills(void)
{
    static const struct {
        const char *controller, *root, *file;
    } places[] = {{"", "/sys/fs/cgroup", "memory.events"},
                  {"memory", "/sys/fs/cgroup/memory", "memory.oom_control"}};
    char text[TEXT_MAX];
    struct slice cgroups = read_text("/proc/self/cgroup", text, sizeof(text));
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct slice group = oom_group(cgroups, places[i].controller);
        int64_t kills = kills_of(places[i].root, group, places[i].file);
        if (kills < 0 && group.len > 0) {
            kills = kills_of(places[i].root, SLICE_NONE, places[i].file);
        }
        if (kills >= 0) {
            return kills;
        }
    }
    return -1;
}
