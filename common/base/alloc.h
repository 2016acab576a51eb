/* Memory: out of memory aborts, so no caller checks; every size that comes from outside is checked
 * against a named maximum before it gets here. Ownership words are in common/README.md. */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>
#include <stdlib.h>

void *xmalloc(size_t size);
void *try_malloc(size_t size); /* NULL when there is none: for sizes that a peer chose */
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *ptr, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* AUTO(job_free) struct job *job = NULL;  calls job_free(job) when the scope ends. */
#define AUTO(release) __attribute__((cleanup(auto_##release)))
#define AUTO_DEFINE(release, type)                                        \
    __attribute__((unused)) static inline void auto_##release(type *held) \
    {                                                                     \
        release(*held);                                                   \
    }
/* The same for embedded objects whose release takes a pointer: AUTO(buf_done) struct buf buf. */
#define AUTO_DEFINE_EMBEDDED(release, type)                               \
    __attribute__((unused)) static inline void auto_##release(type *held) \
    {                                                                     \
        release(held);                                                    \
    }
/* Moves an owned pointer out of its AUTO variable. */
#define steal(ptr)                       \
    ({                                   \
        __typeof__(ptr) stolen_ = (ptr); \
        (ptr) = NULL;                    \
        stolen_;                         \
    })

AUTO_DEFINE(free, void *)
static inline void auto_free_char(char **held)
{
    free(*held);
}
#define AUTO_STR __attribute__((cleanup(auto_free_char))) char *

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
