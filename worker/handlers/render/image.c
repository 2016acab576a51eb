/* libpng's simplified interface: no longjmp across our frames. The size is bounded first, since
 * asking libpng for it would compress twice. */
#include "image.h"

#include <png.h>

enum err image_put_png(struct buf *out, const uint8_t *rgb, uint32_t width, uint32_t height)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = width, .height = height, .format = PNG_FORMAT_RGB};
    size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    enum err err = buf_reserve(out, size);
    if (err != ERR_OK) {
        return err;
    }
    png_alloc_size_t written = size;
    if (png_image_write_to_memory(&image, out->ptr + out->len, &written, 0, rgb, 0, NULL) == 0) {
        png_image_free(&image);
        return ERR_INTERNAL;
    }
    out->len += written;
    return ERR_OK;
}
