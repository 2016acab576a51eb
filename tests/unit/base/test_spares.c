/* Objects that are used again. */
#include "base/spares.h"

#include "base/alloc.h"
#include "test.h"

struct thing {
    char bytes[100];
};

static void assert_zero(const struct thing *thing)
{
    for (size_t i = 0; i < sizeof(thing->bytes); i++) {
        assert_int_equal(thing->bytes[i], 0);
    }
}

static void each_one_is_zeroed_however_it_was_left(void **state)
{
    (void)state;
    struct spares spares = SPARES_OF(struct thing);
    enum { COUNT = 600 }; /* more than are kept */
    struct thing *things[COUNT];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            things[i] = spares_take(&spares);
            assert_zero(things[i]);
            memset(things[i], 0xaa, sizeof(*things[i]));
        }
        for (size_t i = 0; i < COUNT; i++) {
            for (size_t k = 0; k < sizeof(things[i]->bytes); k++) { /* nobody else's */
                assert_int_equal((unsigned char)things[i]->bytes[k], 0xaa);
            }
            spares_give(&spares, things[i]);
        }
    }
    spares_done(&spares);
    spares_done(&spares);
}

static void nothing_can_be_given_back(void **state)
{
    (void)state;
    struct spares spares = SPARES_OF(struct thing);
    spares_give(&spares, NULL);
    struct thing *thing = spares_take(&spares);
    assert_zero(thing);
    spares_give(&spares, thing);
    spares_done(&spares);
}

struct owner {
    struct owner *next; /* of spares */
    char *memory;
};

static size_t ended;

static void end_owner(void *object)
{
    free(((struct owner *)object)->memory);
    ended++;
}

/* Sanitized builds end each at once: either way each that was made ends once. */
static void what_objects_own_is_kept_with_them_and_freed_at_last(void **state)
{
    (void)state;
    enum { COUNT = 600 }; /* more than are kept */
    struct spares spares = SPARES_KEEPING(struct owner, end_owner);
    static struct owner *owners[COUNT];
    size_t made = 0;
    ended = 0;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            owners[i] = spares_take(&spares);
            if (owners[i]->memory == NULL) {
                owners[i]->memory = xcalloc(1, 100);
                made++;
            }
        }
        for (size_t i = 0; i < COUNT; i++) {
            owners[i]->memory[99] = 1;
            spares_give(&spares, owners[i]);
        }
    }
    spares_done(&spares);
    assert_int_equal(ended, made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_one_is_zeroed_however_it_was_left),
        cmocka_unit_test(nothing_can_be_given_back),
        cmocka_unit_test(what_objects_own_is_kept_with_them_and_freed_at_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
