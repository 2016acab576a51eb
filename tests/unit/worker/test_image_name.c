/* References to images, and what runtimes print about images. */
#include "test.h"

#include "image_name.h"

#define ONE "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define TWO "sha256:2222222222222222222222222222222222222222222222222222222222222222"

static void a_repository_has_no_tag_and_no_digest(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a", "a"},
        {"a:1", "a"},
        {"reg:5000/a/b", "reg:5000/a/b"},
        {"reg:5000/a/b:1", "reg:5000/a/b"},
        {"a@" ONE, "a"},
        {"reg:5000/a:1@" ONE, "reg:5000/a"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_slice(image_repository(slice_of(cases[i][0])), cases[i][1]);
    }
}

static void a_digest_stands_behind_the_at_sign(void **state)
{
    (void)state;
    assert_slice(image_digest(SLICE("a:1@" ONE)), ONE);
    assert_int_equal(image_digest(SLICE("a:1")).len, 0);
    assert_int_equal(image_digest(SLICE_NONE).len, 0);
}

static void assert_facts(const char *output, const char *reference, const char *id,
                         const char *digest)
{
    struct image_facts facts = {0};
    assert_int_equal(image_facts_read(slice_of(output), slice_of(reference), &facts), ERR_OK);
    assert_slice(facts.id, id);
    assert_slice(facts.digest, digest);
}

static void facts_are_found_among_warnings(void **state)
{
    (void)state;
    assert_facts("WARN[0000] something\nmillrace-image abc [\"localhost/a@" ONE "\"]\nmore", "a:1",
                 "abc", ONE);
    assert_facts("millrace-image " TWO " [\"b@" TWO "\",\"a@" ONE "\"]", "docker.io/library/a", TWO,
                 ONE);
}

static void an_image_that_no_registry_knows_has_no_digest(void **state)
{
    (void)state;
    assert_facts("millrace-image abc []", "a:1", "abc", "");
    assert_facts("millrace-image abc null", "a:1", "abc", "");
    assert_facts("millrace-image abc", "a:1", "abc", "");
    assert_facts("millrace-image abc [1, \"a@" ONE, "a:1", "abc", "");
    assert_facts("millrace-image abc [\"reg/other@" ONE "\",\"xa@" ONE "\"]", "a:1", "abc", "");
}

static void output_without_an_id_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "\n", "millrace-image", "millrace-image ", "abc []"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct image_facts facts = {0};
        assert_int_equal(image_facts_read(slice_of(bad[i]), SLICE("a"), &facts), ERR_NOT_FOUND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_repository_has_no_tag_and_no_digest),
        cmocka_unit_test(a_digest_stands_behind_the_at_sign),
        cmocka_unit_test(facts_are_found_among_warnings),
        cmocka_unit_test(an_image_that_no_registry_knows_has_no_digest),
        cmocka_unit_test(output_without_an_id_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
