/* Lines for people, on stderr: "millrace: text". stdout is for results only.
 *
 * One line may be in progress: on a terminal it is written over by the next one and wiped by the
 * next message; elsewhere it is not shown at all. */
#ifndef CLI_MESSAGE_H
#define CLI_MESSAGE_H

#include <stdbool.h>

void message(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same in red on a terminal. */
void message_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

bool message_has_terminal(void);
void message_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void message_progress_end(void); /* wipes the line in progress */

#endif
