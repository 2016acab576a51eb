/* What strings and numbers mean, and how text that is almost JSON is mended. */
#include "base/json.h"

#include "test.h"

#define WHOLE                                                                                     \
    "{\"input\":{\"text\":\"\\u00e9\\ud83d\\ude00 \xc3\xa9\xf0\x9f\x98\x80 \\\"x\\\"\",\"n\":[1," \
    "-2.5e+10,0.1,{},[]],\"t\":true,\"f\":false,\"z\":null},\"webhook\":\"https://example.com/a/" \
    "long/path/of/more/bytes\"}"

static const char whole[] = WHOLE;

/* --- unquote --- */

static void assert_unquoted(struct slice string, struct slice expected)
{
    struct buf out = BUF_INIT;
    assert_int_equal(json_unquote(string, &out), ERR_OK);
    assert_int_equal(out.len, expected.len);
    if (expected.len > 0) {
        assert_memory_equal(out.ptr, expected.ptr, expected.len);
    }
    buf_done(&out);
}

static void unquote_decodes_every_escape(void **state)
{
    (void)state;
    assert_unquoted(SLICE("\"\""), SLICE(""));
    assert_unquoted(SLICE("\"plain\""), SLICE("plain"));
    assert_unquoted(SLICE("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), SLICE("\"\\/\b\f\n\r\t"));
    assert_unquoted(SLICE("\"a\\u0000b\""), SLICE("a\0b"));
    assert_unquoted(SLICE("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\""),
                    SLICE("A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
    assert_unquoted(SLICE("\"\\u007f\\u0080\\u07ff\\u0800\\uffff\""),
                    SLICE("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"));
    assert_unquoted(SLICE("\"\\udbff\\udfff\""), SLICE("\xf4\x8f\xbf\xbf"));
}

static void unquote_makes_lone_surrogates_replacement_characters(void **state)
{
    (void)state;
    assert_unquoted(SLICE("\"\\ud800\""), SLICE("\xef\xbf\xbd"));
    assert_unquoted(SLICE("\"\\ude00\\ud83d\""), SLICE("\xef\xbf\xbd\xef\xbf\xbd"));
    assert_unquoted(SLICE("\"\\ud83dx\""), SLICE("\xef\xbf\xbdx"));
    assert_unquoted(SLICE("\"\\ud83d\\n\""), SLICE("\xef\xbf\xbd\n"));
    assert_unquoted(SLICE("\"\\ud83d\\ud83d\\ude00\""), SLICE("\xef\xbf\xbd\xf0\x9f\x98\x80"));
}

static void unquote_refuses_what_is_not_one_string(void **state)
{
    (void)state;
    static const char *const texts[] = {"",       "\"",     "1",         "null", "\"a\"b\"",
                                        "\"a\" ", " \"a\"", "\"\\u12\"", "\"a"};
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(json_unquote(slice_of(texts[i]), &out), ERR_BAD_JSON);
        assert_int_equal(out.len, 0);
    }
}

static void unquote_appends_or_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 8);
    buf_put_str(&out, "ab");
    assert_int_equal(json_unquote(SLICE("\"c\\n\""), &out), ERR_OK);
    assert_int_equal(json_unquote(SLICE("\"xx\\nxx\""), &out), ERR_TOO_LARGE);
    assert_slice(buf_slice(&out), "abc\n");
    buf_done(&out);
}

static void unquote_reverses_what_the_buffer_quoted(void **state)
{
    (void)state;
    char bytes[256];
    for (size_t i = 0; i < 128; i++) {
        bytes[i] = (char)i;
    }
    struct slice text = {bytes, 128};
    struct buf quoted = BUF_INIT;
    assert_int_equal(buf_put_json_str(&quoted, text), ERR_OK);
    assert_unquoted(buf_slice(&quoted), text);
    buf_done(&quoted);
}

/* --- mend --- */

static void assert_mended(struct slice text, const char *expected)
{
    struct buf out = BUF_INIT;
    buf_put_str(&out, "<");
    enum err err = json_mend(text, &out);
    char *mended = buf_take_str(&out);
    assert_int_equal(err, expected != NULL ? ERR_OK : ERR_BAD_JSON);
    assert_string_equal(mended + 1, expected != NULL ? expected : "");
    free(mended);
}

static void mend_leaves_json_as_it_is(void **state)
{
    (void)state;
    assert_mended(SLICE(WHOLE), whole);
    assert_mended(SLICE(" [ 1 , \"NaN\" , -0.0 , \"\\\"Infinity\\\\\" ] "),
                  " [ 1 , \"NaN\" , -0.0 , \"\\\"Infinity\\\\\" ] ");
}

static void mend_turns_the_numbers_of_python_into_null(void **state)
{
    (void)state;
    assert_mended(SLICE("NaN"), "null");
    assert_mended(SLICE("[NaN, Infinity, -Infinity, -1]"), "[null, null, null, -1]");
    assert_mended(SLICE("{\"NaN\": NaN, \"a\": \"-Infinity\"}"),
                  "{\"NaN\": null, \"a\": \"-Infinity\"}");
}

static void mend_escapes_raw_control_characters(void **state)
{
    (void)state;
    assert_mended(SLICE("[\"a\nb\tc\0\x1f\"]"), "[\"a\\u000ab\\u0009c\\u0000\\u001f\"]");
    assert_mended(SLICE("[\n\"a\",\t\"b\"]"), "[\n\"a\",\t\"b\"]");
}

static void mend_replaces_invalid_utf8_sequence_by_sequence(void **state)
{
    (void)state;
    assert_mended(SLICE("\"a\xff\xfe\x62\""), "\"a\xef\xbf\xbd\xef\xbf\xbd\x62\"");
    assert_mended(SLICE("\"\xe4\xb8\""), "\"\xef\xbf\xbd\"");
    assert_mended(SLICE("\"\xe4\xb8x\xf0\x9f\x98\""), "\"\xef\xbf\xbdx\xef\xbf\xbd\"");
    assert_mended(SLICE("\"\xed\xa0\x80\""), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_mended(SLICE("\"\xc0\xaf\xc3\""), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_mended(SLICE("\"\xc3\xa9\xff\xc3\xa9\""), "\"\xc3\xa9\xef\xbf\xbd\xc3\xa9\"");
}

static void mend_refuses_what_stays_broken(void **state)
{
    (void)state;
    static const char *const texts[] = {"",           "[",          "[1,]",    "NaNx", "1NaN",
                                        "--Infinity", "-NaN",       "{NaN:1}", "\"a",  "\"\\x\"",
                                        "\"\\",       "\"\\\n\"",   "\xff",    "nan",  "+Infinity",
                                        "[NaN NaN]",  "\"\\\xff\"", "'a'"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_mended(slice_of(texts[i]), NULL);
    }
}

static void mend_stops_at_the_maximum_of_the_buffer(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 10);
    buf_put_str(&out, "ab");
    assert_int_equal(json_mend(SLICE("\"\x01\x01\""), &out), ERR_TOO_LARGE);
    assert_int_equal(out.len, 2);
    buf_done(&out);
}

/* --- whole numbers --- */

static void assert_i64(const char *number, int64_t expected)
{
    int64_t value = 0;
    if (json_to_i64(slice_of(number), &value) != ERR_OK || value != expected) {
        fail_msg("%s is not %lld", number, (long long)expected);
    }
}

static void to_i64_reads_plain_integers(void **state)
{
    (void)state;
    assert_i64("0", 0);
    assert_i64("-0", 0);
    assert_i64("42", 42);
    assert_i64("-42", -42);
    assert_i64("9007199254740993", 9007199254740993);
    assert_i64("9223372036854775807", INT64_MAX);
    assert_i64("-9223372036854775808", INT64_MIN);
}

static void to_i64_reads_whole_numbers_in_any_spelling(void **state)
{
    (void)state;
    assert_i64("1e3", 1000);
    assert_i64("1E+3", 1000);
    assert_i64("1.0", 1);
    assert_i64("10e-1", 1);
    assert_i64("1.50e1", 15);
    assert_i64("-2.5e1", -25);
    assert_i64("0.001e3", 1);
    assert_i64("1200e-2", 12);
    assert_i64("100.00", 100);
    assert_i64("0e99999999999999999999", 0);
    assert_i64("0.000e-99999999999999999999", 0);
    assert_i64("922337203685477580.7e1", INT64_MAX);
    assert_i64("-9223372036854775808.000", INT64_MIN);
    assert_i64("1000000000000000000000e-3", 1000000000000000000);
}

static void to_i64_refuses_fractions_and_what_does_not_fit(void **state)
{
    (void)state;
    static const char *const texts[] = {"0.5",
                                        "1.5",
                                        "15e-1",
                                        "1e-1",
                                        "1e-99999999999999999999",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "1e19",
                                        "1e400",
                                        "1e99999999999999999999",
                                        "123456789012345678901",
                                        "-1e19",
                                        "9223372036854775807.5"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        int64_t value = 7;
        assert_int_equal(json_to_i64(slice_of(texts[i]), &value), ERR_BAD_REQUEST);
        assert_int_equal(value, 7);
    }
}

static void to_i64_refuses_what_is_not_a_number(void **state)
{
    (void)state;
    static const char *const texts[] = {"",   "-",  "01", "1x", "\"1\"", "null",
                                        "1e", "+1", "1 ", " 1", "[1]"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        int64_t value;
        assert_int_equal(json_to_i64(slice_of(texts[i]), &value), ERR_BAD_REQUEST);
    }
}

static void a_document_has_no_nul_in_a_string(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t offset; /* of the problem; 0: there is none */
    } cases[] = {{"{\"a\":\"b\\u0000c\"}", 7},
                 {"{\"\\u0000\":1}", 2},
                 {"{\"a\":[{\"b\":\"\\\\\\u0000\"}]}", 14},
                 {"{\"a\":\"\\\\u0000 \\u0001 \\\"u0000\"}", 0}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json_problem problem = {0};
        enum err err = json_scan_document(slice_of(cases[i].text), &problem);
        assert_int_equal(err, cases[i].offset > 0 ? ERR_BAD_JSON : ERR_OK);
        assert_int_equal(problem.offset, cases[i].offset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unquote_decodes_every_escape),
        cmocka_unit_test(unquote_makes_lone_surrogates_replacement_characters),
        cmocka_unit_test(unquote_refuses_what_is_not_one_string),
        cmocka_unit_test(unquote_appends_or_leaves_the_buffer_as_it_was),
        cmocka_unit_test(unquote_reverses_what_the_buffer_quoted),
        cmocka_unit_test(mend_leaves_json_as_it_is),
        cmocka_unit_test(mend_turns_the_numbers_of_python_into_null),
        cmocka_unit_test(mend_escapes_raw_control_characters),
        cmocka_unit_test(mend_replaces_invalid_utf8_sequence_by_sequence),
        cmocka_unit_test(mend_refuses_what_stays_broken),
        cmocka_unit_test(mend_stops_at_the_maximum_of_the_buffer),
        cmocka_unit_test(to_i64_reads_plain_integers),
        cmocka_unit_test(to_i64_reads_whole_numbers_in_any_spelling),
        cmocka_unit_test(to_i64_refuses_fractions_and_what_does_not_fit),
        cmocka_unit_test(to_i64_refuses_what_is_not_a_number),
        cmocka_unit_test(a_document_has_no_nul_in_a_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
