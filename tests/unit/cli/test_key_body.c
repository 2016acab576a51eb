/* Flags of `millrace keys create` as the API's body. */
#include "key_body.h"

#include "test.h"

struct fixture {
    struct buf out, problem;
};

static int setup(void **state)
{
    *state = xcalloc(1, sizeof(struct fixture));
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    buf_done(&fixture->out);
    buf_done(&fixture->problem);
    free(fixture);
    return 0;
}

static enum err put(struct fixture *fixture, const char *const *scopes, size_t count,
                    const char *expires)
{
    const char *items[4];
    memcpy(items, scopes, count * sizeof(items[0]));
    const struct config_strings strings = {items, count};
    return key_body_put(&fixture->out, "my \"key\"", &strings, expires, &fixture->problem);
}

static void scopes_become_members(void **state)
{
    struct fixture *fixture = *state;
    const char *scopes[] = {"render=run,read", "*= purge , cancel"};
    assert_int_equal(put(fixture, scopes, 2, NULL), ERR_OK);
    assert_slice(buf_slice(&fixture->out), "{\"name\":\"my \\\"key\\\"\",\"scopes\":{\"render\":"
                                           "[\"run\",\"read\"],\"*\":[\"purge\",\"cancel\"]}}");
}

static void an_end_is_a_number_or_a_text(void **state)
{
    struct fixture *fixture = *state;
    const char *scopes[] = {"a=run"};
    assert_int_equal(put(fixture, scopes, 1, "1893456000000"), ERR_OK);
    assert_slice(buf_slice(&fixture->out), "{\"name\":\"my \\\"key\\\"\",\"scopes\":{\"a\":"
                                           "[\"run\"]},\"expiresAt\":1893456000000}");
    buf_clear(&fixture->out);
    assert_int_equal(put(fixture, scopes, 1, "2030-01-01T00:00:00Z"), ERR_OK);
    assert_slice(buf_slice(&fixture->out),
                 "{\"name\":\"my \\\"key\\\"\",\"scopes\":{\"a\":[\"run\"]},"
                 "\"expiresAt\":\"2030-01-01T00:00:00Z\"}");
}

static void a_scope_without_permissions_is_named(void **state)
{
    struct fixture *fixture = *state;
    const char *scopes[] = {"render"};
    assert_int_equal(put(fixture, scopes, 1, NULL), ERR_BAD_REQUEST);
    assert_non_null(memmem(fixture->problem.ptr, fixture->problem.len, "render", strlen("render")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(scopes_become_members),
        TEST(an_end_is_a_number_or_a_text),
        TEST(a_scope_without_permissions_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
