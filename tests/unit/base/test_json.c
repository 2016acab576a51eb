/* The JSON scanner: what is refused and what passes. */
#include "base/json.h"

#include <stdio.h>

#include "test.h"

static bool is_json(struct slice text)
{
    /* A copy of exact size, so that a read past the end is caught by the address sanitizer. */
    char *copy = slice_dup(text);
    char *exact = xmalloc(text.len);
    memcpy(exact, copy, text.len);
    free(copy);
    struct json_problem problem = {0};
    enum err err = json_check((struct slice){exact, text.len}, NULL, &problem);
    free(exact);
    assert_true(err == ERR_OK || err == ERR_BAD_JSON);
    assert_true((problem.what != NULL) == (err == ERR_BAD_JSON));
    assert_true(problem.offset <= text.len);
    return err == ERR_OK;
}

static void expect_all(const char *const *texts, size_t count, bool is_expected)
{
    for (size_t i = 0; i < count; i++) {
        if (is_json(slice_of(texts[i])) != is_expected) {
            fail_msg("%s: %s", is_expected ? "refused" : "accepted", texts[i]);
        }
    }
}

#define assert_valid(...)                                  \
    do {                                                   \
        static const char *const texts_[] = {__VA_ARGS__}; \
        expect_all(texts_, COUNT_OF(texts_), true);        \
    } while (0)
#define assert_refused(...)                                \
    do {                                                   \
        static const char *const texts_[] = {__VA_ARGS__}; \
        expect_all(texts_, COUNT_OF(texts_), false);       \
    } while (0)

/* --- the grammar --- */

static void check_accepts_the_three_words(void **state)
{
    (void)state;
    assert_valid("null", "true", "false");
}

static void check_refuses_other_words(void **state)
{
    (void)state;
    assert_refused("nul", "tru", "fals", "nulL", "True", "FALSE", "None", "NaN", "Infinity",
                   "-Infinity", "undefined", "nulll", "truefalse", "n", "t", "f", "'a'", "a");
}

static void check_accepts_every_form_of_number(void **state)
{
    (void)state;
    assert_valid("0", "-0", "1", "-1", "10", "1234567890", "0.0", "0.5", "-0.5", "1.50", "1e5",
                 "1E5", "1e+5", "1e-5", "0e0", "0e1", "-0.0e-0", "1.5e300", "1e400",
                 "9007199254740993", "123456789012345678901234567890",
                 "0.123456789012345678901234567890e-12345678901");
}

static void check_refuses_malformed_numbers(void **state)
{
    (void)state;
    assert_refused("01", "00", "-01", "-", "+1", ".5", "-.5", "1.", "1.e5", "1e", "1e+", "1e-",
                   "1e5.5", "1.5.5", "--1", "1-", "0x10", "1_000", "1,5", "1 2", "- 1", "1a",
                   "1e5e5", "\xd9\xa1");
}

static void check_accepts_every_escape(void **state)
{
    (void)state;
    assert_valid("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0000\"", "\"\\uabCD\"", "\"\\uFFFF\"",
                 "\"\\ud83d\\ude00\"");
}

static void check_accepts_lone_and_reversed_surrogate_escapes(void **state)
{
    (void)state;
    assert_valid("\"\\ud800\"", "\"\\udc00\"", "\"\\ude00\\ud83d\"", "\"\\ud83dx\"",
                 "\"\\ud83d\\u0041\"");
}

static void check_refuses_malformed_escapes(void **state)
{
    (void)state;
    assert_refused("\"\\a\"", "\"\\x41\"", "\"\\'\"", "\"\\0\"", "\"\\u\"", "\"\\u1\"", "\"\\u12\"",
                   "\"\\u123\"", "\"\\u12g4\"", "\"\\u 123\"", "\"\\U0041\"", "\"\\u-123\"",
                   "\"\\\"", "\"\\\n\"", "\"\\\xc3\xa9\"", "\"\\u12\\n\"");
}

static void check_refuses_unfinished_strings(void **state)
{
    (void)state;
    assert_refused("\"", "\"a", "\"a\\", "\"a\\\"", "\"a\\u", "\"a\\u00",
                   "\"abcdefghijklmnopqrstuvwxyz");
}

static void check_refuses_each_control_character_at_each_place(void **state)
{
    (void)state;
    char text[42];
    for (int c = 0; c < 0x20; c++) {
        for (size_t at = 1; at < sizeof(text) - 1; at++) {
            memset(text, 'a', sizeof(text));
            text[0] = text[sizeof(text) - 1] = '"';
            text[at] = (char)c;
            assert_false(is_json((struct slice){text, sizeof(text)}));
        }
    }
}

static void check_accepts_delete_and_all_printable_ascii(void **state)
{
    (void)state;
    for (char c = 0x20; c > 0; c = (char)(c + 1)) {
        char text[] = {'"', c, '"'};
        assert_true(is_json((struct slice){text, 3}) == (c != '"' && c != '\\'));
        if (c == 0x7f) {
            break;
        }
    }
}

static void check_finds_the_closing_quote_at_each_place(void **state)
{
    (void)state;
    char text[80];
    for (size_t len = 2; len <= sizeof(text); len++) {
        memset(text, 'a', sizeof(text));
        text[0] = text[len - 1] = '"';
        assert_true(is_json((struct slice){text, len}));
        assert_false(is_json((struct slice){text, len - 1}));
    }
}

static void check_accepts_arrays(void **state)
{
    (void)state;
    assert_valid("[]", "[ ]", "[1]", "[1,2]", "[[]]", "[[],[]]", "[ 1 , \"a\" , null ]", "[{}]",
                 "[[[[1],2],3],{}]");
}

static void check_refuses_malformed_arrays(void **state)
{
    (void)state;
    assert_refused("[", "]", "[1", "[1,", "[,]", "[1,]", "[,1]", "[1,,2]", "[1 2]", "[1}", "[1:2]",
                   "[]]", "[[]", "[\"a\":1]", "[1;2]", "[1]]", "[[1}", "[},1]");
}

static void check_accepts_objects(void **state)
{
    (void)state;
    assert_valid("{}", "{ }", "{\"a\":1}", "{\"a\":1,\"b\":{}}", " { \"a\" : [ ] , \"b\" : null } ",
                 "{\"\":0}", "{\"a\":{\"b\":{\"c\":[{}]}}}", "{\"a\":1,\"a\":2}");
}

static void check_refuses_malformed_objects(void **state)
{
    (void)state;
    assert_refused("{", "}", "{]", "{\"a\"", "{\"a\"}", "{\"a\":", "{\"a\":}", "{\"a\":1",
                   "{\"a\":1,", "{\"a\":1,}", "{,}", "{,\"a\":1}", "{a:1}", "{1:1}", "{null:1}",
                   "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{\"a\":1;\"b\":2}", "{\"a\"::1}", "{\"a\":1]",
                   "{\"a\",1}", "{'a':1}", "{\"a\":1}}", "{[]:1}", "{\"a\":1,,\"b\":2}", "{:1}");
}

static void check_accepts_the_four_blanks_between_tokens(void **state)
{
    (void)state;
    assert_valid(
        " \t\r\n1\n", "[\n1\t,\r2 ]", "{\r\n \"a\"\t:\n1\r}",
        "                                   \n\n\n\t\t\t                 [                   ]");
}

static void check_refuses_other_blanks(void **state)
{
    (void)state;
    assert_refused("\f1", "\v1", "1\f", "\xc2\xa0\x31", "\xef\xbb\xbf\x31", "[1\x01]", "[\x1f]",
                   "/* a */ 1", "1 // a", "# 1", "                   \f              1");
    assert_false(is_json(SLICE("1\0")));
    assert_false(is_json(SLICE("\0")));
}

static void check_refuses_empty_text(void **state)
{
    (void)state;
    assert_refused("", " ", "\n\t", "                                        ");
    assert_int_equal(json_check(SLICE_NONE, NULL, NULL), ERR_BAD_JSON);
}

static void check_refuses_text_behind_the_value(void **state)
{
    (void)state;
    assert_refused("1 1", "{} {}", "[]x", "\"a\"\"b\"", "null,", "{}\xff", "truex", "1:");
}

/* --- UTF-8 --- */

static bool is_json_string(const char *inside)
{
    char *text = xasprintf("\"%s\"", inside);
    bool is_ok = is_json(slice_of(text));
    free(text);
    return is_ok;
}

static void check_accepts_the_first_and_last_of_each_utf8_length(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "\xf1\x80\x80\x80",
        "\xe1\x80\x80\xe1\x80\x80",
        "\xe4\xb8\xad\xc3\xa9\xf0\x9f\x98\x80\x61\xe4\xb8\xad",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_true(is_json_string(texts[i]));
    }
}

static void check_refuses_invalid_utf8(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc0\xaf",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xf8\x88\x80\x80\x80",
        "\xfc\x84\x80\x80\x80\x80",
        "\xfe",
        "\xff",
        "\xc3",
        "\xe4\xb8",
        "\xf0\x9f\x98",
        "\xc3\x61",
        "\xe4\x61\x62",
        "\xe4\xb8\x61",
        "\xf0\x9f\x98\x61",
        "\xc3\xa9\xa9",
        "\xe4\xb8\xad\xad",
        "\xe4\xb8\xad\xe4\xb8",
        "aaaaaaaaaaaaaaaaaaa\xff",
        "\xf0\x9f\x98\x80\x80",
        "\xe4\xb8\xad\xc3",
        "\xf0\x61\x61\x61",
        "\xf0\x90\x61\x61",
        "\xc3\xc3\xa9",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (is_json_string(texts[i])) {
            fail_msg("accepted text %zu", i);
        }
    }
}

/* The reference: decode by the book, then look at the value. */
static bool is_valid_3(const unsigned char *b)
{
    unsigned point = (b[0] & 0x0fu) << 12 | (b[1] & 0x3fu) << 6 | (b[2] & 0x3fu);
    return (b[0] & 0xf0) == 0xe0 && (b[1] & 0xc0) == 0x80 && (b[2] & 0xc0) == 0x80 &&
           point >= 0x800 && (point < 0xd800 || point > 0xdfff);
}

static void check_judges_every_start_of_three_bytes_by_the_book(void **state)
{
    (void)state;
    char text[] = "\"....\"";
    for (unsigned lead = 0xe0; lead < 0xf0; lead++) {
        for (unsigned second = 0x70; second < 0x100; second++) {
            for (unsigned third = 0x70; third < 0x100; third += 0x0f) {
                unsigned char bytes[] = {(unsigned char)lead, (unsigned char)second,
                                         (unsigned char)third};
                memcpy(text + 1, bytes, 3);
                bool is_ok = json_check((struct slice){text, 6}, NULL, NULL) == ERR_OK;
                assert_true(is_ok == is_valid_3(bytes));
            }
        }
    }
}

static void check_judges_every_start_of_four_bytes_by_the_book(void **state)
{
    (void)state;
    char text[] = "\"\xf0..\x80\"";
    for (unsigned lead = 0xf0; lead < 0x100; lead++) {
        for (unsigned second = 0x70; second < 0x100; second++) {
            text[1] = (char)lead;
            text[2] = (char)second;
            text[3] = (char)0xbf;
            unsigned point = (lead & 7) << 18 | (second & 0x3f) << 12;
            bool is_valid =
                lead < 0xf8 && (second & 0xc0) == 0x80 && point >= 0x10000 && point <= 0x10ffff;
            bool is_ok = json_check((struct slice){text, 6}, NULL, NULL) == ERR_OK;
            assert_true(is_ok == is_valid);
        }
    }
}

/* --- depth and cuts --- */

static char *nested(size_t depth, const char *open, const char *close)
{
    struct buf buf = BUF_INIT;
    for (size_t i = 0; i < depth; i++) {
        buf_put_str(&buf, open);
    }
    buf_put_str(&buf, "1");
    for (size_t i = 0; i < depth; i++) {
        buf_put_str(&buf, close);
    }
    return buf_take_str(&buf);
}

static enum err check_nested(size_t depth, const char *open, const char *close)
{
    char *text = nested(depth, open, close);
    enum err err = json_check(slice_of(text), NULL, NULL);
    free(text);
    return err;
}

static void check_accepts_512_levels_and_refuses_513(void **state)
{
    (void)state;
    assert_int_equal(check_nested(512, "[", "]"), ERR_OK);
    assert_int_equal(check_nested(513, "[", "]"), ERR_BAD_JSON);
    assert_int_equal(check_nested(512, "{\"a\":", "}"), ERR_OK);
    assert_int_equal(check_nested(513, "{\"a\":", "}"), ERR_BAD_JSON);
    assert_int_equal(check_nested(256, "[{\"a\":", "}]"), ERR_OK);
    assert_int_equal(check_nested(1000000, "[", "]"), ERR_BAD_JSON);
}

#define WHOLE                                                                                     \
    "{\"input\":{\"text\":\"\\u00e9\\ud83d\\ude00 \xc3\xa9\xf0\x9f\x98\x80 \\\"x\\\"\",\"n\":[1," \
    "-2.5e+10,0.1,{},[]],\"t\":true,\"f\":false,\"z\":null},\"webhook\":\"https://example.com/a/" \
    "long/path/of/more/bytes\"}"

static const char whole[] = WHOLE;

static void check_refuses_every_truncation(void **state)
{
    (void)state;
    assert_true(is_json(SLICE(WHOLE)));
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        assert_false(is_json((struct slice){whole, len}));
    }
}

static void check_tells_the_type(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum json_type type;
    } known[] = {{" null", JSON_NULL}, {"\ntrue", JSON_BOOL}, {"false", JSON_BOOL},
                 {"-1", JSON_NUMBER},  {"7", JSON_NUMBER},    {"\"\"", JSON_STRING},
                 {" []", JSON_ARRAY},  {"{}", JSON_OBJECT}};
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        enum json_type type;
        assert_int_equal(json_check(slice_of(known[i].text), &type, NULL), ERR_OK);
        assert_int_equal(type, known[i].type);
    }
}

static void check_tells_where_and_what_is_wrong(void **state)
{
    (void)state;
    struct json_problem problem;
    assert_int_equal(json_check(SLICE("[1, x]"), NULL, &problem), ERR_BAD_JSON);
    assert_int_equal(problem.offset, 4);
    assert_string_equal(problem.what, "a value is expected");
    assert_int_equal(json_check(SLICE("[\"ab\xff\"]"), NULL, &problem), ERR_BAD_JSON);
    assert_int_equal(problem.offset, 4);
    assert_string_equal(problem.what, "invalid UTF-8 in a string");
    assert_int_equal(json_check(SLICE("[1"), NULL, &problem), ERR_BAD_JSON);
    assert_int_equal(problem.offset, 2);
    assert_string_equal(problem.what, "the text ends too early");
    assert_int_equal(problem.key.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_accepts_the_three_words),
        cmocka_unit_test(check_refuses_other_words),
        cmocka_unit_test(check_accepts_every_form_of_number),
        cmocka_unit_test(check_refuses_malformed_numbers),
        cmocka_unit_test(check_accepts_every_escape),
        cmocka_unit_test(check_accepts_lone_and_reversed_surrogate_escapes),
        cmocka_unit_test(check_refuses_malformed_escapes),
        cmocka_unit_test(check_refuses_unfinished_strings),
        cmocka_unit_test(check_refuses_each_control_character_at_each_place),
        cmocka_unit_test(check_accepts_delete_and_all_printable_ascii),
        cmocka_unit_test(check_finds_the_closing_quote_at_each_place),
        cmocka_unit_test(check_accepts_arrays),
        cmocka_unit_test(check_refuses_malformed_arrays),
        cmocka_unit_test(check_accepts_objects),
        cmocka_unit_test(check_refuses_malformed_objects),
        cmocka_unit_test(check_accepts_the_four_blanks_between_tokens),
        cmocka_unit_test(check_refuses_other_blanks),
        cmocka_unit_test(check_refuses_empty_text),
        cmocka_unit_test(check_refuses_text_behind_the_value),
        cmocka_unit_test(check_accepts_the_first_and_last_of_each_utf8_length),
        cmocka_unit_test(check_refuses_invalid_utf8),
        cmocka_unit_test(check_judges_every_start_of_three_bytes_by_the_book),
        cmocka_unit_test(check_judges_every_start_of_four_bytes_by_the_book),
        cmocka_unit_test(check_accepts_512_levels_and_refuses_513),
        cmocka_unit_test(check_refuses_every_truncation),
        cmocka_unit_test(check_tells_the_type),
        cmocka_unit_test(check_tells_where_and_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
