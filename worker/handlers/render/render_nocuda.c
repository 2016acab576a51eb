/* Stands in for render_cuda.cu where no nvcc was found. */
#include <stdio.h>

#include "device.h"

enum render_end cuda_render(const struct plan *plan, uint8_t *rgb, char *why, unsigned size)
{
    (void)plan;
    (void)rgb;
    (void)cuda_is_usable(why, size);
    return RENDER_FAILED;
}

bool cuda_is_usable(char *why, unsigned size)
{
    (void)snprintf(why, size, "built without CUDA");
    return false;
}
