/* The last output of a process, and making it clean for people. */
#include "test.h"

#include "ring.h"

struct fixture {
    struct ring ring;
    struct buf out;
};

static int setup(void **state)
{
    *state = xcalloc(1, sizeof(struct fixture));
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    ring_done(&fixture->ring);
    buf_done(&fixture->out);
    free(fixture);
    return 0;
}

static void put(struct fixture *fixture, const char *text)
{
    ring_put(&fixture->ring, slice_of(text));
}

static void an_empty_ring_has_no_tail(void **state)
{
    struct fixture *fixture = *state;
    ring_tail(&fixture->ring, 5, 100, &fixture->out);
    assert_int_equal(fixture->out.len, 0);
}

static void the_tail_is_the_last_lines(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "one\ntwo\nthree\nfo");
    put(fixture, "ur\n\n");
    ring_tail(&fixture->ring, 2, 100, &fixture->out);
    assert_slice(buf_slice(&fixture->out), "three\nfour");
}

static void the_tail_is_bounded_in_bytes(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "abcdefghij");
    ring_tail(&fixture->ring, 2, 4, &fixture->out);
    assert_slice(buf_slice(&fixture->out), "ghij");
}

static void a_line_that_does_not_fit_is_left_out(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "abcdefghij\nklm\nno\n");
    ring_tail(&fixture->ring, 3, 9, &fixture->out);
    assert_slice(buf_slice(&fixture->out), "klm\nno");
}

static void only_the_newest_bytes_stay(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < RING_SIZE / 8 + 1000; i++) {
        put(fixture, "1234567\n");
    }
    put(fixture, "last\n");
    ring_tail(&fixture->ring, 2, RING_SIZE * 2, &fixture->out);
    assert_slice(buf_slice(&fixture->out), "1234567\nlast");
    buf_clear(&fixture->out);
    ring_tail(&fixture->ring, SIZE_MAX, RING_SIZE * 2, &fixture->out);
    assert_int_equal(fixture->out.len, RING_SIZE - 1);
}

static void one_write_longer_than_the_ring_is_cut(void **state)
{
    struct fixture *fixture = *state;
    size_t len = RING_SIZE * 2 + 3;
    char *text = xmalloc(len);
    memset(text, 'x', len);
    text[len - 1] = 'y';
    ring_put(&fixture->ring, (struct slice){text, len});
    free(text);
    ring_tail(&fixture->ring, 1, 3, &fixture->out);
    assert_slice(buf_slice(&fixture->out), "xxy");
}

static void what_is_not_clean_becomes_a_question_mark(void **state)
{
    struct fixture *fixture = *state;
    text_clean(SLICE("a\x1b[1m\xff\xc3\xa9\xc3\xed\xa0\x80\t\n"), &fixture->out);
    assert_slice(buf_slice(&fixture->out), "a?[1m?\xc3\xa9????\t\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_ring_has_no_tail, setup, teardown),
        cmocka_unit_test_setup_teardown(the_tail_is_the_last_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(the_tail_is_bounded_in_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_that_does_not_fit_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_newest_bytes_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(one_write_longer_than_the_ring_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_clean_becomes_a_question_mark, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
