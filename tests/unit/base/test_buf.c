/* The growable buffer: growth, the maximum, formatting, JSON strings. */
#include "base/buf.h"

#include "test.h"

static void a_new_buffer_is_empty(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT;
    assert_int_equal(buf_slice(&buf).len, 0);
    assert_false(buf_is_over(&buf));
    buf_done(&buf);
}

static void writes_are_appended_in_order(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT;
    assert_int_equal(buf_put(&buf, "ab", 2), ERR_OK);
    assert_int_equal(buf_put_str(&buf, "cd"), ERR_OK);
    assert_int_equal(buf_put_slice(&buf, SLICE("ef")), ERR_OK);
    assert_int_equal(buf_put_char(&buf, 'g'), ERR_OK);
    assert_int_equal(buf_printf(&buf, "%d-%s", 7, "x"), ERR_OK);
    assert_slice(buf_slice(&buf), "abcdefg7-x");
    buf_done(&buf);
}

static void empty_writes_change_nothing(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT;
    assert_int_equal(buf_put(&buf, NULL, 0), ERR_OK);
    assert_int_equal(buf_put_slice(&buf, SLICE_NONE), ERR_OK);
    assert_int_equal(buf_put_str(&buf, ""), ERR_OK);
    assert_int_equal(buf_printf(&buf, "%s", ""), ERR_OK);
    assert_int_equal(buf.len, 0);
    buf_done(&buf);
}

static void growth_keeps_what_was_written(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT;
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(buf_put_char(&buf, (char)('a' + i % 26)), ERR_OK);
    }
    assert_int_equal(buf.len, 100000);
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(buf.ptr[i], 'a' + i % 26);
    }
    buf_done(&buf);
}

static void the_smallest_and_largest_integers_are_written(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT;
    buf_put_i64(&buf, INT64_MIN);
    buf_put_char(&buf, ' ');
    buf_put_i64(&buf, 0);
    buf_put_char(&buf, ' ');
    buf_put_i64(&buf, INT64_MAX);
    assert_slice(buf_slice(&buf), "-9223372036854775808 0 9223372036854775807");
    buf_done(&buf);
}

static void a_buffer_holds_its_maximum_and_no_more(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 4);
    assert_int_equal(buf_put_str(&buf, "abcd"), ERR_OK);
    assert_false(buf_is_over(&buf));
    assert_int_equal(buf_put_char(&buf, 'e'), ERR_TOO_LARGE);
    assert_slice(buf_slice(&buf), "abcd");
    buf_done(&buf);
}

static void a_write_past_the_maximum_is_refused_whole(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 4);
    buf_put_str(&buf, "ab");
    assert_int_equal(buf_put_str(&buf, "cde"), ERR_TOO_LARGE);
    assert_slice(buf_slice(&buf), "ab");
    buf_done(&buf);
}

static void an_overflow_is_remembered_until_the_buffer_is_cleared(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 4);
    buf_put_str(&buf, "abcde");
    buf_put_str(&buf, "a");
    assert_true(buf_is_over(&buf));
    buf_clear(&buf);
    assert_false(buf_is_over(&buf));
    assert_int_equal(buf.len, 0);
    buf_done(&buf);
}

static void a_length_that_would_wrap_is_refused(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT;
    buf_put_str(&buf, "abc");
    assert_int_equal(buf_reserve(&buf, SIZE_MAX), ERR_TOO_LARGE);
    assert_int_equal(buf_reserve(&buf, SIZE_MAX - 2), ERR_TOO_LARGE);
    buf_done(&buf);
}

static void formatted_text_may_fill_the_buffer_to_its_maximum(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 4);
    assert_int_equal(buf_printf(&buf, "%s", "abcd"), ERR_OK);
    assert_slice(buf_slice(&buf), "abcd");
    assert_int_equal(buf_printf(&buf, "%s", "e"), ERR_TOO_LARGE);
    buf_done(&buf);
}

static void consuming_drops_bytes_from_the_front(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT;
    buf_put_str(&buf, "abcdef");
    buf_consume(&buf, 0);
    buf_consume(&buf, 2);
    assert_slice(buf_slice(&buf), "cdef");
    buf_consume(&buf, 4);
    assert_int_equal(buf.len, 0);
    buf_done(&buf);
}

static void a_buffer_may_be_used_again_after_done(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 3);
    buf_put_str(&buf, "abc");
    buf_done(&buf);
    assert_int_equal(buf_put_str(&buf, "xyz"), ERR_OK);
    assert_int_equal(buf_put_str(&buf, "x"), ERR_TOO_LARGE);
    buf_done(&buf);
}

static void taking_the_text_empties_the_buffer(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT;
    buf_put_str(&buf, "abc");
    char *text = buf_take_str(&buf);
    assert_string_equal(text, "abc");
    assert_int_equal(buf.len, 0);
    assert_null(buf.ptr);
    free(text);
    char *empty = buf_take_str(&buf);
    assert_string_equal(empty, "");
    free(empty);
}

static void json_strings_are_quoted_and_escaped(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT;
    assert_int_equal(buf_put_json_str(&buf, SLICE("a\"b\\c/\b\t\n\v\f\r\0\x1f\x7f\xc3\xa9")),
                     ERR_OK);
    assert_slice(buf_slice(&buf),
                 "\"a\\\"b\\\\c/\\b\\t\\n\\u000b\\f\\r\\u0000\\u001f\x7f\xc3\xa9\"");
    buf_done(&buf);
}

static void an_empty_json_string_is_two_quotes(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT;
    assert_int_equal(buf_put_json_str(&buf, SLICE_NONE), ERR_OK);
    assert_slice(buf_slice(&buf), "\"\"");
    buf_done(&buf);
}

static void a_json_string_past_the_maximum_is_an_error(void **state)
{
    (void)state;
    struct buf buf;
    for (size_t max = 1; max < 8; max++) {
        buf_init(&buf, max);
        assert_int_equal(buf_put_json_str(&buf, SLICE("ab\ncd")), ERR_TOO_LARGE);
        assert_true(buf_is_over(&buf));
        buf_done(&buf);
    }
}

static void an_excerpt_is_one_line_of_whole_characters(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT;
    assert_int_equal(buf_put_excerpt(&buf, SLICE("a\nb\x7f\0c"), 80), ERR_OK);
    assert_int_equal(buf_put_excerpt(&buf, SLICE_NONE, 80), ERR_OK);
    assert_slice(buf_slice(&buf), "a?b??c");
    for (size_t max = 0; max < 9; max++) {
        static const char *const want[] = {
            "", "a", "a", "aé", "aé", "aé", "aé", "aé\xf0\x9f\x98\x80", "aé\xf0\x9f\x98\x80!"};
        buf_clear(&buf);
        assert_int_equal(buf_put_excerpt(&buf, SLICE("aé\xf0\x9f\x98\x80!"), max), ERR_OK);
        assert_slice(buf_slice(&buf), want[max]);
    }
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_buffer_is_empty),
        cmocka_unit_test(writes_are_appended_in_order),
        cmocka_unit_test(empty_writes_change_nothing),
        cmocka_unit_test(growth_keeps_what_was_written),
        cmocka_unit_test(the_smallest_and_largest_integers_are_written),
        cmocka_unit_test(a_buffer_holds_its_maximum_and_no_more),
        cmocka_unit_test(a_write_past_the_maximum_is_refused_whole),
        cmocka_unit_test(an_overflow_is_remembered_until_the_buffer_is_cleared),
        cmocka_unit_test(a_length_that_would_wrap_is_refused),
        cmocka_unit_test(formatted_text_may_fill_the_buffer_to_its_maximum),
        cmocka_unit_test(consuming_drops_bytes_from_the_front),
        cmocka_unit_test(a_buffer_may_be_used_again_after_done),
        cmocka_unit_test(taking_the_text_empties_the_buffer),
        cmocka_unit_test(json_strings_are_quoted_and_escaped),
        cmocka_unit_test(an_empty_json_string_is_two_quotes),
        cmocka_unit_test(a_json_string_past_the_maximum_is_an_error),
        cmocka_unit_test(an_excerpt_is_one_line_of_whole_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
