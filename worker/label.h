/* Labels of this machine, "KEY=VALUE", by which endpoints may choose where they run. Pure. */
#ifndef WORKER_LABEL_H
#define WORKER_LABEL_H

#include "base/config.h"

/* NULL when all are good; else the bad one, and problem says what is allowed. */
const char *labels_check(const struct config_strings *labels, struct buf *problem);
void labels_put_json(const struct config_strings *labels, struct buf *out); /* {"zone":"a"} */

#endif
