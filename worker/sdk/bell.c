/* An eventfd that is written and never read. Only write(2) happens in bell_ring(), which makes it
 * fit for signal handlers; a full counter cannot happen in a process' life. */
#include "bell.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

void bell_init(struct bell *bell)
{
    bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ensure(bell->fd >= 0);
}

void bell_ring(const struct bell *bell)
{
    int kept = errno;
    uint64_t one = 1;
    ssize_t written = write(bell->fd, &one, sizeof(one));
    (void)written;
    errno = kept;
}

bool bell_is_rung(const struct bell *bell)
{
    return bell_wait(bell, 0);
}

bool bell_wait(const struct bell *bell, unsigned ms)
{
    uint64_t until_ms = clock_mono_ms() + ms;
    for (;;) {
        struct pollfd wait = {.fd = bell->fd, .events = POLLIN};
        uint64_t now_ms = clock_mono_ms();
        uint64_t left_ms = now_ms < until_ms ? until_ms - now_ms : 0;
        int count = poll(&wait, 1, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
        if (count > 0 || (count == 0 && left_ms == 0)) {
            return count > 0;
        }
        ensure(count == 0 || errno == EINTR);
    }
}

void bell_done(struct bell *bell)
{
    close(bell->fd);
    bell->fd = -1;
}
