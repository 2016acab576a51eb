/* Line logger: one write(2) for each line, so that lines of several processes do not mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_BYTES 4096
#define QUOTE_MAX 400 /* what servers say has its point at the end */

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const level_colours[] = {"\033[2m", "", "\033[33m", "\033[31m"};

static struct {
    const char *node;
    enum log_level level;
    bool is_coloured;
} state = {.node = "-", .level = LOG_LEVEL_INFO};

void log_init(const char *node, enum log_level level)
{
    state.node = node;
    state.level = level;
    state.is_coloured = isatty(STDERR_FILENO) && getenv("NO_COLOR") == NULL;
}

enum err log_level_parse(const char *text, enum log_level *ret_level)
{
    for (unsigned i = 0; i < COUNT_OF(level_names); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return ERR_OK;
        }
    }
    return ERR_BAD_REQUEST;
}

bool log_is_on(enum log_level level)
{
    return level >= state.level;
}

static size_t put_head(char *line, size_t size, enum log_level level, const char *event)
{
    int64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    (void)gmtime_r(&seconds, &utc);
    char when[32];
    (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &utc);
    int len = snprintf(line, size, "%s%s.%03dZ %s node=%s event=%s%s",
                       state.is_coloured ? level_colours[level] : "", when, (int)(now_ms % 1000),
                       level_names[level], state.node, event,
                       state.is_coloured && level_colours[level][0] ? "\033[0m" : "");
    return len < 0 ? 0 : (size_t)len;
}

void log_write(enum log_level level, const char *event, const char *format, ...)
{
    if (!log_is_on(level)) {
        return;
    }
    char line[LINE_MAX_BYTES];
    size_t len = put_head(line, sizeof(line) - 1, level, event);
    if (format[0] != '\0' && len < sizeof(line) - 2) {
        line[len++] = ' ';
        va_list args;
        va_start(args, format);
        int more = vsnprintf(line + len, sizeof(line) - 1 - len, format, args);
        va_end(args);
        len += more < 0 ? 0 : (size_t)more;
    }
    len = len > sizeof(line) - 2 ? sizeof(line) - 2 : len;
    line[len++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* a log that cannot be written has nobody left to be told */
}

const char *log_quote(struct slice text)
{
    static char ring[4][2 * QUOTE_MAX + 8];
    static unsigned next;
    char *out = ring[next++ % COUNT_OF(ring)];
    size_t len = text.len > QUOTE_MAX ? QUOTE_MAX : text.len;
    size_t at = 0;
    out[at++] = '"';
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\') {
            out[at++] = '\\';
        }
        out[at++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    if (len < text.len) {
        memcpy(out + at, "...", 3);
        at += 3;
    }
    out[at++] = '"';
    out[at] = '\0';
    return out;
}
