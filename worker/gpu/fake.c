/* Cards from a file, so that placement and environment can be tested on any machine. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gpu/gpu.h"

static void copy(char *out, size_t size, struct slice text)
{
    (void)snprintf(out, size, "%.*s", SLICE_ARG(text));
}

static enum err read_line(struct gpus *gpus, struct slice line, struct buf *problem)
{
    struct slice rest = line;
    struct slice uuid = slice_cut(&rest, ' ');
    size_t at = rest.len;
    while (at > 0 && rest.ptr[at - 1] != ' ') {
        at--;
    }
    int64_t mib = 0;
    bool is_good = uuid.len > 0 && at > 0 && slice_to_i64(slice_from(rest, at), &mib) == ERR_OK &&
                   mib > 0 && mib < INT64_C(1) << 40;
    if (!is_good || gpus->count == GPU_MAX) {
        buf_printf(problem, "'%.*s' is no card: use \"UUID NAME MEMORY_MIB\", at most %d lines",
                   SLICE_ARG(line), GPU_MAX);
        return ERR_BAD_REQUEST;
    }
    struct gpu *gpu = &gpus->items[gpus->count++];
    copy(gpu->uuid, sizeof(gpu->uuid), uuid);
    copy(gpu->name, sizeof(gpu->name), slice_trim((struct slice){rest.ptr, at}));
    gpu->memory = mib << 20;
    return ERR_OK;
}

enum err gpus_read_file(struct gpus *gpus, const char *path, struct buf *problem)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        buf_printf(problem, "cannot open %s: %s", path, strerror(errno));
        return err_from_errno(errno);
    }
    char line[512];
    enum err err = ERR_OK;
    while (err == ERR_OK && fgets(line, sizeof(line), file) != NULL) {
        struct slice text = slice_of(line);
        text.len = strcspn(line, "\r\n");
        text = slice_trim(text);
        if (text.len > 0) {
            err = read_line(gpus, text, problem);
        }
    }
    (void)fclose(file);
    return err;
}
