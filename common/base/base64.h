/* Base64 with padding (RFC 4648). */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

enum err base64_put(struct buf *out, const void *bytes, size_t len);

#endif
