/* Server-Sent Events as the command line reads them. */
#include "test.h"

#include "events.h"

static void note(const struct event *event, void *arg)
{
    (void)buf_printf(arg, "%.*s=%.*s;", SLICE_ARG(event->name), SLICE_ARG(event->data));
}

static void expect_in_pieces(const char *text, size_t piece, const char *noted, const char *id)
{
    struct buf seen = BUF_INIT;
    struct events events = {.fn = note, .arg = &seen};
    struct slice rest = slice_of(text);
    while (rest.len > 0) {
        size_t len = rest.len < piece ? rest.len : piece;
        events_feed(&events, (struct slice){rest.ptr, len});
        rest = slice_from(rest, len);
    }
    assert_slice(buf_slice(&seen), noted);
    assert_slice(buf_slice(&events.last_id), id);
    events_done(&events);
    buf_done(&seen);
}

static void events_are_read_however_they_are_cut(void **state)
{
    (void)state;
    static const char text[] = "retry: 1000\n\nevent: status\nid: 1\ndata: {\"a\": 1}\n\n"
                               ": keep-alive\n\nevent: chunk\nid: 2\ndata: {\ndata:  2}\n\n"
                               "event: chunk\nid: 3\ndata: half";
    for (size_t piece = 1; piece <= sizeof(text); piece++) {
        expect_in_pieces(text, piece, "status={\"a\": 1};chunk={\n 2};", "2");
    }
}

static void carriage_returns_of_proxies_are_dropped(void **state)
{
    (void)state;
    expect_in_pieces("event: x\r\nid: 7\r\ndata:1\r\n\r\n", 100, "x=1;", "7");
}

static void an_event_without_id_keeps_the_last_one(void **state)
{
    (void)state;
    expect_in_pieces("id: 7\ndata: 1\n\ndata: 2\n\n", 100, "=1;=2;", "7");
}

static void a_cut_forgets_half_an_event(void **state)
{
    (void)state;
    struct buf seen = BUF_INIT;
    struct events events = {.fn = note, .arg = &seen};
    events_feed(&events, SLICE("id: 1\ndata: 1\n\nevent: y\nid: 2\ndata: 2\nda"));
    events_cut(&events);
    assert_slice(buf_slice(&events.last_id), "1");
    events_feed(&events, SLICE("data: 3\n\n"));
    assert_slice(buf_slice(&seen), "=1;=3;");
    assert_slice(buf_slice(&events.last_id), "1");
    events_done(&events);
    buf_done(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_read_however_they_are_cut),
        cmocka_unit_test(carriage_returns_of_proxies_are_dropped),
        cmocka_unit_test(an_event_without_id_keeps_the_last_one),
        cmocka_unit_test(a_cut_forgets_half_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
