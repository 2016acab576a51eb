/* Numbers as script arguments. Private to queue*.c. */
#ifndef QUEUE_QUEUE_ARGS_H
#define QUEUE_QUEUE_ARGS_H

#include <stdio.h>

#include "base/slice.h"

struct number {
    char text[24];
};

static inline struct slice number_slice(struct number *number, int64_t value)
{
    int len = snprintf(number->text, sizeof(number->text), "%lld", (long long)value);
    return (struct slice){number->text, (size_t)len};
}

/* The text lives in the caller's block, so until the call that copies it. */
#define NUMBER(value) number_slice(&(struct number){{0}}, (value))

#endif
