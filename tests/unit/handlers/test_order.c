/* The render job's input: defaults, and refusals that name field, value and range. */
#include "test.h"

#include "order.h"

static void assert_refused(const char *input, const char *text)
{
    struct order order = {.width = 7};
    struct buf problem = BUF_INIT;
    assert_int_equal(order_parse(slice_of(input), &order, &problem), ERR_BAD_REQUEST);
    assert_int_equal(order.width, 7);
    assert_slice(buf_slice(&problem), text);
    buf_done(&problem);
}

static void empty_input_gets_the_defaults(void **state)
{
    (void)state;
    struct order order;
    struct buf problem = BUF_INIT;
    assert_int_equal(order_parse(SLICE("{}"), &order, &problem), ERR_OK);
    assert_int_equal(order.width, 320);
    assert_int_equal(order.height, 240);
    assert_int_equal(order.samples, 32);
    assert_int_equal(order.seed, 1);
    assert_string_equal(order.scene, "spheres");
}

static void every_field_is_read(void **state)
{
    (void)state;
    struct order order;
    struct buf problem = BUF_INIT;
    struct slice input = SLICE("{\"width\":16,\"height\":2048,\"samples\":4096,"
                               "\"seed\":9007199254740991,\"scene\":\"night\"}");
    assert_int_equal(order_parse(input, &order, &problem), ERR_OK);
    assert_int_equal(order.width, 16);
    assert_int_equal(order.height, 2048);
    assert_int_equal(order.samples, 4096);
    assert_true(order.seed == UINT64_C(9007199254740991));
    assert_string_equal(order.scene, "night");
}

static void numbers_out_of_range_name_field_value_and_range(void **state)
{
    (void)state;
    assert_refused("{\"width\":15}", "width is 15: use a whole number from 16 to 2048");
    assert_refused("{\"height\":2049}", "height is 2049: use a whole number from 16 to 2048");
    assert_refused("{\"samples\":0}", "samples is 0: use a whole number from 1 to 4096");
    assert_refused("{\"seed\":-1}", "seed is -1: use a whole number from 0 to 9007199254740991");
}

static void other_types_name_field_value_and_range(void **state)
{
    (void)state;
    assert_refused("{\"width\":16.5}", "width is 16.5: use a whole number from 16 to 2048");
    assert_refused("{\"height\":\"64\"}", "height is \"64\": use a whole number from 16 to 2048");
    assert_refused("{\"samples\":null}", "samples is null: use a whole number from 1 to 4096");
    assert_refused("{\"seed\":[1]}", "seed is [1]: use a whole number from 0 to 9007199254740991");
}

static void unknown_scene_lists_the_known_ones(void **state)
{
    (void)state;
    assert_refused("{\"scene\":\"moon\"}",
                   "scene is \"moon\": use \"spheres\", \"cornell\", \"night\"");
    assert_refused("{\"scene\":3}", "scene is 3: use \"spheres\", \"cornell\", \"night\"");
}

static void unknown_and_repeated_keys_are_named(void **state)
{
    (void)state;
    assert_refused("{\"colour\":1}",
                   "colour is not a known field: use width, height, seed, samples, scene");
    assert_refused("{\"seed\":1,\"seed\":2}", "seed is given twice");
}

static void other_inputs_are_no_objects(void **state)
{
    (void)state;
    assert_refused("[1]", "input is not an object: use {\"width\": 320, ...}");
    assert_refused("null", "input is not an object: use {\"width\": 320, ...}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_input_gets_the_defaults),
        cmocka_unit_test(every_field_is_read),
        cmocka_unit_test(numbers_out_of_range_name_field_value_and_range),
        cmocka_unit_test(other_types_name_field_value_and_range),
        cmocka_unit_test(unknown_scene_lists_the_known_ones),
        cmocka_unit_test(unknown_and_repeated_keys_are_named),
        cmocka_unit_test(other_inputs_are_no_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
