/* Taking turns: one at a time, in order, whoever goes meanwhile. */
#include "test.h"

#include "net/turns.h"

struct member {
    struct turn turn;
    int number;
    struct rig *rig;
};

struct rig {
    struct loop *loop;
    struct turns turns;
    struct member members[4];
    int order[8]; /* numbers of those who got the turn */
    int count;
};

static int setup(void **state)
{
    struct rig *rig = xcalloc(1, sizeof(*rig));
    rig->loop = loop_new();
    turns_init(&rig->turns, rig->loop);
    for (int i = 0; i < 4; i++) {
        turn_init(&rig->members[i].turn);
        rig->members[i].number = i;
        rig->members[i].rig = rig;
    }
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    turns_done(&rig->turns);
    loop_free(rig->loop);
    free(rig);
    return 0;
}

static void note(struct turn *turn)
{
    struct member *member = container_of(turn, struct member, turn);
    member->rig->order[member->rig->count++] = member->number;
}

static void note_and_leave(struct turn *turn)
{
    note(turn);
    turn_leave(turn);
}

static void all_join(struct rig *rig, turn_fn fn)
{
    for (int i = 0; i < 4; i++) {
        turn_join(&rig->turns, &rig->members[i].turn, fn);
    }
}

static void all_leave(struct rig *rig)
{
    for (int i = 3; i >= 0; i--) {
        turn_leave(&rig->members[i].turn);
    }
}

static void assert_order(const struct rig *rig, const int *order, int count)
{
    assert_int_equal(rig->count, count);
    assert_memory_equal(rig->order, order, (size_t)count * sizeof(*order));
}

static void nobody_is_called_from_inside_join(void **state)
{
    struct rig *rig = *state;
    all_join(rig, note);
    assert_int_equal(rig->count, 0);
    all_leave(rig);
    loop_run(rig->loop);
    assert_int_equal(rig->count, 0);
}

static void one_has_the_turn_until_it_leaves(void **state)
{
    struct rig *rig = *state;
    all_join(rig, note);
    loop_run(rig->loop);
    assert_order(rig, (const int[]){0}, 1);
    turn_leave(&rig->members[0].turn);
    loop_run(rig->loop);
    assert_order(rig, (const int[]){0, 1}, 2);
    all_leave(rig);
}

static void turns_come_in_order(void **state)
{
    struct rig *rig = *state;
    all_join(rig, note_and_leave);
    loop_run(rig->loop);
    assert_order(rig, (const int[]){0, 1, 2, 3}, 4);
}

static void who_leaves_while_it_waits_is_passed_over(void **state)
{
    struct rig *rig = *state;
    all_join(rig, note);
    turn_leave(&rig->members[1].turn);
    loop_run(rig->loop);
    turn_leave(&rig->members[0].turn);
    loop_run(rig->loop);
    assert_order(rig, (const int[]){0, 2}, 2);
    all_leave(rig);
}

static void who_joins_twice_has_one_place(void **state)
{
    struct rig *rig = *state;
    all_join(rig, note);
    all_join(rig, note);
    loop_run(rig->loop);
    all_join(rig, note);
    for (int i = 0; i < 4; i++) {
        turn_leave(&rig->members[i].turn);
        loop_run(rig->loop);
    }
    assert_order(rig, (const int[]){0, 1, 2, 3}, 4);
}

static void who_joins_again_waits_behind_the_others(void **state)
{
    struct rig *rig = *state;
    all_join(rig, note);
    loop_run(rig->loop);
    turn_leave(&rig->members[0].turn);
    turn_join(&rig->turns, &rig->members[0].turn, note_and_leave);
    for (int i = 1; i < 4; i++) {
        loop_run(rig->loop);
        turn_leave(&rig->members[i].turn);
    }
    loop_run(rig->loop);
    assert_order(rig, (const int[]){0, 1, 2, 3, 0}, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_is_called_from_inside_join),
        TEST(one_has_the_turn_until_it_leaves),
        TEST(turns_come_in_order),
        TEST(who_leaves_while_it_waits_is_passed_over),
        TEST(who_joins_twice_has_one_place),
        TEST(who_joins_again_waits_behind_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
