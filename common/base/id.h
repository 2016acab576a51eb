/* Random identifiers from the kernel's generator, drawn in blocks. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include "base/slice.h"

#define ID_UUID_SIZE 37 /* 36 characters and the terminator */
#define ID_MAX 128      /* longest id accepted from outside */

void id_random(void *bytes, size_t len);
void id_uuid(char out[ID_UUID_SIZE]); /* version 4, lower case */
void id_hex(char *out, size_t bytes); /* 2*bytes lower-case digits and a terminator */
void id_alnum(char *out, size_t len); /* len of [a-z0-9], evenly drawn, and a terminator */
bool id_is_valid(struct slice id);    /* 1 to ID_MAX of [A-Za-z0-9_-] */

#endif
