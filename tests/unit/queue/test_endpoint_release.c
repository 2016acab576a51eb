/* Which changes of the document replace handler processes. A key that is not in the table fails
 * every_key_is_decided_on: decide whether a process depends on it, and add it to both. */
#include "test.h"

#include <stdio.h>

#include "queue/endpoint.h"

enum effect { STAYS, REPLACED };

/* The documents with `one` and `other` in place of what is there by default. */
struct change {
    const char *key;
    const char *one, *other; /* members of the document */
    enum effect effect;
};

#define COMMAND "\"handler\":{\"command\":[\"a\",\"b\"]"
#define SERVER "\"handler\":{\"server\":{\"command\":[\"a\"]"
#define IMAGE "\"handler\":{\"image\":\"r/x:1\""
#define HANDLER COMMAND "}"

static const struct change changes[] = {
    {"id", HANDLER, "\"id\":\"f\"," HANDLER, STAYS}, /* never compared: it cannot change */
    {"name", "\"name\":\"a\"," HANDLER, "\"name\":\"b\"," HANDLER, STAYS},
    {"type", SERVER "}}", "\"type\":\"LOAD_BALANCER\"," SERVER "}}", REPLACED},
    {"workersMin", HANDLER, "\"workersMin\":1," HANDLER, STAYS},
    {"workersMax", HANDLER, "\"workersMax\":9," HANDLER, STAYS},
    {"idleTimeout", HANDLER, "\"idleTimeout\":9," HANDLER, STAYS},
    {"executionTimeoutMs", HANDLER, "\"executionTimeoutMs\":9000," HANDLER, STAYS},
    {"scalerType", HANDLER, "\"scalerType\":\"REQUEST_COUNT\"," HANDLER, STAYS},
    {"scalerValue", HANDLER, "\"scalerValue\":9," HANDLER, STAYS},
    {"gpuCount", HANDLER, "\"gpuCount\":1," HANDLER, REPLACED},
    {"gpuTypeIds", HANDLER, "\"gpuTypeIds\":[\"A\"]," HANDLER, STAYS},  /* the agent looks */
    {"labels", HANDLER, "\"labels\":{\"zone\":\"a\"}," HANDLER, STAYS}, /* the scheduler looks */
    {"retries", HANDLER, "\"retries\":0," HANDLER, STAYS},
    {"weight", HANDLER, "\"weight\":9," HANDLER, STAYS},
    {"queueTtlSeconds", HANDLER, "\"queueTtlSeconds\":99," HANDLER, STAYS},
    {"retention", HANDLER, "\"retention\":{\"asyncSeconds\":9,\"syncSeconds\":9}," HANDLER, STAYS},
    {"payload", HANDLER, "\"payload\":{\"runBytes\":9999,\"runsyncBytes\":9999}," HANDLER, STAYS},
    {"streamShape", HANDLER, "\"streamShape\":\"list\"," HANDLER, STAYS},
    {"durability", HANDLER, "\"durability\":\"replica\"," HANDLER, STAYS},
    {"limits", HANDLER, "\"limits\":\"off\"," HANDLER, STAYS},
    {"webhookSecret", HANDLER, "\"webhookSecret\":\"0123456789abcdef\"," HANDLER, STAYS},
    {"openai", HANDLER, "\"openai\":{\"models\":[\"m\"]}," HANDLER, STAYS},
    {"handler.command", HANDLER, "\"handler\":{\"command\":[\"ab\"]}", REPLACED},
    {"handler.command", HANDLER, "\"handler\":{\"command\":[\"a\",\"b\",\"\"]}", REPLACED},
    {"handler.command", IMAGE "}", IMAGE ",\"command\":[\"a\"]}", REPLACED},
    {"handler.library", "\"handler\":{\"library\":\"a\"}", "\"handler\":{\"library\":\"b\"}",
     REPLACED},
    {"handler.library", "\"handler\":{\"library\":\"a\"}", "\"handler\":{\"command\":[\"a\"]}",
     REPLACED},
    {"handler.server", "\"handler\":{\"command\":[\"a\"]}", SERVER "}}", REPLACED},
    {"handler.server", IMAGE "}", IMAGE ",\"server\":{}}", REPLACED},
    {"handler.server.command", SERVER "}}", "\"handler\":{\"server\":{\"command\":[\"c\"]}}",
     REPLACED},
    {"handler.server.port", SERVER "}}", SERVER ",\"port\":80}}", REPLACED},
    {"handler.server.port", SERVER "}}", SERVER ",\"port\":0}}", STAYS},
    {"handler.server.healthPath", SERVER "}}", SERVER ",\"healthPath\":\"/ok\"}}", REPLACED},
    {"handler.server.healthPath", SERVER "}}", SERVER ",\"healthPath\":\"/health\"}}", STAYS},
    {"handler.server.concurrency", SERVER "}}", SERVER ",\"concurrency\":9}}", STAYS},
    {"handler.image", IMAGE "}", "\"handler\":{\"image\":\"r/x:2\"}", REPLACED},
    {"handler.volumes", IMAGE "}", IMAGE ",\"volumes\":[\"/a:/b\"]}", REPLACED},
    {"handler.volumes", IMAGE "}", IMAGE ",\"volumes\":[]}", STAYS},
    {"handler.shmSize", IMAGE "}", IMAGE ",\"shmSize\":65536}", REPLACED},
    {"handler.shmSize", IMAGE "}", IMAGE ",\"shmSize\":1073741824}", STAYS},
    {"handler.cwd", HANDLER, COMMAND ",\"cwd\":\"/x\"}", REPLACED},
    {"handler.env", HANDLER, COMMAND ",\"env\":{\"A\":\"1\"}}", REPLACED},
    {"handler.env", COMMAND ",\"env\":{\"A\":\"1\"}}", COMMAND ",\"env\":{\"A\":\"2\"}}", REPLACED},
    {"handler.env", COMMAND ",\"env\":{\"A\":\"1\"}}", COMMAND ",\"env\":{\"B\":\"1\"}}", REPLACED},
    {"handler.env", HANDLER, COMMAND ",\"env\":{}}", STAYS},
    {"handler.env", COMMAND ",\"env\":{\"A\":\"1\",\"B\":\"2\"}}",
     COMMAND ",\"env\":{\"B\":\"2\",\"A\":\"1\"}}", STAYS},
    {"handler.env", COMMAND ",\"env\":{\"A\":\"1\",\"B\":\"2\"}}",
     COMMAND ",\"env\":{\"A\":\"2\",\"B\":\"1\"}}", REPLACED},
};

static int64_t release_of(const char *members)
{
    AUTO(endpoint_free) struct endpoint *endpoint = NULL;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    bool has_id = strncmp(members, "\"id\"", 4) == 0;
    AUTO_STR text = xasprintf("{%s%s}", has_id ? "" : "\"id\":\"e\",", members);
    if (endpoint_parse(slice_of(text), &endpoint, &problem) != ERR_OK) {
        print_error("%s\n%.*s\n", text, SLICE_ARG(buf_slice(&problem)));
        fail();
    }
    return endpoint->release;
}

static void a_process_is_replaced_by_what_it_is_started_with(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        bool is_same = release_of(changes[i].one) == release_of(changes[i].other);
        if (is_same != (changes[i].effect == STAYS)) {
            print_error("%s: %s and %s\n", changes[i].key, changes[i].one, changes[i].other);
            fail();
        }
    }
}

static bool is_decided(struct slice key)
{
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        if (slice_is(key, changes[i].key)) {
            return true;
        }
    }
    return slice_is(key, "handler"); /* by its members */
}

/* The refusal of an unknown key names those that are known. */
static void assert_decided(const char *document, const char *group)
{
    AUTO(endpoint_free) struct endpoint *endpoint = NULL;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    assert_int_equal(endpoint_parse(slice_of(document), &endpoint, &problem), ERR_BAD_REQUEST);
    AUTO_STR text = buf_take_str(&problem);
    char *known = strstr(text, "known are ");
    assert_non_null(known);
    size_t count = 0;
    for (struct slice rest = slice_of(known + strlen("known are ")); rest.len > 0; count++) {
        struct slice name = slice_cut(&rest, ',');
        AUTO_STR key = xasprintf("%s%.*s", group, SLICE_ARG(name));
        if (!is_decided(slice_of(key))) {
            print_error("decide what a change of \"%s\" does to a running handler\n", key);
            fail();
        }
        rest = slice_starts(rest, SLICE(" ")) ? slice_from(rest, 1) : rest;
    }
    assert_true(count > 3);
}

static void every_key_is_decided_on(void **state)
{
    (void)state;
    assert_decided("{\"?\":1}", "");
    assert_decided("{\"handler\":{\"?\":1}}", "handler.");
    assert_decided("{\"handler\":{\"server\":{\"?\":1}}}", "handler.server.");
}

/* Else an upgrade of Millrace would replace the processes of all endpoints. */
static void a_release_is_the_same_in_all_builds(void **state)
{
    (void)state;
    assert_int_equal(release_of("\"handler\":{\"command\":[\"a\"]}"), INT64_C(0x875b32aebfd8));
}

static void the_order_of_keys_and_blanks_say_nothing(void **state)
{
    (void)state;
    assert_int_equal(release_of("\"handler\":{\"cwd\":\"/x\",\"command\":[\"a\"]}"),
                     release_of("\"handler\" : { \"command\" : [ \"a\" ], \"cwd\":\"/x\" }"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_is_replaced_by_what_it_is_started_with),
        cmocka_unit_test(every_key_is_decided_on),
        cmocka_unit_test(a_release_is_the_same_in_all_builds),
        cmocka_unit_test(the_order_of_keys_and_blanks_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
