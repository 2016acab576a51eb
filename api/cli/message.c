/* Everything said to people goes through here, so that the line in progress never mixes with a
 * message and colours appear on a terminal only. A line is built whole and written by one call:
 * lines of a child that shares stderr cannot cut into it. */
#include "message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"

#define WIPE "\r\033[K"
#define RED "\033[31m"
#define PLAIN "\033[0m"

static bool has_progress; /* of the terminal, hence of the process */

bool message_has_terminal(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) == 1 && term != NULL && strcmp(term, "dumb") != 0;
}

static void write_line(const struct buf *line)
{
    if (line->len > 0) {
        (void)fwrite(line->ptr, 1, line->len, stderr);
        (void)fflush(stderr);
    }
}

static void put_wipe(struct buf *line)
{
    if (has_progress) {
        (void)buf_put_str(line, WIPE);
        has_progress = false;
    }
}

void message(const char *format, ...)
{
    AUTO(buf_done) struct buf line = BUF_INIT;
    put_wipe(&line);
    (void)buf_put_str(&line, "millrace: ");
    va_list args;
    va_start(args, format);
    (void)buf_vprintf(&line, format, args);
    va_end(args);
    (void)buf_put_char(&line, '\n');
    write_line(&line);
}

void message_error(const char *format, ...)
{
    AUTO(buf_done) struct buf line = BUF_INIT;
    bool has_colour = message_has_terminal() && getenv("NO_COLOR") == NULL;
    put_wipe(&line);
    (void)buf_printf(&line, "%smillrace: ", has_colour ? RED : "");
    va_list args;
    va_start(args, format);
    (void)buf_vprintf(&line, format, args);
    va_end(args);
    (void)buf_printf(&line, "%s\n", has_colour ? PLAIN : "");
    write_line(&line);
}

static size_t terminal_width(void)
{
    struct winsize size = {0};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) {
        return 80;
    }
    return size.ws_col;
}

void message_progress(const char *format, ...)
{
    if (!message_has_terminal()) {
        return;
    }
    AUTO(buf_done) struct buf text = BUF_INIT;
    va_list args;
    va_start(args, format);
    (void)buf_vprintf(&text, format, args);
    va_end(args);
    AUTO(buf_done) struct buf line = BUF_INIT;
    size_t width = terminal_width() - 1; /* a full line would wrap and could not be wiped */
    (void)buf_put_str(&line, WIPE);
    (void)buf_put(&line, text.ptr, text.len < width ? text.len : width);
    write_line(&line);
    has_progress = true;
}

void message_progress_end(void)
{
    AUTO(buf_done) struct buf line = BUF_INIT;
    put_wipe(&line);
    write_line(&line);
}
