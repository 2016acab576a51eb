/* The sorted table that follows a list. */
#include "test.h"

#include "table.h"

static int alive;

static struct table_item *create(void)
{
    alive++;
    return xcalloc(1, sizeof(struct table_item));
}

static void destroy(struct table_item *item)
{
    alive--;
    free(item);
}

static int set_up(void **state)
{
    static struct table table;
    table_init(&table, create, destroy);
    *state = &table;
    return 0;
}

static int tear_down(void **state)
{
    table_done(*state);
    return alive;
}

static void items_are_sorted_by_id(void **state)
{
    static const char *const ids[] = {"b", "a", "ab", "c", "aa", "", "b"};
    static const char *const sorted[] = {"", "a", "aa", "ab", "b", "c"};
    struct table *table = *state;
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        (void)table_list(table, slice_of(ids[i]));
    }
    assert_int_equal(table->count, COUNT_OF(sorted));
    for (size_t i = 0; i < COUNT_OF(sorted); i++) {
        assert_string_equal(table->items[i]->id, sorted[i]);
        assert_int_equal(table_index(table, slice_of(sorted[i])), i);
    }
}

static void unknown_ids_are_not_found(void **state)
{
    struct table *table = *state;
    assert_null(table_find(table, SLICE("a")));
    (void)table_list(table, SLICE("b"));
    assert_null(table_find(table, SLICE("a")));
    assert_null(table_find(table, SLICE("c")));
    assert_null(table_find(table, SLICE("bb")));
    assert_int_equal(table_index(table, SLICE("a")), table->count);
}

static void items_stay_in_place_and_unlisted_ones_go(void **state)
{
    struct table *table = *state;
    struct table_item *kept = table_list(table, SLICE("m"));
    for (char c = 'a'; c <= 'z'; c++) {
        (void)table_list(table, (struct slice){&c, 1});
    }
    assert_int_equal(table->count, 26);
    table_unlist_all(table);
    (void)table_list(table, SLICE("m"));
    (void)table_list(table, SLICE("0"));
    table_drop_unlisted(table);
    assert_int_equal(table->count, 2);
    assert_int_equal(alive, 2);
    assert_ptr_equal(table_find(table, SLICE("m")), kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(items_are_sorted_by_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unknown_ids_are_not_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(items_stay_in_place_and_unlisted_ones_go, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
