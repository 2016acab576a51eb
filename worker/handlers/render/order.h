/* What a job asks for, checked. */
#ifndef RENDER_ORDER_H
#define RENDER_ORDER_H

#include "base/buf.h"

#define ORDER_EDGE_MIN 16
#define ORDER_EDGE_MAX 2048 /* so that the picture in Base64 stays below the 20 MiB of a result */
#define ORDER_SAMPLES_MAX 4096
#define ORDER_SEED_MAX INT64_C(9007199254740991) /* what every JSON library keeps exactly */

struct order {
    uint32_t width, height; /* pixels */
    uint32_t samples;       /* paths per pixel */
    uint64_t seed;
    const char *scene; /* static, one of scene_names() */
};

/* Reads the job's input; what is absent gets its default. On ERR_BAD_REQUEST `problem` holds one
 * sentence that names the field, its value and what is allowed. */
enum err order_parse(struct slice input, struct order *ret_order, struct buf *problem);

#endif
