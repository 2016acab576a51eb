/* Bytes become lines, lines become fields, an empty line ends an event. Our own server ends lines
 * by \n; a \r before it (some proxies) is dropped. */
#include "events.h"

void events_done(struct events *events)
{
    buf_done(&events->last_id);
    buf_done(&events->line);
    buf_done(&events->name);
    buf_done(&events->data);
    buf_done(&events->id);
}

static void end_event(struct events *events)
{
    if (events->data.len > 0) {
        buf_clear(&events->last_id);
        (void)buf_put_slice(&events->last_id, buf_slice(&events->id));
        struct slice data = {events->data.ptr, events->data.len - 1};
        events->fn(&(struct event){buf_slice(&events->name), data}, events->arg);
    }
    buf_clear(&events->name);
    buf_clear(&events->data);
}

static void end_line(struct events *events, struct slice line)
{
    if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
        line.len--;
    }
    if (line.len == 0) {
        end_event(events);
        return;
    }
    struct slice field = slice_cut(&line, ':');
    line = slice_from(line, line.len > 0 && line.ptr[0] == ' ' ? 1 : 0);
    if (slice_is(field, "data")) {
        (void)buf_put_slice(&events->data, line);
        (void)buf_put_char(&events->data, '\n');
    } else if (slice_is(field, "event")) {
        buf_clear(&events->name);
        (void)buf_put_slice(&events->name, line);
    } else if (slice_is(field, "id")) {
        buf_clear(&events->id);
        (void)buf_put_slice(&events->id, line);
    }
}

void events_feed(struct events *events, struct slice bytes)
{
    while (bytes.len > 0) {
        const char *end = memchr(bytes.ptr, '\n', bytes.len);
        size_t len = end != NULL ? (size_t)(end - bytes.ptr) : bytes.len;
        (void)buf_put(&events->line, bytes.ptr, len);
        bytes = slice_from(bytes, len + (end != NULL ? 1 : 0));
        if (end != NULL) {
            end_line(events, buf_slice(&events->line));
            buf_clear(&events->line);
        }
    }
}

void events_cut(struct events *events)
{
    buf_clear(&events->line);
    buf_clear(&events->name);
    buf_clear(&events->data);
    buf_clear(&events->id);
    (void)buf_put_slice(&events->id, buf_slice(&events->last_id));
}
