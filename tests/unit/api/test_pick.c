/* Which worker a request of a load-balancing endpoint goes to. */
#include "test.h"

#include "pick.h"
#include "route.h"

#define READY(name, load, when)                                                      \
    {                                                                                \
        .worker = SLICE(name), .in_flight = (load), .turn = (when), .is_ready = true \
    }

static enum pick_outcome pick_for(const struct candidate *candidates, size_t count,
                                  const char *header, size_t *ret_index)
{
    struct affinity affinity = affinity_read(slice_of(header));
    return pick(candidates, count, &affinity, ret_index);
}

static void the_header_names_a_worker(void **state)
{
    (void)state;
    static const struct {
        const char *header, *worker;
        bool is_strict;
    } cases[] = {
        {"", "", false},          {"a-1", "a-1", false},
        {" a-1 ", "a-1", false},  {"strict a", "a", true},
        {"strict  a", "a", true}, {"strict-resume a", "a", true},
        {"strict", "", false},    {"strictly a", "strictly", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct affinity affinity = affinity_read(slice_of(cases[i].header));
        assert_slice(affinity.worker, cases[i].worker);
        assert_int_equal(affinity.is_strict, cases[i].is_strict);
    }
}

static void the_least_loaded_ready_one_is_picked(void **state)
{
    (void)state;
    const struct candidate some[] = {
        READY("a", 2, 0), {.worker = SLICE("b"), .in_flight = 0},
        READY("c", 1, 0), {.worker = SLICE("d"), .is_ready = true, .is_gone = true},
        READY("e", 1, 0),
    };
    size_t index = 99;
    assert_int_equal(pick_for(some, COUNT_OF(some), "", &index), PICK_FOUND);
    assert_int_equal(index, 2);
}

static void equal_ones_take_turns(void **state)
{
    (void)state;
    const struct candidate some[] = {READY("a", 1, 7), READY("b", 1, 5), READY("c", 1, 6)};
    size_t index = 99;
    assert_int_equal(pick_for(some, COUNT_OF(some), "", &index), PICK_FOUND);
    assert_int_equal(index, 1);
}

static void a_wish_is_a_wish_and_strict_is_strict(void **state)
{
    (void)state;
    const struct candidate some[] = {READY("a", 0, 0),
                                     READY("b", 9, 0),
                                     {.worker = SLICE("c")},
                                     {.worker = SLICE("d"), .is_ready = true, .is_gone = true}};
    size_t index = 99;
    assert_int_equal(pick_for(some, COUNT_OF(some), "b", &index), PICK_FOUND);
    assert_int_equal(index, 1);
    assert_int_equal(pick_for(some, COUNT_OF(some), "c", &index), PICK_FOUND);
    assert_int_equal(index, 0);
    assert_int_equal(pick_for(some, COUNT_OF(some), "x", &index), PICK_FOUND);
    assert_int_equal(index, 0);
    assert_int_equal(pick_for(some, COUNT_OF(some), "strict b", &index), PICK_FOUND);
    assert_int_equal(index, 1);
    assert_int_equal(pick_for(some, COUNT_OF(some), "strict c", &index), PICK_WAIT);
    assert_int_equal(pick_for(some, COUNT_OF(some), "strict d", &index), PICK_GONE);
    assert_int_equal(pick_for(some, COUNT_OF(some), "strict x", &index), PICK_GONE);
}

static void without_a_ready_one_it_waits(void **state)
{
    (void)state;
    const struct candidate some[] = {{.worker = SLICE("a")}};
    size_t index = 99;
    assert_int_equal(pick_for(some, 1, "", &index), PICK_WAIT);
    assert_int_equal(pick_for(some, 0, "", &index), PICK_WAIT);
}

static void everything_below_an_endpoint_is_routed(void **state)
{
    (void)state;
    struct route_match match;
    assert_int_equal(route_find(HTTP_GET, SLICE("/lb/ep"), &match), ERR_OK);
    assert_int_equal(route_find(HTTP_OPTIONS, SLICE("/lb/ep/a/b/c"), &match), ERR_OK);
    assert_slice(match.ep, "ep");
    assert_int_equal(route_find(HTTP_OTHER, SLICE("/lb/ep/a"), &match), ERR_METHOD_NOT_ALLOWED);
    assert_int_equal(route_find(HTTP_GET, SLICE("/lb"), &match), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_names_a_worker),
        cmocka_unit_test(the_least_loaded_ready_one_is_picked),
        cmocka_unit_test(equal_ones_take_turns),
        cmocka_unit_test(a_wish_is_a_wish_and_strict_is_strict),
        cmocka_unit_test(without_a_ready_one_it_waits),
        cmocka_unit_test(everything_below_an_endpoint_is_routed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
