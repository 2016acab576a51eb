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

static void hmac_gives_the_published_code(void **state)
{
    (void)state;
    char text[DIGEST_HMAC_BASE64_SIZE];
    const struct slice pieces[] = {SLICE("what do ya want "), SLICE_NONE, SLICE("for nothing?")};
    digest_hmac_base64(SLICE("Jefe"), pieces, COUNT_OF(pieces), text); /* RFC 4231, case 2 */
    assert_string_equal(text, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    digest_hmac_base64(SLICE_NONE, NULL, 0, text);
    assert_string_equal(text, "thNnmggU2ex3L5XXeMNfxf8Wl8STcVZTxscSFEKSxa0=");
}

static void base64_is_decoded_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text, *bytes;
    } cases[] = {{"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYmFy", "foobar"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(buf_done) struct buf out = BUF_INIT;
        assert_int_equal(digest_base64_decode(slice_of(cases[i].text), &out), ERR_OK);
        assert_slice(buf_slice(&out), cases[i].bytes);
    }
    static const char *const bad[] = {
        "Z", "Zg", "Zg=", "Zg===", "=Zg=", "Zm9v\n", "Zm-v", "Zm9v Zm9v"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO(buf_done) struct buf out = BUF_INIT;
        assert_int_equal(digest_base64_decode(slice_of(bad[i]), &out), ERR_BAD_REQUEST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_digests),
        cmocka_unit_test(sha1_gives_the_published_digest),
        cmocka_unit_test(equality_looks_at_length_and_bytes),
        cmocka_unit_test(hmac_gives_the_published_code),
        cmocka_unit_test(base64_is_decoded_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
