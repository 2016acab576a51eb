/* Only the arithmetic: the owner of the requests adds and subtracts. */
#include "net/bodies.h"

struct config_option bodies_option(int64_t *target)
{
    return (struct config_option){
        .name = BODIES_MAX_FLAG,
        .kind = CONFIG_INT,
        .target = target,
        .argument = "MIB",
        .fallback = "512",
        .min = 1,
        .max = 1 << 20,
        .help = "memory for request bodies above 64 KiB, together; beyond it they have to wait or "
                "come again",
    };
}

size_t bodies_weight(size_t bytes)
{
    return bytes > BODIES_SMALL ? bytes : 0;
}

bool bodies_have_room(const struct bodies *bodies, size_t used, size_t weight)
{
    return weight == 0 || used == 0 || used + weight <= bodies->max;
}

void bodies_put_problem(const struct bodies *bodies, struct buf *out)
{
    buf_printf(out,
               "the request bodies being received or worked on here take the %zu MiB that --%s "
               "allows: try again",
               bodies->max >> 20, BODIES_MAX_FLAG);
}
