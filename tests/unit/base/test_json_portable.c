/* The tests of test_json.c over the scanner as it is built where there is no SSE2. */
#define JSON_PORTABLE
#include "../../../common/base/json.c" /* NOLINT: takes the place of the library's */

#include "test_json.c"
