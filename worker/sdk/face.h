/* The functions of millrace.h as the host offers them. */
#ifndef SDK_FACE_H
#define SDK_FACE_H

#include "millrace.h"

extern const struct millrace_host face_functions;

#endif
