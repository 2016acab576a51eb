/* Server-Sent Events: framing of any data, and ids that grow and lead back to their place. */
#include "test.h"

#include "sse.h"

static void expect_event(const char *data, const char *text)
{
    struct buf out = BUF_INIT;
    const struct sse_place id = {.attempt = 1, .next = 2};
    sse_put_event(&out, "chunk", &id, slice_of(data));
    assert_slice(buf_slice(&out), text);
    buf_done(&out);
}

static void an_event_has_name_id_and_data(void **state)
{
    (void)state;
    expect_event("{\"output\": 1}", "event: chunk\nid: 1000000002000\ndata: {\"output\": 1}\n\n");
}

static void line_ends_become_further_data_lines(void **state)
{
    (void)state;
#define HEAD "event: chunk\nid: 1000000002000\n"
    expect_event("{\n\"a\":1\n}", HEAD "data: {\ndata: \"a\":1\ndata: }\n\n");
    expect_event("{\r\n\r}", HEAD "data: {\ndata: \ndata: }\n\n");
    expect_event("1\n", HEAD "data: 1\ndata: \n\n");
    expect_event("", HEAD "data: \n\n");
}

static int64_t id_of(struct sse_place place)
{
    struct buf out = BUF_INIT;
    sse_put_event(&out, "x", &place, SLICE(""));
    const char *at = out.ptr + strlen("event: x\nid: ");
    struct slice id = {at, strcspn(at, "\n")};
    struct sse_place back;
    assert_int_equal(sse_read_place(id, &back), ERR_OK);
    assert_int_equal(back.attempt, place.attempt);
    assert_int_equal(back.next, place.next);
    assert_int_equal(back.extra, place.extra);
    int64_t number = slice_to_i64_or(id, -1);
    buf_done(&out);
    return number;
}

static void ids_grow_and_lead_back(void **state)
{
    (void)state;
    const struct sse_place places[] = {
        {0, 0, 1}, {0, 0, 2}, {1, 0, 1},    {1, 1, 0}, {1, 1, 999},
        {1, 2, 0}, {2, 0, 0}, {2, 9999, 0}, {9, 0, 0}, {SSE_ATTEMPTS_MAX, SSE_CHUNKS_MAX - 1, 0}};
    int64_t last = 0;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        int64_t id = id_of(places[i]);
        assert_true(id > last);
        last = id;
    }
}

static void an_event_beyond_the_numbers_has_no_id(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    const struct sse_place id = {.attempt = 1, .extra = SSE_EXTRA_MAX};
    sse_put_event(&out, "status", &id, SLICE("{}"));
    assert_slice(buf_slice(&out), "event: status\ndata: {}\n\n");
    buf_done(&out);
}

static void other_ids_are_refused(void **state)
{
    (void)state;
    static const char *const ids[] = {
        "", "-1", "1.5", "abc", "1e3", "99999999999999999999999", " 1", "9223372036854775807"};
    struct sse_place place;
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        assert_int_equal(sse_read_place(slice_of(ids[i]), &place), ERR_BAD_REQUEST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_has_name_id_and_data),
        cmocka_unit_test(line_ends_become_further_data_lines),
        cmocka_unit_test(ids_grow_and_lead_back),
        cmocka_unit_test(an_event_beyond_the_numbers_has_no_id),
        cmocka_unit_test(other_ids_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
