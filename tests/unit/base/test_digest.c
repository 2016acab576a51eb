/* Digests against the published vectors. */
#include "base/digest.h"

#include "test.h"

static void sha256_gives_the_published_digests(void **state)
{
    (void)state;
    char hex[DIGEST_HEX_SIZE];
    digest_sha256_hex(SLICE("abc"), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_sha256_hex(SLICE_NONE, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void sha1_gives_the_published_digest(void **state)
{
    (void)state;
    char hex[41];
    digest_sha1_hex(SLICE("abc"), hex);
    assert_string_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

static void equality_looks_at_length_and_bytes(void **state)
{
    (void)state;
    assert_true(digest_eq(SLICE("abc"), SLICE("abc")));
    assert_false(digest_eq(SLICE("abc"), SLICE("abd")));
    assert_false(digest_eq(SLICE("abc"), SLICE("abcd")));
    assert_true(digest_eq(SLICE_NONE, SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_digests),
        cmocka_unit_test(sha1_gives_the_published_digest),
        cmocka_unit_test(equality_looks_at_length_and_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
