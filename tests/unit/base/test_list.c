/* The intrusive list. */
#include "base/list.h"

#include "test.h"

struct item {
    struct list link;
    int number;
};

struct fixture {
    struct list head;
    struct list other;
    struct item items[4];
};

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    list_init(&f->head);
    list_init(&f->other);
    for (int i = 0; i < 4; i++) {
        list_init(&f->items[i].link);
        f->items[i].number = i;
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

/* The members' numbers as digits of one number. */
static int digits(struct list *head)
{
    int value = 0;
    list_each (at, head) {
        value = value * 10 + container_of(at, struct item, link)->number;
    }
    return value;
}

static void push_all(struct fixture *f)
{
    for (int i = 0; i < 4; i++) {
        list_push(&f->head, &f->items[i].link);
    }
}

static void a_new_list_is_empty(void **state)
{
    struct fixture *f = *state;
    assert_true(list_is_empty(&f->head));
    assert_null(list_pop(&f->head));
    assert_false(list_is_linked(&f->items[0].link));
}

static void pushing_appends_and_pushing_front_prepends(void **state)
{
    struct fixture *f = *state;
    list_push(&f->head, &f->items[2].link);
    list_push(&f->head, &f->items[3].link);
    list_push_front(&f->head, &f->items[1].link);
    assert_int_equal(digits(&f->head), 123);
    assert_true(list_is_linked(&f->items[2].link));
}

static void popping_takes_the_first(void **state)
{
    struct fixture *f = *state;
    push_all(f);
    assert_ptr_equal(list_pop(&f->head), &f->items[0].link);
    assert_false(list_is_linked(&f->items[0].link));
    assert_int_equal(digits(&f->head), 123);
}

static void unlinking_twice_is_harmless(void **state)
{
    struct fixture *f = *state;
    push_all(f);
    list_unlink(&f->items[2].link);
    list_unlink(&f->items[2].link);
    assert_int_equal(digits(&f->head), 13);
}

static void the_current_member_may_be_unlinked_while_walking(void **state)
{
    struct fixture *f = *state;
    push_all(f);
    int seen = 0;
    list_each_safe (at, &f->head) {
        list_unlink(at);
        seen++;
    }
    assert_int_equal(seen, 4);
    assert_true(list_is_empty(&f->head));
}

static void splicing_moves_all_to_the_end(void **state)
{
    struct fixture *f = *state;
    list_push(&f->head, &f->items[1].link);
    list_push(&f->other, &f->items[2].link);
    list_push(&f->other, &f->items[3].link);
    list_splice(&f->head, &f->other);
    assert_int_equal(digits(&f->head), 123);
    assert_true(list_is_empty(&f->other));
    list_splice(&f->head, &f->other);
    assert_int_equal(digits(&f->head), 123);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_list_is_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pushing_appends_and_pushing_front_prepends, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(popping_takes_the_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unlinking_twice_is_harmless, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_current_member_may_be_unlinked_while_walking, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(splicing_moves_all_to_the_end, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
