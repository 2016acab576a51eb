/* The hash map: what is put is found, what is deleted is gone, at any size. */
#include "base/map.h"

#include <stdio.h>

#include "base/list.h"
#include "test.h"

struct item {
    struct map_node node;
    char key[16];
    int seen;
};

#define ITEM_COUNT 5000

struct fixture {
    struct map map;
    struct item items[ITEM_COUNT];
};

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    map_init(&f->map);
    for (int i = 0; i < ITEM_COUNT; i++) {
        (void)snprintf(f->items[i].key, sizeof(f->items[i].key), "key-%d", i);
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    map_done(&f->map);
    free(f);
    return 0;
}

static void put_all(struct fixture *f)
{
    for (int i = 0; i < ITEM_COUNT; i++) {
        map_put(&f->map, &f->items[i].node, slice_of(f->items[i].key));
    }
}

static struct item *get(struct fixture *f, const char *key)
{
    struct map_node *node = map_get(&f->map, slice_of(key));
    return node ? container_of(node, struct item, node) : NULL;
}

static void an_empty_map_finds_nothing(void **state)
{
    struct fixture *f = *state;
    assert_null(get(f, "key-1"));
    assert_null(map_next(&f->map, NULL));
}

static void every_member_is_found_under_its_key(void **state)
{
    struct fixture *f = *state;
    put_all(f);
    assert_int_equal(f->map.count, ITEM_COUNT);
    for (int i = 0; i < ITEM_COUNT; i++) {
        assert_ptr_equal(get(f, f->items[i].key), &f->items[i]);
    }
    assert_null(get(f, "key-5000"));
    assert_null(get(f, "key"));
    assert_null(get(f, ""));
}

static void keys_are_bytes_not_text(void **state)
{
    struct fixture *f = *state;
    map_put(&f->map, &f->items[0].node, SLICE("a\0b"));
    map_put(&f->map, &f->items[1].node, SLICE("a\0c"));
    map_put(&f->map, &f->items[2].node, SLICE_NONE);
    assert_ptr_equal(map_get(&f->map, SLICE("a\0c")), &f->items[1].node);
    assert_ptr_equal(map_get(&f->map, SLICE("")), &f->items[2].node);
    assert_null(map_get(&f->map, SLICE("a")));
}

static void a_deleted_member_is_gone_and_the_others_stay(void **state)
{
    struct fixture *f = *state;
    put_all(f);
    for (int i = 0; i < ITEM_COUNT; i += 2) {
        map_del(&f->map, &f->items[i].node);
    }
    assert_int_equal(f->map.count, ITEM_COUNT / 2);
    for (int i = 0; i < ITEM_COUNT; i++) {
        assert_ptr_equal(get(f, f->items[i].key), i % 2 ? &f->items[i] : NULL);
    }
}

static void a_deleted_member_may_be_put_again(void **state)
{
    struct fixture *f = *state;
    map_put(&f->map, &f->items[0].node, SLICE("a"));
    map_del(&f->map, &f->items[0].node);
    map_put(&f->map, &f->items[0].node, SLICE("b"));
    assert_null(get(f, "a"));
    assert_ptr_equal(get(f, "b"), &f->items[0]);
}

static void iteration_meets_each_member_once(void **state)
{
    struct fixture *f = *state;
    put_all(f);
    for (struct map_node *at = map_next(&f->map, NULL); at != NULL; at = map_next(&f->map, at)) {
        container_of(at, struct item, node)->seen++;
    }
    for (int i = 0; i < ITEM_COUNT; i++) {
        assert_int_equal(f->items[i].seen, 1);
    }
}

static void members_may_be_removed_while_walking(void **state)
{
    struct fixture *f = *state;
    put_all(f);
    struct map_node *at = map_next(&f->map, NULL);
    while (at != NULL) {
        struct map_node *next = map_next(&f->map, at);
        map_del(&f->map, at);
        at = next;
    }
    assert_int_equal(f->map.count, 0);
    assert_null(map_next(&f->map, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_map_finds_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_member_is_found_under_its_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_are_bytes_not_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deleted_member_is_gone_and_the_others_stay, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_deleted_member_may_be_put_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(iteration_meets_each_member_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(members_may_be_removed_while_walking, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
