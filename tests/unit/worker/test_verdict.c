/* What posts of a worker mean, and that the bytes kept are the bytes that came. */
#include "test.h"

#include "verdict.h"

#define assert_verdict(body, want_kind, want_members)               \
    do {                                                            \
        struct verdict verdict_;                                    \
        verdict_read(slice_of(body), &verdict_);                    \
        assert_int_equal(verdict_.kind, (want_kind));               \
        assert_slice(buf_slice(&verdict_.members), (want_members)); \
        verdict_done(&verdict_);                                    \
    } while (0)

static void an_output_completes_and_keeps_its_bytes(void **state)
{
    (void)state;
    assert_verdict("{\"output\": {\"n\":9007199254740993, \"x\":1e400} }", VERDICT_COMPLETED,
                   "\"output\":{\"n\":9007199254740993, \"x\":1e400}");
    assert_verdict("{\"output\":null}", VERDICT_COMPLETED, "\"output\":null");
    assert_verdict("{}", VERDICT_COMPLETED, "");
    assert_verdict("{\"outp\\u0075t\":1}", VERDICT_COMPLETED, "\"output\":1");
}

static void an_error_fails_and_keeps_the_output_beside_it(void **state)
{
    (void)state;
    assert_verdict("{\"error\":\"a\\\"b\"}", VERDICT_FAILED, "\"error\":\"a\\\"b\"");
    assert_verdict("{\"error\":\"\"}", VERDICT_FAILED, "\"error\":\"\"");
    assert_verdict("{\"error\":\"x\",\"output\":[1]}", VERDICT_FAILED,
                   "\"output\":[1],\"error\":\"x\"");
    assert_verdict("{\"error\":null,\"output\":1}", VERDICT_COMPLETED, "\"output\":1");
}

static void an_error_that_is_no_string_becomes_one(void **state)
{
    (void)state;
    assert_verdict("{\"error\":{\"a\":\"b\"}}", VERDICT_FAILED,
                   "\"error\":\"{\\\"a\\\":\\\"b\\\"}\"");
    assert_verdict("{\"error\":404}", VERDICT_FAILED, "\"error\":\"404\"");
}

static void in_progress_is_progress_whatever_else_it_says(void **state)
{
    (void)state;
    assert_verdict("{\"status\":\"IN_PROGRESS\",\"output\":50}", VERDICT_PROGRESS, "\"output\":50");
    assert_verdict("{\"status\":\"COMPLETED\",\"output\":50}", VERDICT_COMPLETED, "\"output\":50");
}

static void stop_pod_asks_for_a_fresh_process(void **state)
{
    (void)state;
    struct verdict verdict;
    verdict_read(SLICE("{\"output\":1,\"stopPod\":true}"), &verdict);
    assert_true(verdict.is_last);
    verdict_done(&verdict);
    verdict_read(SLICE("{\"output\":1,\"stopPod\":false}"), &verdict);
    assert_false(verdict.is_last);
    verdict_done(&verdict);
}

static void what_python_leaves_behind_is_mended(void **state)
{
    (void)state;
    assert_verdict("{\"output\":[NaN, -Infinity, 1]}", VERDICT_COMPLETED,
                   "\"output\":[null, null, 1]");
    assert_verdict("{\"output\":\"a\xff\"}", VERDICT_COMPLETED, "\"output\":\"a\xef\xbf\xbd\"");
}

static void what_cannot_be_kept_fails_with_a_reason(void **state)
{
    (void)state;
    static const char *const bodies[] = {"",
                                         "[1]",
                                         "{\"output\":",
                                         "\"text\"",
                                         "{\"output\":1}x",
                                         "\xff\xfe\x01",
                                         "{\"output\":1,\"output\":2}"};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct verdict verdict;
        verdict_read(slice_of(bodies[i]), &verdict);
        assert_int_equal(verdict.kind, VERDICT_FAILED);
        assert_true(slice_starts(buf_slice(&verdict.members),
                                 SLICE("\"error\":\"the worker posted a result that is not")));
        verdict_done(&verdict);
    }
}

/* ---- chunks ---- */

struct chunks {
    struct buf bytes, lens;
};

static int setup(void **state)
{
    *state = xcalloc(1, sizeof(struct chunks));
    return 0;
}

static int teardown(void **state)
{
    struct chunks *chunks = *state;
    buf_done(&chunks->bytes);
    buf_done(&chunks->lens);
    free(chunks);
    return 0;
}

static size_t chunk_len(const struct chunks *chunks, size_t index)
{
    size_t len;
    memcpy(&len, chunks->lens.ptr + index * sizeof(len), sizeof(len));
    return len;
}

static void a_chunk_is_the_posted_object(void **state)
{
    struct chunks *chunks = *state;
    const char *body = "{\"output\":{\"t\":1.0},\"metrics\":{}}";
    assert_int_equal(verdict_chunks(slice_of(body), &chunks->bytes, &chunks->lens), ERR_OK);
    assert_slice(buf_slice(&chunks->bytes), body);
    assert_int_equal(chunks->lens.len, sizeof(size_t));
    assert_int_equal(chunk_len(chunks, 0), strlen(body));
}

static void what_is_no_object_is_no_chunk(void **state)
{
    struct chunks *chunks = *state;
    assert_int_equal(verdict_chunks(SLICE("[1]"), &chunks->bytes, &chunks->lens), ERR_BAD_JSON);
    assert_int_equal(chunks->bytes.len, 0);
}

static char *long_post(const char *unit, size_t count)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    buf_put_str(&body, "{\"output\":\"");
    for (size_t i = 0; i < count; i++) {
        buf_put_str(&body, unit);
    }
    buf_put_str(&body, "\"}");
    return buf_take_str(&body);
}

/* Joins the parts again and checks that each stands for itself. */
static void check_split(struct chunks *chunks, const char *unit)
{
    static const size_t frame = sizeof("{\"output\":\"\"}") - 1;
    size_t count = 2500000 / strlen(unit), at = 0, inside = 0;
    AUTO_STR body = long_post(unit, count);
    assert_int_equal(verdict_chunks(slice_of(body), &chunks->bytes, &chunks->lens), ERR_OK);
    size_t parts = chunks->lens.len / sizeof(size_t);
    assert_int_equal(parts, 3);
    for (size_t i = 0; i < parts; i++) {
        size_t len = chunk_len(chunks, i);
        assert_true(len <= ELEMENT_MAX);
        assert_int_equal((len - frame) % strlen(unit), 0);
        assert_memory_equal(chunks->bytes.ptr + at, "{\"output\":\"", 11);
        inside += len - frame;
        at += len;
    }
    assert_int_equal(inside, count * strlen(unit));
    assert_int_equal(at, chunks->bytes.len);
}

static void long_strings_are_split_between_characters(void **state)
{
    check_split(*state, "a");
    teardown(state);
    setup(state);
    check_split(*state, "\xf0\x9f\x98\x80");
    teardown(state);
    setup(state);
    check_split(*state, "\\ud83d\\ude00");
    teardown(state);
    setup(state);
    check_split(*state, "\\n");
}

static void other_long_outputs_stay_whole(void **state)
{
    struct chunks *chunks = *state;
    AUTO(buf_done) struct buf body = BUF_INIT;
    buf_put_str(&body, "{\"output\":[\"");
    for (size_t i = 0; i < 1200000; i++) {
        buf_put_char(&body, 'x');
    }
    buf_put_str(&body, "\"]}");
    assert_int_equal(verdict_chunks(buf_slice(&body), &chunks->bytes, &chunks->lens), ERR_OK);
    assert_int_equal(chunks->lens.len, sizeof(size_t));
    assert_int_equal(chunks->bytes.len, body.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_output_completes_and_keeps_its_bytes),
        cmocka_unit_test(an_error_fails_and_keeps_the_output_beside_it),
        cmocka_unit_test(an_error_that_is_no_string_becomes_one),
        cmocka_unit_test(in_progress_is_progress_whatever_else_it_says),
        cmocka_unit_test(stop_pod_asks_for_a_fresh_process),
        cmocka_unit_test(what_python_leaves_behind_is_mended),
        cmocka_unit_test(what_cannot_be_kept_fails_with_a_reason),
        cmocka_unit_test_setup_teardown(a_chunk_is_the_posted_object, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_object_is_no_chunk, setup, teardown),
        cmocka_unit_test_setup_teardown(long_strings_are_split_between_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(other_long_outputs_stay_whole, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
