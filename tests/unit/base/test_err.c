/* The error table is complete, and foreign codes find their entry. */
#include "base/err.h"

#include <errno.h>

#include "test.h"

static void every_error_has_a_name_a_text_and_a_status(void **state)
{
    (void)state;
    for (int i = 0; i < ERR_COUNT; i++) {
        enum err err = (enum err)i;
        assert_true(strlen(err_name(err)) > 0);
        assert_true(strlen(err_text(err)) > 0);
        assert_in_range(err_http_status(err), 200, 599);
    }
}

static void only_ok_has_status_200_and_it_is_zero(void **state)
{
    (void)state;
    assert_int_equal(ERR_OK, 0);
    for (int i = 1; i < ERR_COUNT; i++) {
        assert_true(err_http_status((enum err)i) >= 400);
    }
}

static void a_number_outside_the_table_is_an_internal_error(void **state)
{
    (void)state;
    assert_string_equal(err_name(ERR_COUNT), "UNKNOWN");
    assert_int_equal(err_http_status(ERR_COUNT), 500);
    assert_false(err_is_retryable(ERR_COUNT));
    assert_string_equal(err_text(ERR_COUNT), "unknown error");
}

static void errno_finds_the_nearest_entry(void **state)
{
    (void)state;
    assert_int_equal(err_from_errno(0), ERR_OK);
    assert_int_equal(err_from_errno(ENOSPC), ERR_NO_SPACE);
    assert_int_equal(err_from_errno(EPIPE), ERR_GONE);
    assert_int_equal(err_from_errno(ENOENT), ERR_NO_FILE);
    assert_int_equal(err_from_errno(ENOTDIR), ERR_NOT_FOLDER);
    assert_int_equal(err_from_errno(EISDIR), ERR_IS_FOLDER);
    assert_int_equal(err_from_errno(EXDEV), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_name_a_text_and_a_status),
        cmocka_unit_test(only_ok_has_status_200_and_it_is_zero),
        cmocka_unit_test(a_number_outside_the_table_is_an_internal_error),
        cmocka_unit_test(errno_finds_the_nearest_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
