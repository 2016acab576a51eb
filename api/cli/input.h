/* The INPUT operand: JSON text, "@FILE" or "-" for standard input. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "base/buf.h"

/* Appends `{"input":<the text, byte for byte>}`; text NULL means {}. On an error `problem` holds
 * one line. */
enum err input_body(const char *operand, struct buf *out, struct buf *problem);

#endif
