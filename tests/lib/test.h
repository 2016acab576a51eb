/* What every cmocka test needs, in the order cmocka wants it. */
#ifndef TESTS_LIB_TEST_H
#define TESTS_LIB_TEST_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
// clang-format on

#include "base/slice.h"

#define assert_slice(actual, text)                                             \
    do {                                                                       \
        struct slice slice_ = (actual);                                        \
        assert_int_equal(slice_.len, strlen(text));                            \
        assert_memory_equal(slice_.ptr ? slice_.ptr : "", (text), slice_.len); \
    } while (0)

#endif
