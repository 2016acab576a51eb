/* The path is made absolute first, because dlopen() searches the system's folders for a name
 * without a slash, and because realpath() says plainly that a file is missing. */
#include "library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

static enum err check_handler(const struct millrace_handler *handler, struct buf *problem);

static enum err load_object(struct library *library, const char *path, struct buf *problem)
{
    AUTO_STR full = realpath(path, NULL);
    if (full == NULL) {
        int number = errno;
        buf_printf(problem, "cannot open %s: %s", path, strerror(number));
        return err_from_errno(number);
    }
    library->object = dlopen(full, RTLD_NOW | RTLD_LOCAL);
    if (library->object == NULL) {
        buf_printf(problem, "cannot load %s: %s", path, dlerror());
        return ERR_BAD_REQUEST;
    }
    return ERR_OK;
}

enum err library_open(struct library *library, const char *path, struct buf *problem)
{
    *library = (struct library){0};
    enum err err = load_object(library, path, problem);
    if (err != ERR_OK) {
        return err;
    }
    const struct millrace_handler *(*entry)(void) = NULL;
    *(void **)(void *)&entry = dlsym(library->object, "millrace_handler");
    if (entry == NULL) {
        buf_printf(problem, "%s is no handler: it exports no millrace_handler()", path);
        return ERR_BAD_REQUEST;
    }
    library->handler = entry();
    err = check_handler(library->handler, problem);
    if (err != ERR_OK) {
        buf_printf(problem, " (%s)", path);
    }
    return err;
}

static enum err check_handler(const struct millrace_handler *handler, struct buf *problem)
{
    if (handler == NULL) {
        buf_put_str(problem, "millrace_handler() returned NULL");
    } else if (handler->abi == 0 || handler->abi > MILLRACE_ABI) {
        buf_printf(problem, "the handler has ABI %u, this program runs 1 to %u",
                   (unsigned)handler->abi, (unsigned)MILLRACE_ABI);
    } else if (handler->run == NULL || handler->name == NULL) {
        buf_put_str(problem, "the handler has no run function or no name");
    } else if (handler->concurrency > MILLRACE_CONCURRENCY_MAX) {
        buf_printf(problem, "the handler's concurrency is %u, allowed are 0 to %u",
                   (unsigned)handler->concurrency, (unsigned)MILLRACE_CONCURRENCY_MAX);
    } else {
        return ERR_OK;
    }
    return ERR_BAD_REQUEST;
}

unsigned library_concurrency(const struct library *library)
{
    return library->handler->concurrency > 0 ? library->handler->concurrency : 1;
}
