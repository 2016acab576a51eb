/* Base64 with padding (RFC 4648). */
#ifndef RENDER_BASE64_H
#define RENDER_BASE64_H

#include "base/buf.h"

enum err base64_put(struct buf *out, const void *bytes, size_t len);

#endif
