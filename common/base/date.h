/* Dates as people and JSON write them. Pure. */
#ifndef BASE_DATE_H
#define BASE_DATE_H

#include "base/slice.h"

/* Epoch ms of an RFC 3339 date and time ("2030-01-31T12:00:00Z", "...T12:00:00.5+02:00");
 * ERR_BAD_REQUEST for all else. */
enum err date_parse(struct slice text, int64_t *ret_ms);

#endif
