/* Members and elements come out byte for byte; duplicates are found in any spelling and number. */
#include "base/json.h"

#include "test.h"

#define WHOLE                                                                                     \
    "{\"input\":{\"text\":\"\\u00e9\\ud83d\\ude00 \xc3\xa9\xf0\x9f\x98\x80 \\\"x\\\"\",\"n\":[1," \
    "-2.5e+10,0.1,{},[]],\"t\":true,\"f\":false,\"z\":null},\"webhook\":\"https://example.com/a/" \
    "long/path/of/more/bytes\"}"

static const char whole[] = WHOLE;

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
