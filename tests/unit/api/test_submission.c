/* The body of /run: what is accepted, what is carried, what is refused. */
#include "body_fixture.h"

#include "ops/submission.h"

static struct endpoint endpoint = {
    .execution_timeout_ms = 600000, .queue_ttl_s = 86400, .workers_max = 3};

static struct submit_args args; /* of the last parse() */

static enum err parse(struct body_fixture *fixture, const char *body)
{
    args = (struct submit_args){0};
    return submission_parse(slice_of(body), &endpoint, &args, &fixture->members, &fixture->problem);
}

static void input_is_carried_byte_for_byte(void **state)
{
    struct body_fixture *fixture = *state;
    assert_int_equal(parse(fixture,
                           "{ \"input\" : {\"n\": 9007199254740993, \"d\": 1e400, "
                           "\"u\": \"\\u00e9\\ud83d\\ude00\", \"k\": {\"a\":1,\"a\":2}} }"),
                     ERR_OK);
    assert_slice(args.members, "\"input\":{\"n\": 9007199254740993, \"d\": 1e400, "
                               "\"u\": \"\\u00e9\\ud83d\\ude00\", \"k\": {\"a\":1,\"a\":2}}");
}

static void a_body_with_nothing_but_input_is_not_copied(void **state)
{
    static const char *const bodies[] = {"{\"input\":{\"a\": 1}}", " {\"input\": {\"a\": 1} }\n",
                                         "{\n\t\"input\":\t {\"a\": 1}\r\n} "};
    struct body_fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        assert_int_equal(parse(fixture, bodies[i]), ERR_OK);
        assert_ptr_equal(args.members.ptr, strchr(bodies[i], '"'));
        assert_true(args.members.ptr[args.members.len - 1] == '}');
        assert_int_equal(args.members.ptr[args.members.len - 2], '1');
        assert_int_equal(fixture->members.len, 0);
    }
}

static void a_body_with_more_than_input_or_another_spelling_is_copied(void **state)
{
    static const char *const bodies[] = {"{\"inp\\u0075t\":1}", "{\"input\" :1}",
                                         "{\"x\":\"{\",\"input\":1}", "{\"input\":1,\"x\":2}"};
    struct body_fixture *fixture = *state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        buf_clear(&fixture->members);
        assert_int_equal(parse(fixture, bodies[i]), ERR_OK);
        assert_slice(args.members, "\"input\":1");
        assert_ptr_equal(args.members.ptr, fixture->members.ptr);
    }
}

static void members_for_the_worker_follow_and_others_are_dropped(void **state)
{
    struct body_fixture *fixture = *state;
    assert_int_equal(parse(fixture, "{\"x\":1,\"s3Config\":{\"a\":2},\"webhook\":\"http://h/\","
                                    "\"input\":{}}"),
                     ERR_OK);
    assert_slice(args.members, "\"input\":{},\"webhook\":\"http://h/\",\"s3Config\":{\"a\":2}");
}

static void policy_is_clamped_and_zero_means_default(void **state)
{
    struct body_fixture *fixture = *state;
    assert_int_equal(parse(fixture, "{\"input\":1,\"policy\":{\"executionTimeout\":3000,"
                                    "\"ttl\":99999999999,\"lowPriority\":true}}"),
                     ERR_OK);
    assert_int_equal(args.execution_ms, 5000);
    assert_int_equal(args.ttl_ms, 604800000);
    assert_true(args.is_low_priority);
    assert_int_equal(parse(fixture, "{\"input\":1,\"policy\":{\"executionTimeout\":0}}"), ERR_OK);
    assert_int_equal(args.execution_ms, 600000);
    assert_int_equal(args.ttl_ms, 86400000);
}

static void bad_bodies_are_refused_with_the_reason(void **state)
{
    struct body_fixture *fixture = *state;
    static const struct {
        const char *body, *reason;
    } cases[] = {
        {"", "JSON object"},
        {"[1]", "JSON object"},
        {"{\"input\":", "byte"},
        {"{}", "input is required"},
        {"{\"input\":null}", "input is required"},
        {"{\"input\":1,\"input\":2}", "input"},
        {"{\"input\":1,\"policy\":5}", "policy"},
        {"{\"input\":1,\"policy\":{\"ttl\":\"x\"}}", "policy.ttl"},
        {"{\"input\":1,\"policy\":{\"executionTimeout\":-1}}", "policy.executionTimeout"},
        {"{\"input\":1,\"policy\":{\"lowPriority\":1}}", "policy.lowPriority"},
        {"{\"input\":1,\"webhook\":5}", "webhook"},
        {"{\"input\":1,\"s3Config\":[]}", "s3Config"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&fixture->problem);
        assert_int_not_equal(parse(fixture, cases[i].body), ERR_OK);
        (void)buf_put_char(&fixture->problem, '\0');
        assert_non_null(strstr(fixture->problem.ptr, cases[i].reason));
    }
}

static void webhook_wins_over_webhook_v2(void **state)
{
    struct body_fixture *fixture = *state;
    static const struct {
        const char *body, *webhook;
    } cases[] = {
        {"{\"input\":1}", ""},
        {"{\"input\":1,\"webhook\":\"a\"}", "\"a\""},
        {"{\"input\":1,\"webhookV2\":\"b\"}", "\"b\""},
        {"{\"input\":1,\"webhookV2\":\"b\",\"webhook\":\"a\"}", "\"a\""},
        {"{\"input\":1,\"webhookV2\":\"b\",\"webhook\":null}", "\"b\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(parse(fixture, cases[i].body), ERR_OK);
        assert_slice(args.webhook, cases[i].webhook);
    }
}

static void queue_rule_follows_workers_max(void **state)
{
    struct body_fixture *fixture = *state;
    assert_int_equal(parse(fixture, "{\"input\":1}"), ERR_OK);
    assert_int_equal(args.waiting_max, 1500);
    struct endpoint none = {.workers_max = 0};
    assert_int_equal(endpoint_waiting_max(&none), 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(input_is_carried_byte_for_byte, body_setup, body_teardown),
        cmocka_unit_test_setup_teardown(members_for_the_worker_follow_and_others_are_dropped,
                                        body_setup, body_teardown),
        cmocka_unit_test_setup_teardown(a_body_with_nothing_but_input_is_not_copied, body_setup,
                                        body_teardown),
        cmocka_unit_test_setup_teardown(a_body_with_more_than_input_or_another_spelling_is_copied,
                                        body_setup, body_teardown),
        cmocka_unit_test_setup_teardown(policy_is_clamped_and_zero_means_default, body_setup,
                                        body_teardown),
        cmocka_unit_test_setup_teardown(bad_bodies_are_refused_with_the_reason, body_setup,
                                        body_teardown),
        cmocka_unit_test_setup_teardown(webhook_wins_over_webhook_v2, body_setup, body_teardown),
        cmocka_unit_test_setup_teardown(queue_rule_follows_workers_max, body_setup, body_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
