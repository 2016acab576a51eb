/* The body of POST /v1/keys. */
#include "ops/key_request.h"

#include "body_fixture.h"

#define NOW_MS INT64_C(1893456000000) /* 2030-01-01T00:00:00Z */

static enum err parse(struct body_fixture *fixture, const char *body)
{
    buf_clear(&fixture->members);
    buf_clear(&fixture->problem);
    return key_request_parse(slice_of(body), NOW_MS, &fixture->members, &fixture->problem);
}

static void members_of_the_record_come_out(void **state)
{
    struct body_fixture *fixture = *state;
    assert_int_equal(
        parse(fixture, "{ \"scopes\" : {\"*\": [\"run\"]}, \"name\": \"a \\\"b\\\"\" }"), ERR_OK);
    assert_slice(buf_slice(&fixture->members),
                 "\"name\":\"a \\\"b\\\"\",\"scopes\":{\"*\":[\"run\"]}");
}

static void an_end_may_be_a_number_or_a_date(void **state)
{
    struct body_fixture *fixture = *state;
    assert_int_equal(
        parse(fixture,
              "{\"name\":\"n\",\"scopes\":{\"e\":[\"read\"]},\"expiresAt\":1893456000001}"),
        ERR_OK);
    assert_slice(buf_slice(&fixture->members),
                 "\"name\":\"n\",\"scopes\":{\"e\":[\"read\"]},\"expiresAt\":1893456000001");
    assert_int_equal(parse(fixture, "{\"name\":\"n\",\"scopes\":{\"e\":[\"read\"]},"
                                    "\"expiresAt\":\"2030-01-01T01:00:00Z\"}"),
                     ERR_OK);
    assert_slice(buf_slice(&fixture->members),
                 "\"name\":\"n\",\"scopes\":{\"e\":[\"read\"]},\"expiresAt\":1893459600000");
}

static void refusals_name_the_member(void **state)
{
    struct body_fixture *fixture = *state;
#define REST ",\"name\":\"n\",\"scopes\":{\"e\":[\"read\"]}}"
    static const struct {
        const char *body, *word;
        enum err err;
    } cases[] = {
        {"", "JSON object", ERR_BAD_JSON},
        {"[]", "JSON object", ERR_BAD_JSON},
        {"{\"scopes\":{\"e\":[\"read\"]}}", "name: is required", 0},
        {"{\"name\":\"\",\"scopes\":{\"e\":[\"read\"]}}", "name is \"\"", 0},
        {"{\"name\":\"a\\u0000b\",\"scopes\":{\"e\":[\"read\"]}}", "u0000", ERR_BAD_JSON},
        {"{\"name\":7,\"scopes\":{\"e\":[\"read\"]}}", "name is 7", 0},
        {"{\"name\":\"n\"}", "scopes: is required", 0},
        {"{\"name\":\"n\",\"scopes\":null}", "scopes is null", 0},
        {"{\"colour\":1" REST, "unknown key colour", 0},
        {"{\"expiresAt\":1893456000000" REST, "expiresAt is 1893456000000: use a time to come", 0},
        {"{\"expiresAt\":\"2029-12-31T23:59:59Z\"" REST, "a time to come", 0},
        {"{\"expiresAt\":\"tomorrow\"" REST, "expiresAt is \"tomorrow\"", 0},
        {"{\"expiresAt\":-1" REST, "expiresAt is -1", 0},
        {"{\"expiresAt\":1e300" REST, "expiresAt", 0},
        {"{\"expiresAt\":true" REST, "expiresAt is true", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum err wanted = cases[i].err != 0 ? cases[i].err : ERR_BAD_REQUEST;
        assert_int_equal(parse(fixture, cases[i].body), wanted);
        struct slice problem = buf_slice(&fixture->problem);
        if (memmem(problem.ptr, problem.len, cases[i].word, strlen(cases[i].word)) == NULL) {
            print_error("%.*s\nlacks %s\n", SLICE_ARG(problem), cases[i].word);
            fail();
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, body_setup, body_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(members_of_the_record_come_out),
        TEST(an_end_may_be_a_number_or_a_date),
        TEST(refusals_name_the_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
