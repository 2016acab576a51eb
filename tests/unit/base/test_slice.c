/* Borrowed bytes: comparison, cutting, numbers. */
#include "base/slice.h"

#include "test.h"

static void equality_looks_at_length_and_bytes(void **state)
{
    (void)state;
    assert_true(slice_eq(SLICE("a\0b"), SLICE("a\0b")));
    assert_false(slice_eq(SLICE("a\0b"), SLICE("a\0c")));
    assert_false(slice_eq(SLICE("ab"), SLICE("abc")));
    assert_true(slice_eq(SLICE_NONE, SLICE("")));
    assert_true(slice_is(SLICE("ab"), "ab"));
    assert_false(slice_is(SLICE("ab"), "a"));
}

static void equality_without_case_is_for_ascii(void **state)
{
    (void)state;
    assert_true(slice_eq_nocase(SLICE("Content-Length"), SLICE("content-LENGTH")));
    assert_false(slice_eq_nocase(SLICE("a"), SLICE("ab")));
    assert_false(slice_eq_nocase(SLICE("@"), SLICE("`")));
    assert_true(slice_eq_nocase(SLICE_NONE, SLICE("")));
}

static void equality_without_case_does_not_stop_at_a_zero_byte(void **state)
{
    (void)state;
    assert_false(slice_eq_nocase(SLICE("a\0b"), SLICE("a\0c")));
    assert_true(slice_eq_nocase(SLICE("a\0b"), SLICE("A\0B")));
}

static void a_slice_starts_with_its_prefixes(void **state)
{
    (void)state;
    assert_true(slice_starts(SLICE("abc"), SLICE("ab")));
    assert_true(slice_starts(SLICE("abc"), SLICE("")));
    assert_true(slice_starts(SLICE_NONE, SLICE_NONE));
    assert_false(slice_starts(SLICE("a"), SLICE("ab")));
    assert_false(slice_starts(SLICE("abc"), SLICE("b")));
}

static void the_rest_begins_where_asked(void **state)
{
    (void)state;
    assert_slice(slice_from(SLICE("abc"), 1), "bc");
    assert_slice(slice_from(SLICE("abc"), 3), "");
    assert_int_equal(slice_from(SLICE_NONE, 0).len, 0);
}

static void a_missing_text_is_an_empty_slice(void **state)
{
    (void)state;
    assert_int_equal(slice_of(NULL).len, 0);
    assert_int_equal(slice_of("").len, 0);
}

static void a_copy_is_terminated(void **state)
{
    (void)state;
    char *copy = slice_dup((struct slice){"abcdef", 3});
    char *empty = slice_dup(SLICE_NONE);
    assert_string_equal(copy, "abc");
    assert_string_equal(empty, "");
    free(copy);
    free(empty);
}

static void trimming_takes_blanks_and_tabs_off_both_ends(void **state)
{
    (void)state;
    assert_slice(slice_trim(SLICE(" \ta b\t ")), "a b");
    assert_slice(slice_trim(SLICE(" \t ")), "");
    assert_slice(slice_trim(SLICE_NONE), "");
    assert_slice(slice_trim(SLICE("\na\r")), "\na\r");
}

static void cutting_walks_over_the_parts(void **state)
{
    (void)state;
    struct slice rest = SLICE("a,,bc,");
    assert_slice(slice_cut(&rest, ','), "a");
    assert_slice(slice_cut(&rest, ','), "");
    assert_slice(slice_cut(&rest, ','), "bc");
    assert_int_equal(rest.len, 0);
    assert_slice(slice_cut(&rest, ','), "");
}

static void cutting_without_a_separator_takes_all(void **state)
{
    (void)state;
    struct slice rest = SLICE("abc");
    assert_slice(slice_cut(&rest, ','), "abc");
    assert_int_equal(rest.len, 0);
}

static void decimals_are_read_to_their_limits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } known[] = {{"0", 0},
                 {"-0", 0},
                 {"7", 7},
                 {"-7", -7},
                 {"007", 7},
                 {"9223372036854775807", INT64_MAX},
                 {"-9223372036854775808", INT64_MIN}};
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        int64_t value = 1;
        assert_int_equal(slice_to_i64(slice_of(known[i].text), &value), ERR_OK);
        assert_true(value == known[i].value);
    }
}

static void what_is_not_a_whole_decimal_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "-",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1x",
                                        "x",
                                        "1.0",
                                        "1e3",
                                        "--1",
                                        "0x1",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "99999999999999999999999999"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        int64_t value = 5;
        assert_int_equal(slice_to_i64(slice_of(texts[i]), &value), ERR_BAD_REQUEST);
        assert_true(value == 5);
        assert_true(slice_to_i64_or(slice_of(texts[i]), -3) == -3);
    }
    assert_true(slice_to_i64_or(SLICE("12"), -3) == 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_looks_at_length_and_bytes),
        cmocka_unit_test(equality_without_case_is_for_ascii),
        cmocka_unit_test(equality_without_case_does_not_stop_at_a_zero_byte),
        cmocka_unit_test(a_slice_starts_with_its_prefixes),
        cmocka_unit_test(the_rest_begins_where_asked),
        cmocka_unit_test(a_missing_text_is_an_empty_slice),
        cmocka_unit_test(a_copy_is_terminated),
        cmocka_unit_test(trimming_takes_blanks_and_tabs_off_both_ends),
        cmocka_unit_test(cutting_walks_over_the_parts),
        cmocka_unit_test(cutting_without_a_separator_takes_all),
        cmocka_unit_test(decimals_are_read_to_their_limits),
        cmocka_unit_test(what_is_not_a_whole_decimal_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
