/* Paths in endpoint documents become absolute; everything else passes. */
#include "test.h"

#include "document.h"

static void assert_join(const char *base, const char *path, const char *expected)
{
    AUTO_STR joined = document_join(base, path);
    assert_string_equal(joined, expected);
}

static void a_relative_path_counts_from_the_base(void **state)
{
    (void)state;
    assert_join("/srv/docs", "echo", "/srv/docs/echo");
    assert_join("/srv/docs", "./a/./b/", "/srv/docs/a/b");
    assert_join("/srv/docs", ".", "/srv/docs");
    assert_join("/", "a", "/a");
}

static void dots_are_resolved_and_stop_at_the_root(void **state)
{
    (void)state;
    assert_join("/srv/docs", "../../worker/handlers", "/worker/handlers");
    assert_join("/srv", "../../../..", "/");
}

static void an_absolute_path_replaces_the_base(void **state)
{
    (void)state;
    assert_join("/srv/docs", "/opt/../usr/lib", "/usr/lib");
}

static void assert_fixed(const char *text, const char *expected)
{
    AUTO(buf_done) struct buf out = BUF_INIT;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    assert_int_equal(document_fix(slice_of(text), "/base", &out, &problem), ERR_OK);
    assert_slice(buf_slice(&out), expected);
}

static void an_absent_cwd_becomes_the_folder(void **state)
{
    (void)state;
    assert_fixed("{\"id\":\"a\",\"handler\":{\"command\":[\"x\"]}}",
                 "{\"id\":\"a\",\"handler\":{\"command\":[\"x\"],\"cwd\":\"/base\"}}");
}

static void a_relative_cwd_is_joined(void **state)
{
    (void)state;
    assert_fixed("{\"handler\":{\"command\":[\"x\"],\"cwd\":\"../y\"}}",
                 "{\"handler\":{\"command\":[\"x\"],\"cwd\":\"/y\"}}");
}

static void an_image_gets_no_cwd(void **state)
{
    (void)state;
    assert_fixed("{\"handler\":{\"image\":\"x\"}}", "{\"handler\":{\"image\":\"x\"}}");
}

static void only_a_library_with_a_slash_is_a_path(void **state)
{
    (void)state;
    assert_fixed("{\"handler\":{\"library\":\"noop.so\",\"cwd\":\"/\"}}",
                 "{\"handler\":{\"library\":\"noop.so\",\"cwd\":\"/\"}}");
    assert_fixed("{\"handler\":{\"library\":\"./noop.so\",\"cwd\":\"/\"}}",
                 "{\"handler\":{\"cwd\":\"/\",\"library\":\"/base/noop.so\"}}");
}

static void what_the_node_must_judge_passes(void **state)
{
    (void)state;
    assert_fixed("{\"colour\":1,\"handler\":\"x\"}", "{\"colour\":1,\"handler\":\"x\"}");
    assert_fixed("{\"handler\":{\"cwd\":7}}", "{\"handler\":{\"cwd\":7}}");
}

static void a_mistake_is_told_with_its_line(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf out = BUF_INIT;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    struct slice text = SLICE("{\n\"id\": \"a\",\n}\n");
    assert_int_equal(document_fix(text, "/base", &out, &problem), ERR_BAD_JSON);
    (void)buf_put_char(&problem, '\0');
    assert_non_null(strstr(problem.ptr, "line 3"));
}

static void a_document_must_be_an_object(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf out = BUF_INIT;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    assert_int_equal(document_fix(SLICE("[]"), "/base", &out, &problem), ERR_BAD_JSON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_relative_path_counts_from_the_base),
        cmocka_unit_test(dots_are_resolved_and_stop_at_the_root),
        cmocka_unit_test(an_absolute_path_replaces_the_base),
        cmocka_unit_test(an_absent_cwd_becomes_the_folder),
        cmocka_unit_test(a_relative_cwd_is_joined),
        cmocka_unit_test(an_image_gets_no_cwd),
        cmocka_unit_test(only_a_library_with_a_slash_is_a_path),
        cmocka_unit_test(what_the_node_must_judge_passes),
        cmocka_unit_test(a_mistake_is_told_with_its_line),
        cmocka_unit_test(a_document_must_be_an_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
