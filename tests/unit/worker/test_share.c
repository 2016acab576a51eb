/* Who gets how many jobs of one take. */
#include "test.h"

#include "share.h"

static size_t count_of(void *const *order, size_t dealt, size_t jobs, void *poll)
{
    size_t count = 0;
    for (size_t i = 0; i < dealt && i < jobs; i++) {
        count += order[i] == poll;
    }
    return count;
}

static void a_lone_poll_gets_its_batch(void **state)
{
    (void)state;
    int a;
    void *order[8];
    struct share shares[] = {{.wanted = 5, .poll = &a}};
    assert_int_equal(share_deal(shares, 1, order, 8), 5);
    assert_int_equal(count_of(order, 5, 3, &a), 3);
}

static void a_take_is_bounded(void **state)
{
    (void)state;
    int a;
    void *order[8];
    struct share shares[] = {{.wanted = 100, .poll = &a}};
    assert_int_equal(share_deal(shares, 1, order, 8), 8);
}

static void of_several_none_gets_more_than_its_share(void **state)
{
    (void)state;
    int a, b, c;
    void *order[64];
    for (size_t jobs = 1; jobs <= 60; jobs++) {
        struct share shares[] = {
            {.wanted = 30, .since = 1, .poll = &a},
            {.wanted = 30, .since = 2, .poll = &b},
            {.wanted = 30, .since = 3, .poll = &c},
        };
        size_t dealt = share_deal(shares, 3, order, 64);
        size_t most = (jobs + 2) / 3;
        assert_true(count_of(order, dealt, jobs, &a) <= most);
        assert_true(count_of(order, dealt, jobs, &b) <= most);
        assert_true(count_of(order, dealt, jobs, &c) <= most);
    }
}

static void the_least_loaded_comes_first_then_the_longest_waiting(void **state)
{
    (void)state;
    int a, b, c;
    void *order[3];
    struct share shares[] = {
        {.held = 1, .since = 1, .wanted = 1, .poll = &a},
        {.held = 0, .since = 3, .wanted = 1, .poll = &b},
        {.held = 0, .since = 2, .wanted = 1, .poll = &c},
    };
    assert_int_equal(share_deal(shares, 3, order, 3), 3);
    assert_ptr_equal(order[0], &c);
    assert_ptr_equal(order[1], &b);
    assert_ptr_equal(order[2], &a);
}

static void nobody_hungry_gets_nothing(void **state)
{
    (void)state;
    void *order[1];
    assert_int_equal(share_deal(NULL, 0, order, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_poll_gets_its_batch),
        cmocka_unit_test(a_take_is_bounded),
        cmocka_unit_test(of_several_none_gets_more_than_its_share),
        cmocka_unit_test(the_least_loaded_comes_first_then_the_longest_waiting),
        cmocka_unit_test(nobody_hungry_gets_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
