/* Random ids, and which ids from outside are accepted. */
#include "base/id.h"

#include "test.h"

static void a_uuid_has_the_form_of_version_4(void **state)
{
    (void)state;
    for (int round = 0; round < 1000; round++) {
        char id[ID_UUID_SIZE];
        id_uuid(id);
        assert_int_equal(strlen(id), 36);
        assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
        assert_true(id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-');
        assert_int_equal(id[14], '4');
        assert_non_null(strchr("89ab", id[19]));
        assert_true(id_is_valid(slice_of(id)));
    }
}

static void ids_do_not_repeat(void **state)
{
    (void)state;
    char ids[400][ID_UUID_SIZE];
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        id_uuid(ids[i]);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(ids[i], ids[k]);
        }
    }
}

static void hex_ids_have_two_digits_a_byte(void **state)
{
    (void)state;
    char id[129];
    for (size_t bytes = 0; bytes <= 64; bytes++) {
        memset(id, 'x', sizeof(id));
        id_hex(id, bytes);
        assert_int_equal(strlen(id), bytes * 2);
        assert_int_equal(strspn(id, "0123456789abcdef"), bytes * 2);
    }
}

static void random_bytes_survive_the_end_of_the_pool(void **state)
{
    (void)state;
    unsigned char bytes[1000];
    for (int round = 0; round < 50; round++) {
        memset(bytes, 0, sizeof(bytes));
        id_random(bytes, sizeof(bytes));
        size_t zeros = 0;
        for (size_t i = 0; i < sizeof(bytes); i++) {
            zeros += bytes[i] == 0;
        }
        assert_true(zeros < 50); /* 4 are expected */
    }
}

static void an_id_is_letters_digits_underscores_and_dashes(void **state)
{
    (void)state;
    assert_true(id_is_valid(SLICE("aZ09_-")));
    assert_true(id_is_valid(SLICE("-")));
    static const char *const bad[] = {"",    "a b", "a/b", "a.b", "a:b", "\xc3\xa9",
                                      "a\n", "{a}", "a*",  "[",   "@",   "`"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(id_is_valid(slice_of(bad[i])));
    }
    assert_false(id_is_valid(SLICE("a\0")));
    assert_false(id_is_valid(SLICE_NONE));
}

static void an_id_has_at_most_128_bytes(void **state)
{
    (void)state;
    char id[ID_MAX + 1];
    memset(id, 'a', sizeof(id));
    assert_true(id_is_valid((struct slice){id, ID_MAX}));
    assert_false(id_is_valid((struct slice){id, ID_MAX + 1}));
}

static void letter_ids_use_all_letters_and_nothing_else(void **state)
{
    (void)state;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    char id[1001];
    id_alnum(id, 1000);
    assert_int_equal(strlen(id), 1000);
    assert_int_equal(strspn(id, letters), 1000);
    for (const char *letter = letters; *letter != '\0'; letter++) {
        assert_non_null(strchr(id, *letter)); /* each is missing once in 10^10 runs */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uuid_has_the_form_of_version_4),
        cmocka_unit_test(ids_do_not_repeat),
        cmocka_unit_test(hex_ids_have_two_digits_a_byte),
        cmocka_unit_test(random_bytes_survive_the_end_of_the_pool),
        cmocka_unit_test(an_id_is_letters_digits_underscores_and_dashes),
        cmocka_unit_test(an_id_has_at_most_128_bytes),
        cmocka_unit_test(letter_ids_use_all_letters_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
