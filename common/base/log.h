/* One `key=value` line per event on stderr:
 *   2026-01-31T12:00:00.000Z info node=api-0 event=job.stored job=...
 * Payloads and secrets are never logged; text from a peer goes through log_quote(). */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/slice.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* node is borrowed for the life of the process. */
void log_init(const char *node, enum log_level level);
enum err log_level_parse(const char *text, enum log_level *ret_level);
bool log_is_on(enum log_level level);
void log_write(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(...) \
    (log_is_on(LOG_LEVEL_DEBUG) ? log_write(LOG_LEVEL_DEBUG, __VA_ARGS__) : (void)0)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)

/* Text of a peer made safe for one log value: quoted, a backslash before quotes and backslashes,
 * control bytes as '?', cut at 400 bytes. Returns a static buffer, one of four used in turn. */
const char *log_quote(struct slice text);

#endif
