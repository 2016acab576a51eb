/* Scopes of keys: what is read, what is refused, what holds where. */
#include "permit.h"

#include "test.h"

struct fixture {
    struct permits permits;
    struct buf problem;
};

static int setup(void **state)
{
    *state = xcalloc(1, sizeof(struct fixture));
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    permits_done(&fixture->permits);
    buf_done(&fixture->problem);
    free(fixture);
    return 0;
}

static void parse(struct fixture *fixture, const char *scopes)
{
    assert_int_equal(permits_parse(slice_of(scopes), &fixture->permits, &fixture->problem), ERR_OK);
}

static unsigned at(const struct fixture *fixture, const char *ep)
{
    return permits_at(&fixture->permits, slice_of(ep));
}

static void each_endpoint_has_its_own_permits(void **state)
{
    struct fixture *fixture = *state;
    parse(fixture, "{\"a\":[\"run\",\"read\"],\"b\":[\"cancel\"]}");
    assert_int_equal(at(fixture, "a"), PERMIT_RUN | PERMIT_READ);
    assert_int_equal(at(fixture, "b"), PERMIT_CANCEL);
    assert_int_equal(at(fixture, "c"), PERMIT_NONE);
    assert_int_equal(at(fixture, ""), PERMIT_NONE);
}

static void the_star_holds_everywhere_and_adds(void **state)
{
    struct fixture *fixture = *state;
    parse(fixture, "{\"a\":[\"purge\"],\"*\":[\"read\"]}");
    assert_int_equal(at(fixture, "a"), PERMIT_PURGE | PERMIT_READ);
    assert_int_equal(at(fixture, "other"), PERMIT_READ);
}

static void admin_of_the_star_is_everything(void **state)
{
    struct fixture *fixture = *state;
    parse(fixture, "{\"*\":[\"admin\"]}");
    assert_int_equal(at(fixture, "a"), PERMIT_EVERYTHING);
    assert_int_equal(at(fixture, ""), PERMIT_EVERYTHING);
}

static void admin_of_one_endpoint_is_its_document(void **state)
{
    struct fixture *fixture = *state;
    parse(fixture, "{\"a\":[\"admin\"]}");
    assert_int_equal(at(fixture, "a"), PERMIT_ADMIN);
    assert_int_equal(at(fixture, "b"), PERMIT_NONE);
}

static void nothing_is_permitted_before(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(at(fixture, "a"), PERMIT_NONE);
    assert_int_equal(at(fixture, "*"), PERMIT_NONE);
}

static void refusals_name_the_endpoint_the_value_and_what_is_allowed(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *scopes, *word, *another;
    } cases[] = {
        {"{}", "scopes", "\"run\""},
        {"[]", "scopes", "\"run\""},
        {"7", "scopes is 7", "\"run\""},
        {"{\"a\":[]}", "scopes.a", "\"admin\""},
        {"{\"a\":\"run\"}", "scopes.a is \"run\"", "array"},
        {"{\"a\":[\"fly\"]}", "\"fly\"", "\"cancel\""},
        {"{\"a\":[\"run\",1]}", "scopes.a holds 1", "\"cancel\""},
        {"{\"A b\":[\"run\"]}", "A b", "endpoint id"},
        {"{\"sys\":[\"run\"]}", "sys", "endpoint id"},
        {"{\"a\":[\"run\"],\"a\":[\"read\"]}", "scopes.a", "twice"},
        {"{\"*\":[\"run\"],\"*\":[\"read\"]}", "scopes.*", "twice"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&fixture->problem);
        assert_int_equal(
            permits_parse(slice_of(cases[i].scopes), &fixture->permits, &fixture->problem),
            ERR_BAD_REQUEST);
        struct slice problem = buf_slice(&fixture->problem);
        const char *words[] = {cases[i].word, cases[i].another};
        for (size_t k = 0; k < COUNT_OF(words); k++) {
            if (memmem(problem.ptr, problem.len, words[k], strlen(words[k])) == NULL) {
                print_error("%.*s\nlacks %s\n", SLICE_ARG(problem), words[k]);
                fail();
            }
        }
        assert_int_equal(fixture->permits.count, 0);
    }
}

static void more_endpoints_than_the_maximum_are_refused(void **state)
{
    struct fixture *fixture = *state;
    AUTO(buf_done) struct buf text = BUF_INIT;
    for (int i = 0; i <= PERMIT_ENDPOINTS_MAX; i++) {
        (void)buf_printf(&text, "%s\"e%d\":[\"run\"]", i == 0 ? "{" : ",", i);
    }
    (void)buf_put_char(&text, '}');
    enum err err = permits_parse(buf_slice(&text), &fixture->permits, &fixture->problem);
    assert_int_equal(err, ERR_BAD_REQUEST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_endpoint_has_its_own_permits),
        TEST(the_star_holds_everywhere_and_adds),
        TEST(admin_of_the_star_is_everything),
        TEST(admin_of_one_endpoint_is_its_document),
        TEST(nothing_is_permitted_before),
        TEST(refusals_name_the_endpoint_the_value_and_what_is_allowed),
        TEST(more_endpoints_than_the_maximum_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
