/* The JSON scanner: what is refused, what passes, and that values come out byte for byte. */
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
    assert_refused("\f1", "\v1", "1\f",
                   "\xc2\xa0"
                   "1",
                   "\xef\xbb\xbf"
                   "1",
                   "[1\x01]", "[\x1f]", "/* a */ 1", "1 // a", "# 1",
                   "                   \f              1");
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
        "\xe4\xb8\xad\xc3\xa9\xf0\x9f\x98\x80"
        "a\xe4\xb8\xad",
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
        "\xc3"
        "a",
        "\xe4"
        "ab",
        "\xe4\xb8"
        "a",
        "\xf0\x9f\x98"
        "a",
        "\xc3\xa9\xa9",
        "\xe4\xb8\xad\xad",
        "\xe4\xb8\xad\xe4\xb8",
        "aaaaaaaaaaaaaaaaaaa\xff",
        "\xf0\x9f\x98\x80\x80",
        "\xe4\xb8\xad\xc3",
        "\xf0"
        "aaa",
        "\xf0\x90"
        "aa",
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

static void scan_counts_the_top_object_as_a_level(void **state)
{
    (void)state;
    char *deep = nested(512, "{\"a\":", "}");
    char *too_deep = nested(513, "{\"a\":", "}");
    enum err err = json_scan(slice_of(deep), NULL, 0, NULL);
    enum err err_too_deep = json_scan(slice_of(too_deep), NULL, 0, NULL);
    free(deep);
    free(too_deep);
    assert_int_equal(err, ERR_OK);
    assert_int_equal(err_too_deep, ERR_BAD_JSON);
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

static void scan_refuses_every_truncation(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        char *exact = xmalloc(len);
        memcpy(exact, whole, len);
        struct json_member member = {.name = "input"};
        struct json_problem problem = {0};
        enum err err = json_scan((struct slice){exact, len}, &member, 1, &problem);
        free(exact);
        assert_int_equal(err, ERR_BAD_JSON);
        assert_int_equal(member.value.len, 0);
        assert_true(problem.offset <= len);
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

/* --- scan --- */

static void scan_returns_values_byte_for_byte(void **state)
{
    (void)state;
    struct json_member members[] = {{.name = "n"}, {.name = "d"}, {.name = "u"}, {.name = "k"}};
    struct slice text =
        SLICE("{\"n\": 9007199254740993, \"d\": 1e400, \"u\": \"\\u00e9\\ud83d\\ude00\", "
              "\"k\": {\"a\":1,\"a\":2}}");
    assert_int_equal(json_scan(text, members, COUNT_OF(members), NULL), ERR_OK);
    assert_slice(members[0].value, "9007199254740993");
    assert_slice(members[1].value, "1e400");
    assert_slice(members[2].value, "\"\\u00e9\\ud83d\\ude00\"");
    assert_slice(members[3].value, "{\"a\":1,\"a\":2}");
    assert_int_equal(members[0].type, JSON_NUMBER);
    assert_int_equal(members[2].type, JSON_STRING);
    assert_int_equal(members[3].type, JSON_OBJECT);
    assert_ptr_equal(members[0].value.ptr, text.ptr + 6);
}

static void scan_leaves_blanks_around_values_out(void **state)
{
    (void)state;
    struct json_member member = {.name = "a"};
    assert_int_equal(json_scan(SLICE(" { \"a\" :\n\t [ 1 , 2 ] \n, \"b\":1 } "), &member, 1, NULL),
                     ERR_OK);
    assert_slice(member.value, "[ 1 , 2 ]");
}

static void scan_leaves_absent_members_empty(void **state)
{
    (void)state;
    struct json_member members[] = {
        {.name = "b", .value = SLICE("old")}, {.name = "aa"}, {.name = ""}};
    assert_int_equal(json_scan(SLICE("{\"a\":1,\"ab\":{\"b\":2},\"A\":3}"), members, 3, NULL),
                     ERR_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(members[i].value.len, 0);
    }
}

static void scan_finds_the_empty_key(void **state)
{
    (void)state;
    struct json_member member = {.name = ""};
    assert_int_equal(json_scan(SLICE("{\"\":5}"), &member, 1, NULL), ERR_OK);
    assert_slice(member.value, "5");
}

static void scan_takes_escaped_keys_for_their_plain_form(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"inp\\u0075t\":7}", "{\"\\u0069nput\":7}",
                                        "{\"\\u0069\\u006E\\u0070\\u0075\\u0074\":7}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct json_member member = {.name = "input"};
        assert_int_equal(json_scan(slice_of(texts[i]), &member, 1, NULL), ERR_OK);
        assert_slice(member.value, "7");
    }
}

static void scan_tells_longer_and_shorter_escaped_keys_apart(void **state)
{
    (void)state;
    struct json_member member = {.name = "input"};
    struct slice text =
        SLICE("{\"inp\\u0075\":1,\"inp\\u0075ts\":2,\"input\\u0000\":3,\"\\u0000input\":4}");
    assert_int_equal(json_scan(text, &member, 1, NULL), ERR_OK);
    assert_int_equal(member.value.len, 0);
}

static void scan_matches_names_beyond_ascii(void **state)
{
    (void)state;
    struct json_member member = {.name = "\xc3\xa9\xf0\x9f\x98\x80"};
    assert_int_equal(json_scan(SLICE("{\"\\u00e9\\ud83d\\ude00\":1}"), &member, 1, NULL), ERR_OK);
    assert_slice(member.value, "1");
}

static void scan_refuses_what_is_not_an_object(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[]",   "1",          "\"a\"",      "null",  "",         " ",         "{}}",
        "{} 1", "{\"a\":01}", "{\"a\":1,}", "{1:2}", "{\"a\":1", "{\"a\":1]", "{\"a\" 1}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(json_scan(slice_of(texts[i]), NULL, 0, NULL), ERR_BAD_JSON);
    }
}

static void scan_accepts_an_empty_object(void **state)
{
    (void)state;
    assert_int_equal(json_scan(SLICE(" { } "), NULL, 0, NULL), ERR_OK);
}

static void scan_refuses_a_duplicate_key_and_names_it(void **state)
{
    (void)state;
    struct json_member member = {.name = "a"};
    struct json_problem problem;
    assert_int_equal(json_scan(SLICE("{\"a\":1,\"b\":2,\"b\":3}"), &member, 1, &problem),
                     ERR_BAD_JSON);
    assert_string_equal(problem.what, "duplicate key");
    assert_slice(problem.key, "b");
    assert_int_equal(problem.offset, 13);
    assert_int_equal(member.value.len, 0);
}

static void scan_refuses_duplicates_in_different_spelling(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"input\":1,\"inp\\u0075t\":2}",
                                        "{\"inp\\u0075t\":1,\"input\":2}",
                                        "{\"\\u00e9\":1,\"\xc3\xa9\":2}",
                                        "{\"\\/\":1,\"/\":2}",
                                        "{\"\\n\":1,\"\\u000a\":2}",
                                        "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}",
                                        "{\"\":1,\"\":2}",
                                        "{\"\\u0022\":1,\"\\\"\":2}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(json_scan(slice_of(texts[i]), NULL, 0, NULL), ERR_BAD_JSON);
    }
}

static void scan_tells_keys_apart_that_only_look_alike(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"a\":1,\"A\":2,\"aa\":3,\"\":4,\"a \":5}",
                                        "{\"\\u0061b\":1,\"a\":2}",
                                        "{\"\\\\u0061\":1,\"a\":2}",
                                        "{\"\\ud800\":1,\"\\ud801\":2,\"\xef\xbf\xbd\":3}",
                                        "{\"a\":1,\"a\\u0000\":2}",
                                        "{\"a\":{\"a\":1,\"a\":2}}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(json_scan(slice_of(texts[i]), NULL, 0, NULL), ERR_OK);
    }
}

/* "k0" to "k<count-1>", then one more member. */
static struct buf many_keys(size_t count, const char *last)
{
    struct buf buf = BUF_INIT;
    buf_put_char(&buf, '{');
    for (size_t i = 0; i < count; i++) {
        buf_printf(&buf, "\"k%zu\":%zu,", i, i);
    }
    buf_put_str(&buf, last);
    buf_put_char(&buf, '}');
    return buf;
}

static void scan_finds_duplicates_among_any_number_of_keys(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 14, 15, 16, 17, 18, 31, 32, 33, 63, 64, 65, 1000, 100000};
    static const char *const lasts[] = {"\"k0\":1", "\"\\u006b0\":1"};
    for (size_t i = 0; i < COUNT_OF(counts) * 2; i++) {
        struct json_problem problem = {0};
        struct buf buf = many_keys(counts[i / 2], lasts[i % 2]);
        enum err err = json_scan(buf_slice(&buf), NULL, 0, &problem);
        buf_done(&buf);
        assert_int_equal(err, ERR_BAD_JSON);
        assert_string_equal(problem.what, "duplicate key");
    }
}

static void scan_accepts_any_number_of_different_keys(void **state)
{
    (void)state;
    static const size_t counts[] = {15, 16, 17, 33, 65, 1000, 200000};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        struct json_member member = {.name = "end"};
        struct buf buf = many_keys(counts[i], "\"end\":true");
        enum err err = json_scan(buf_slice(&buf), &member, 1, NULL);
        bool is_found = slice_is(member.value, "true");
        buf_done(&buf);
        assert_int_equal(err, ERR_OK);
        assert_true(is_found);
    }
}

/* The table is sized after the first keys; when they are long and the rest is short it must grow.
 */
static void scan_grows_its_table_when_keys_get_shorter(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT;
    buf_put_char(&buf, '{');
    for (int i = 0; i < 20; i++) {
        buf_printf(&buf, "\"long%0500d\":1,", i);
    }
    for (int i = 0; i < 5000; i++) {
        buf_printf(&buf, "\"%x\":1,", (unsigned)i);
    }
    size_t len = buf.len;
    buf_put_str(&buf, "\"end\":1}");
    enum err err = json_scan(buf_slice(&buf), NULL, 0, NULL);
    buf.len = len;
    buf_put_str(&buf, "\"1387\":1}");
    enum err err_twice = json_scan(buf_slice(&buf), NULL, 0, NULL);
    buf_done(&buf);
    assert_int_equal(err, ERR_OK);
    assert_int_equal(err_twice, ERR_BAD_JSON);
}

/* --- each --- */

static void join(struct slice element, void *arg)
{
    struct buf *out = arg;
    buf_put_slice(out, element);
    buf_put_char(out, '|');
}

static void assert_each(const char *array, const char *expected)
{
    struct buf out = BUF_INIT;
    json_each(slice_of(array), join, &out);
    char *text = buf_take_str(&out);
    assert_string_equal(text, expected);
    free(text);
}

static void each_yields_the_elements_in_order(void **state)
{
    (void)state;
    assert_each("[1,\"a,]\\\"\",[2,3],{\"b\":[]},null,-1.5e3]",
                "1|\"a,]\\\"\"|[2,3]|{\"b\":[]}|null|-1.5e3|");
}

static void each_leaves_blanks_out(void **state)
{
    (void)state;
    assert_each(" [ 1 ,\n\t2 , [ 3 ] ] ", "1|2|[ 3 ]|");
}

static void each_yields_nothing_for_an_empty_array_or_another_type(void **state)
{
    (void)state;
    assert_each("[]", "");
    assert_each(" [ ] ", "");
    assert_each("{\"a\":1}", "");
    assert_each("", "");
    assert_each("[", "");
}

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
    assert_mended(SLICE("\"a\xff\xfe"
                        "b\""),
                  "\"a\xef\xbf\xbd\xef\xbf\xbd"
                  "b\"");
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
        cmocka_unit_test(scan_counts_the_top_object_as_a_level),
        cmocka_unit_test(scan_refuses_every_truncation),
        cmocka_unit_test(scan_returns_values_byte_for_byte),
        cmocka_unit_test(scan_leaves_blanks_around_values_out),
        cmocka_unit_test(scan_leaves_absent_members_empty),
        cmocka_unit_test(scan_finds_the_empty_key),
        cmocka_unit_test(scan_takes_escaped_keys_for_their_plain_form),
        cmocka_unit_test(scan_tells_longer_and_shorter_escaped_keys_apart),
        cmocka_unit_test(scan_matches_names_beyond_ascii),
        cmocka_unit_test(scan_refuses_what_is_not_an_object),
        cmocka_unit_test(scan_accepts_an_empty_object),
        cmocka_unit_test(scan_refuses_a_duplicate_key_and_names_it),
        cmocka_unit_test(scan_refuses_duplicates_in_different_spelling),
        cmocka_unit_test(scan_tells_keys_apart_that_only_look_alike),
        cmocka_unit_test(scan_finds_duplicates_among_any_number_of_keys),
        cmocka_unit_test(scan_accepts_any_number_of_different_keys),
        cmocka_unit_test(scan_grows_its_table_when_keys_get_shorter),
        cmocka_unit_test(each_yields_the_elements_in_order),
        cmocka_unit_test(each_leaves_blanks_out),
        cmocka_unit_test(each_yields_nothing_for_an_empty_array_or_another_type),
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
