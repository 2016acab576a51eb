/* Allocation that never returns NULL: a process that cannot get a few bytes can do no useful work,
 * and the supervisor restarts it. */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define SMALL_MAX 1024

void *xmalloc(size_t size)
{
    void *ptr = malloc(size ? size : 1);
    ensure(ptr != NULL);
    return ptr;
}

void *try_malloc(size_t size)
{
    return malloc(size ? size : 1);
}

/* Small objects by malloc(): glibc's calloc() passes the thread's cache by, which free() fills. */
void *xcalloc(size_t count, size_t size)
{
    size_t bytes;
    if (!__builtin_mul_overflow(count, size, &bytes) && bytes <= SMALL_MAX) {
        return memset(xmalloc(bytes), 0, bytes);
    }
    void *ptr = calloc(count ? count : 1, size ? size : 1);
    ensure(ptr != NULL);
    return ptr;
}

void *xrealloc(void *ptr, size_t size)
{
    void *moved = realloc(ptr, size ? size : 1);
    ensure(moved != NULL);
    return moved;
}

char *xstrdup(const char *text)
{
    return xstrndup(text, strlen(text));
}

char *xstrndup(const char *text, size_t len)
{
    char *copy = xmalloc(len + 1);
    if (len > 0) {
        memcpy(copy, text, len);
    }
    copy[len] = '\0';
    return copy;
}

char *xasprintf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int len = vasprintf(&text, format, args);
    va_end(args);
    ensure(len >= 0);
    return text;
}
