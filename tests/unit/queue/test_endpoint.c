/* The endpoint document: defaults, every key, and refusals that name key, value and what is
 * allowed.
 */
#include "test.h"

#include <stdio.h>

#include "queue/endpoint.h"

#define HANDLER "\"handler\":{\"command\":[\"python3\",\"handler.py\"]}"

struct fixture {
    struct endpoint *endpoint;
    struct buf problem;
};

static int set_up(void **state)
{
    *state = xcalloc(1, sizeof(struct fixture));
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    endpoint_free(f->endpoint);
    buf_done(&f->problem);
    free(f);
    return 0;
}

/* The text goes into memory of exactly its length, so that reading past its end is seen. */
static enum err parse(struct fixture *f, const char *text)
{
    endpoint_free(steal(f->endpoint));
    buf_clear(&f->problem);
    size_t len = strlen(text);
    char *exact = xmalloc(len ? len : 1);
    memcpy(exact, text, len);
    enum err err = endpoint_parse((struct slice){exact, len}, &f->endpoint, &f->problem);
    free(exact);
    return err;
}

static void assert_parses(struct fixture *f, const char *text)
{
    enum err err = parse(f, text);
    if (err != ERR_OK) {
        print_error("%s\n%.*s\n", text, SLICE_ARG(buf_slice(&f->problem)));
    }
    assert_int_equal(err, ERR_OK);
    assert_non_null(f->endpoint);
}

/* The problem is one line that holds each of the words (NULL-terminated). */
static void assert_refused(struct fixture *f, const char *text, const char *const *words)
{
    assert_int_not_equal(parse(f, text), ERR_OK);
    assert_null(f->endpoint);
    struct slice problem = buf_slice(&f->problem);
    assert_true(problem.len > 0);
    assert_null(memchr(problem.ptr, '\n', problem.len));
    for (; *words != NULL; words++) {
        if (memmem(problem.ptr, problem.len, *words, strlen(*words)) == NULL) {
            print_error("%.*s\nlacks %s\n", SLICE_ARG(problem), *words);
            fail();
        }
    }
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void defaults_are_those_of_the_contract(void **state)
{
    struct fixture *f = *state;
    assert_parses(f, "{\"id\":\"echo\"," HANDLER "}");
    const struct endpoint *e = f->endpoint;
    assert_string_equal(e->id, "echo");
    assert_string_equal(e->name, "echo");
    assert_int_equal(e->type, ENDPOINT_QUEUE);
    assert_int_equal(e->workers_min, 0);
    assert_int_equal(e->workers_max, 3);
    assert_int_equal(e->idle_timeout_s, 5);
    assert_int_equal(e->execution_timeout_ms, 600000);
    assert_int_equal(e->scaler, SCALER_QUEUE_DELAY);
    assert_true(e->scaler_value >= 4 && e->scaler_value <= 4);
    assert_int_equal(e->gpu_count, 0);
    assert_int_equal(e->retries, 1);
    assert_int_equal(e->queue_ttl_s, 86400);
    assert_int_equal(e->retention_async_s, 1800);
    assert_int_equal(e->retention_sync_s, 60);
    assert_int_equal(e->run_bytes, 10 << 20);
    assert_int_equal(e->runsync_bytes, 20 << 20);
    assert_int_equal(e->stream_shape, STREAM_AUTO);
    assert_int_equal(e->version, 0);
}

static void the_command_and_the_document_are_kept(void **state)
{
    struct fixture *f = *state;
    const char *text = "{ \"id\" : \"echo\", " HANDLER " }";
    assert_parses(f, text);
    assert_int_equal(f->endpoint->handler, HANDLER_COMMAND);
    assert_string_equal(f->endpoint->command[0], "python3");
    assert_string_equal(f->endpoint->command[1], "handler.py");
    assert_null(f->endpoint->command[2]);
    assert_null(f->endpoint->library);
    assert_string_equal(f->endpoint->document, text);
}

static void every_number_is_read(void **state)
{
    struct fixture *f = *state;
    assert_parses(
        f,
        "{\"id\":\"e\",\"name\":\"N\",\"type\":\"QUEUE\",\"workersMin\":1,"
        "\"workersMax\":2,\"idleTimeout\":7,\"executionTimeoutMs\":5000,"
        "\"scalerType\":\"REQUEST_COUNT\",\"scalerValue\":2,\"gpuCount\":3,"
        "\"retries\":0,\"queueTtlSeconds\":10,\"streamShape\":\"list\",\"durability\":\"replica\","
        "\"retention\":{\"asyncSeconds\":8,\"syncSeconds\":9},"
        "\"payload\":{\"runBytes\":1024,\"runsyncBytes\":2048}," HANDLER "}");
    const struct endpoint *e = f->endpoint;
    assert_string_equal(e->name, "N");
    assert_int_equal(e->workers_min, 1);
    assert_int_equal(e->workers_max, 2);
    assert_int_equal(e->idle_timeout_s, 7);
    assert_int_equal(e->execution_timeout_ms, 5000);
    assert_int_equal(e->scaler, SCALER_REQUEST_COUNT);
    assert_int_equal(e->gpu_count, 3);
    assert_int_equal(e->retries, 0);
    assert_int_equal(e->queue_ttl_s, 10);
    assert_int_equal(e->retention_async_s, 8);
    assert_int_equal(e->retention_sync_s, 9);
    assert_int_equal(e->run_bytes, 1024);
    assert_int_equal(e->runsync_bytes, 2048);
    assert_int_equal(e->stream_shape, STREAM_LIST);
}

static void a_library_with_folder_and_environment_is_read(void **state)
{
    struct fixture *f = *state;
    assert_parses(f, "{\"id\":\"e\",\"handler\":{\"library\":\"x.so\",\"cwd\":\"/srv\","
                     "\"env\":{\"A\":\"1\",\"B\":\"\"}}}");
    const struct endpoint *e = f->endpoint;
    assert_int_equal(e->handler, HANDLER_LIBRARY);
    assert_string_equal(e->library, "x.so");
    assert_string_equal(e->cwd, "/srv");
    assert_int_equal(e->env_count, 2);
    assert_string_equal(e->env[0].name, "A");
    assert_string_equal(e->env[0].value, "1");
    assert_string_equal(e->env[1].value, "");
}

static void gpu_types_keep_their_order(void **state)
{
    struct fixture *f = *state;
    assert_parses(f, "{\"id\":\"e\",\"gpuTypeIds\":[\"B\",\"A\"]," HANDLER "}");
    assert_string_equal(f->endpoint->gpu_types[0], "B");
    assert_string_equal(f->endpoint->gpu_types[1], "A");
    assert_null(f->endpoint->gpu_types[2]);
}

static void labels_are_read_and_bad_ones_refused(void **state)
{
    struct fixture *f = *state;
    assert_parses(f,
                  "{\"id\":\"e\",\"labels\":{\"zone\":\"a\",\"x.io/disk\":\"fast\"}," HANDLER "}");
    assert_int_equal(f->endpoint->label_count, 2);
    assert_string_equal(f->endpoint->labels[1].key, "x.io/disk");
    assert_string_equal(f->endpoint->labels[1].value, "fast");
    static const char *const bad[] = {
        "[]",           "{\"a\":1}",       "{\"\":\"b\"}",
        "{\"a\":\"\"}", "{\"a b\":\"c\"}", "{\"a\":\"b\",\"a\":\"c\"}",
        "\"a=b\""};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO_STR document = xasprintf("{\"id\":\"e\",\"labels\":%s," HANDLER "}", bad[i]);
        assert_refused(f, document, WORDS("labels", "A-Z"));
    }
}

static void bounds_are_inclusive(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *key;
        int64_t min, max;
    } keys[] = {{"workersMax", 0, 1000},
                {"idleTimeout", 0, 3600},
                {"gpuCount", 0, 16},
                {"executionTimeoutMs", 5000, 604800000},
                {"weight", 1, 1000},
                {"retries", 0, 10},
                {"queueTtlSeconds", 10, 604800}};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const int64_t values[] = {keys[i].min, keys[i].max, keys[i].min - 1, keys[i].max + 1};
        for (size_t k = 0; k < COUNT_OF(values); k++) {
            char text[256];
            (void)snprintf(text, sizeof(text), "{\"id\":\"e\",\"%s\":%lld," HANDLER "}",
                           keys[i].key, (long long)values[k]);
            if (k < 2) {
                assert_parses(f, text);
            } else {
                assert_refused(f, text, WORDS(keys[i].key));
            }
        }
    }
}

static void a_bad_value_is_named_with_what_is_allowed(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "{\"id\":\"e\",\"workersMax\":1001," HANDLER "}",
                   WORDS("workersMax", "1001", "0", "1000"));
    assert_refused(f, "{\"id\":\"e\",\"workersMax\":1.5," HANDLER "}", WORDS("workersMax", "1.5"));
    assert_refused(f, "{\"id\":\"e\",\"workersMax\":\"3\"," HANDLER "}",
                   WORDS("workersMax", "\"3\""));
    assert_refused(f, "{\"id\":\"e\",\"workersMax\":null," HANDLER "}",
                   WORDS("workersMax", "null"));
    assert_refused(f, "{\"id\":\"e\",\"idleTimeout\":1e400," HANDLER "}", WORDS("idleTimeout"));
    assert_refused(f, "{\"id\":\"e\",\"scalerType\":\"FAST\"," HANDLER "}",
                   WORDS("scalerType", "FAST", "QUEUE_DELAY", "REQUEST_COUNT"));
    assert_refused(f, "{\"id\":\"e\",\"scalerValue\":0.4," HANDLER "}",
                   WORDS("scalerValue", "0.4", "0.5"));
    assert_refused(f, "{\"id\":\"e\",\"durability\":\"disk\"," HANDLER "}",
                   WORDS("durability", "disk", "local", "replica"));
    assert_refused(f, "{\"id\":\"e\",\"streamShape\":\"set\"," HANDLER "}",
                   WORDS("streamShape", "set", "auto", "list", "object"));
    assert_refused(f, "{\"id\":\"e\",\"type\":\"LB\"," HANDLER "}", WORDS("type", "LB", "QUEUE"));
    assert_refused(f, "{\"id\":\"e\",\"gpuTypeIds\":[1]," HANDLER "}", WORDS("gpuTypeIds"));
    assert_refused(f, "{\"id\":\"e\",\"name\":\"\"," HANDLER "}", WORDS("name"));
    assert_refused(f, "{\"id\":\"e\",\"retention\":{\"syncSeconds\":0}," HANDLER "}",
                   WORDS("retention.syncSeconds is 0:", "1 to 604800"));
    assert_refused(f, "{\"id\":\"e\",\"payload\":{\"runBytes\":1}," HANDLER "}",
                   WORDS("payload.runBytes is 1:"));
}

static void unknown_keys_are_refused_by_name(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "{\"id\":\"e\",\"wokersMax\":1," HANDLER "}",
                   WORDS("wokersMax", "workersMax"));
    assert_refused(f, "{\"id\":\"e\",\"handler\":{\"command\":[\"a\"],\"shell\":1}}",
                   WORDS("handler.shell", "command"));
    assert_refused(f, "{\"id\":\"e\",\"retention\":{\"seconds\":1}," HANDLER "}",
                   WORDS("retention.seconds", "asyncSeconds"));
}

static void keys_that_belong_together_are_checked_together(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "{\"id\":\"e\",\"workersMin\":4," HANDLER "}",
                   WORDS("workersMin is 4", "workersMax, 3"));
    assert_refused(f, "{\"id\":\"e\",\"workersMin\":1,\"workersMax\":0," HANDLER "}",
                   WORDS("workersMin"));
    assert_refused(
        f, "{\"id\":\"e\",\"scalerType\":\"REQUEST_COUNT\",\"scalerValue\":0.5," HANDLER "}",
        WORDS("scalerValue", "REQUEST_COUNT"));
}

static void a_handler_is_exactly_one_of_its_kinds(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "{\"id\":\"e\"}", WORDS("handler"));
    assert_refused(f, "{\"id\":\"e\",\"handler\":{}}", WORDS("handler", "command", "library"));
    assert_refused(f, "{\"id\":\"e\",\"handler\":{\"command\":[\"a\"],\"library\":\"b\"}}",
                   WORDS("handler", "command", "library"));
    assert_refused(f, "{\"id\":\"e\",\"handler\":{\"command\":[]}}", WORDS("handler.command"));
    assert_refused(f, "{\"id\":\"e\",\"handler\":{\"command\":[\"\"]}}", WORDS("handler.command"));
    assert_refused(f, "{\"id\":\"e\",\"handler\":{\"command\":\"a\"}}", WORDS("handler.command"));
    assert_refused(f, "{\"id\":\"e\",\"handler\":\"a\"}", WORDS("handler"));
    assert_refused(f, "{\"id\":\"e\",\"handler\":{\"command\":[\"a\"],\"env\":{\"A=B\":\"1\"}}}",
                   WORDS("handler.env"));
    assert_refused(f, "{\"id\":\"e\",\"handler\":{\"command\":[\"a\"],\"env\":{\"A\":1}}}",
                   WORDS("handler.env"));
}

static void what_is_no_object_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {"",          "null",
                                      "[]",        "1",
                                      "\"x\"",     "{\"id\":\"e\"",
                                      "{\"id\":}", "{} {}",
                                      "{,}",       "{\"id\":\"\xff\"}"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_refused(f, bad[i], WORDS(""));
    }
    assert_refused(f, "{\"id\":\"e\",\"id\":\"f\"," HANDLER "}", WORDS("duplicate"));
}

static void a_document_above_the_limit_is_refused(void **state)
{
    struct fixture *f = *state;
    size_t len = ENDPOINT_DOCUMENT_MAX + 1;
    char *text = xmalloc(len + 1);
    memset(text, ' ', len);
    text[len] = '\0';
    const char *document = "{\"id\":\"e\"," HANDLER "}";
    memcpy(text, document, strlen(document));
    enum err too_long = parse(f, text);
    text[len - 1] = '\0';
    enum err longest = parse(f, text);
    free(text);
    assert_int_equal(too_long, ERR_TOO_LARGE);
    assert_int_equal(longest, ERR_OK);
}

static void ids_are_checked(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a",
        "0",
        "echo-2",
        "a-",
        "systems",
        ("123456789012345678901234567890123456789012345678901234567890"
         "123")};
    static const char *const bad[] = {
        "",
        "-a",
        "A",
        "a_b",
        "a b",
        "a/b",
        "a.b",
        "\xc3\xa4",
        "sys",
        "serverless",
        "templates",
        "pods",
        "{a}",
        ("123456789012345678901234567890123456789012345678901234567890"
         "1234")};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_true(endpoint_id_is_valid(slice_of(good[i])));
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(endpoint_id_is_valid(slice_of(bad[i])));
    }
    assert_false(endpoint_id_is_valid(SLICE_NONE));
    assert_false(endpoint_id_is_valid(SLICE("a\0b")));
}

static void a_bad_id_is_refused_and_a_missing_one_too(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "{\"id\":\"Echo\"," HANDLER "}", WORDS("id", "Echo"));
    assert_refused(f, "{\"id\":1," HANDLER "}", WORDS("id"));
    assert_refused(f, "{" HANDLER "}", WORDS("id"));
}

static void keys_given_twice_in_a_group_do_no_harm(void **state)
{
    struct fixture *f = *state;
    (void)parse(f,
                "{\"id\":\"e\",\"handler\":{\"command\":[\"a\"],\"command\":[\"b\"],\"cwd\":\"/\","
                "\"cwd\":\"/\",\"env\":{\"A\":\"1\",\"B\":\"2\",\"C\":\"3\",\"D\":\"4\"},"
                "\"env\":{\"E\":\"5\"}}}");
    assert_true(f->endpoint == NULL || f->endpoint->env_count == 1);
}

#define WITH_SECRET(text) "{\"id\":\"e\",\"webhookSecret\":" text "," HANDLER "}"

static void a_webhook_secret_is_base64_or_the_key_itself(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *document, *key;
    } cases[] = {
        {WITH_SECRET("\"whsec_MDEyMzQ1Njc4OWFiY2RlZg==\""), "0123456789abcdef"},
        {WITH_SECRET("\"sixteen bytes ok\""), "sixteen bytes ok"},
        {"{\"id\":\"e\"," HANDLER "}", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(buf_done) struct buf key = BUF_INIT;
        assert_int_equal(parse(f, cases[i].document), ERR_OK);
        endpoint_put_webhook_key(f->endpoint, &key);
        assert_slice(buf_slice(&key), cases[i].key);
    }
}

static void a_bad_webhook_secret_is_refused_and_not_repeated(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, WITH_SECRET("\"too short\""), WORDS("webhookSecret", "16"));
    assert_null(memmem(f->problem.ptr, f->problem.len, "too short", 9));
    assert_refused(f, WITH_SECRET("\"whsec_MDEyMzQ1Njc4OWFiY2Rl\""), WORDS("webhookSecret", "16"));
    assert_refused(f, WITH_SECRET("\"whsec_not base64 at all\""), WORDS("webhookSecret", "whsec_"));
    assert_refused(f, WITH_SECRET("7"), WORDS("webhookSecret"));
}

static void the_queue_rule_lets_fifty_wait_at_least(void **state)
{
    (void)state;
    struct endpoint endpoint = {.workers_max = 0};
    assert_int_equal(endpoint_waiting_max(&endpoint), 50);
    endpoint.workers_max = 1;
    assert_int_equal(endpoint_waiting_max(&endpoint), 500);
    endpoint.workers_max = 1000;
    assert_int_equal(endpoint_waiting_max(&endpoint), 500000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_those_of_the_contract),
        TEST(the_command_and_the_document_are_kept),
        TEST(every_number_is_read),
        TEST(a_library_with_folder_and_environment_is_read),
        TEST(gpu_types_keep_their_order),
        TEST(labels_are_read_and_bad_ones_refused),
        TEST(bounds_are_inclusive),
        TEST(a_bad_value_is_named_with_what_is_allowed),
        TEST(unknown_keys_are_refused_by_name),
        TEST(keys_that_belong_together_are_checked_together),
        TEST(a_handler_is_exactly_one_of_its_kinds),
        TEST(what_is_no_object_is_refused),
        TEST(a_document_above_the_limit_is_refused),
        TEST(ids_are_checked),
        TEST(a_bad_id_is_refused_and_a_missing_one_too),
        TEST(keys_given_twice_in_a_group_do_no_harm),
        TEST(a_webhook_secret_is_base64_or_the_key_itself),
        TEST(a_bad_webhook_secret_is_refused_and_not_repeated),
        TEST(the_queue_rule_lets_fifty_wait_at_least),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
