/* Own programs come from the folder of the running executable first, so that a build tree never
 * starts the parts of another installation. */
#include "programs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

char *programs_self(void)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path));
    return len > 0 && len < (ssize_t)sizeof(path) ? xstrndup(path, (size_t)len)
                                                  : xstrdup("millrace");
}

char *programs_find(const char *name)
{
    AUTO_STR self = programs_self();
    char *slash = strrchr(self, '/');
    if (slash != NULL) {
        AUTO_STR path = xasprintf("%.*s/%s", (int)(slash - self), self, name);
        if (access(path, X_OK) == 0) {
            return steal(path);
        }
    }
    return xstrdup(name);
}

bool programs_is_in_path(const char *name)
{
    const char *path = getenv("PATH");
    AUTO_STR rest = xstrdup(path != NULL ? path : "/usr/local/bin:/usr/bin:/bin");
    char *save = NULL;
    for (char *dir = strtok_r(rest, ":", &save); dir != NULL; dir = strtok_r(NULL, ":", &save)) {
        AUTO_STR file = xasprintf("%s/%s", dir, name);
        if (access(file, X_OK) == 0) {
            return true;
        }
    }
    return false;
}
