/* The input operand becomes a body, byte for byte. */
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include "input.h"

static void assert_body(const char *operand, const char *expected)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    assert_int_equal(input_body(operand, &body, &problem), ERR_OK);
    assert_slice(buf_slice(&body), expected);
}

static void no_operand_is_an_empty_object(void **state)
{
    (void)state;
    assert_body(NULL, "{\"input\":{}}");
}

static void text_is_spliced_unchanged(void **state)
{
    (void)state;
    assert_body("{\"n\": 9007199254740993 }", "{\"input\":{\"n\": 9007199254740993 }}");
    assert_body("\"a\\u00e9\"", "{\"input\":\"a\\u00e9\"}");
    assert_body("7", "{\"input\":7}");
}

static void a_file_is_read(void **state)
{
    (void)state;
    char path[] = "/tmp/millrace-test-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "[1]\n", 4), 4);
    (void)close(fd);
    AUTO_STR operand = xasprintf("@%s", path);
    assert_body(operand, "{\"input\":[1]\n}");
    (void)unlink(path);
}

static void what_is_not_json_is_refused_with_its_place(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "{", "{} {}", "{\"a\":1}, \"webhook\":1", "@/no/file"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        AUTO(buf_done) struct buf body = BUF_INIT;
        AUTO(buf_done) struct buf problem = BUF_INIT;
        assert_int_not_equal(input_body(wrong[i], &body, &problem), ERR_OK);
        assert_true(problem.len > 0);
        assert_int_equal(body.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_operand_is_an_empty_object),
        cmocka_unit_test(text_is_spliced_unchanged),
        cmocka_unit_test(a_file_is_read),
        cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
