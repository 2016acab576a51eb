/* The check of a card that is only a line in a file, see gpu/fake.c. */
#ifndef WORKER_GPU_CHECK_FAKE_H
#define WORKER_GPU_CHECK_FAKE_H

#include "check.h"

enum check_verdict fake_check(const char *path, const char *uuid, struct check_figures *figures,
                              char problem[CHECK_PROBLEM_SIZE]);

#endif
