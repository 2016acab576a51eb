/* The part of a line that came last waits for its end; nothing else is kept. */
#include "lines.h"

#include "base/id.h"
#include "base/json.h"

void lines_done(struct lines *lines)
{
    buf_done(&lines->part);
}

static void give(struct slice line, line_fn fn, void *arg)
{
    while (line.len > 0 && (line.ptr[line.len - 1] == '\r' || line.ptr[line.len - 1] == '\n')) {
        line.len--;
    }
    if (line.len > 0) {
        fn(line, arg);
    }
}

void lines_flush(struct lines *lines, line_fn fn, void *arg)
{
    give(buf_slice(&lines->part), fn, arg);
    buf_clear(&lines->part);
}

void lines_feed(struct lines *lines, struct slice bytes, line_fn fn, void *arg)
{
    while (bytes.len > 0) {
        size_t room = LINE_MAX_BYTES - lines->part.len;
        size_t len = bytes.len < room ? bytes.len : room;
        const char *end = memchr(bytes.ptr, '\n', len);
        len = end != NULL ? (size_t)(end - bytes.ptr) + 1 : len;
        buf_put(&lines->part, bytes.ptr, len);
        bytes = slice_from(bytes, len);
        if (end != NULL || lines->part.len >= LINE_MAX_BYTES) {
            lines_flush(lines, fn, arg);
        }
    }
}

enum line_kind line_read(struct slice line, struct buf *ret_job)
{
    struct json_member id = {.name = "requestId"};
    struct json_problem problem;
    if (line.len == 0 || line.ptr[0] != '{' || json_scan(line, &id, 1, &problem) != ERR_OK ||
        id.value.len == 0) {
        return LINE_PLAIN;
    }
    AUTO(buf_done) struct buf job = BUF_INIT;
    if (id.type != JSON_STRING || json_unquote(id.value, &job) != ERR_OK ||
        !id_is_valid(buf_slice(&job))) {
        return LINE_OF_NO_JOB;
    }
    buf_put_slice(ret_job, buf_slice(&job));
    return LINE_OF_JOB;
}
