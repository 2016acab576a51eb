/* A finished picture as a PNG file. */
#ifndef RENDER_IMAGE_H
#define RENDER_IMAGE_H

#include "base/buf.h"

/* rgb: width * height * 3 bytes, rows from the top. Appends the file's bytes. */
enum err image_put_png(struct buf *out, const uint8_t *rgb, uint32_t width, uint32_t height);

#endif
