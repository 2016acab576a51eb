/* Labels of machines and what endpoints ask of them: KEY=VALUE, plain text on both sides. */
#ifndef QUEUE_LABEL_H
#define QUEUE_LABEL_H

#include "base/slice.h"

#define LABELS_MAX 16
#define LABEL_MAX 63 /* bytes of a key, of a value */
#define LABEL_ALLOWED "each of 1 to 63 of A-Z a-z 0-9 '_' '-' '.' '/', at most 16 different keys"

bool label_is_valid(struct slice key, struct slice value);

#endif
