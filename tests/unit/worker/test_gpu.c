/* The ledger of cards: none is given twice. */
#include "test.h"

#include <stdio.h>
#include <unistd.h>

#include "gpu/gpu.h"

static char path[] = "/tmp/test-gpu-XXXXXX";

static enum err read_text(const char *text, struct gpus *gpus, struct buf *problem)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    (void)fclose(file);
    return gpus_read_file(gpus, path, problem);
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 || close(fd) != 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void reads_cards_from_a_file(void **state)
{
    (void)state;
    static struct gpus gpus;
    gpus.count = 0;
    AUTO(buf_done) struct buf out = BUF_INIT;
    assert_int_equal(read_text("GPU-a NVIDIA H100 81559\n\nGPU-b T4 15360\n", &gpus, &out), ERR_OK);
    gpus_put_json(&gpus, &out);
    assert_slice(buf_slice(&out), "[{\"uuid\":\"GPU-a\",\"name\":\"NVIDIA H100\",\"memory\":"
                                  "85520809984},{\"uuid\":\"GPU-b\",\"name\":\"T4\",\"memory\":"
                                  "16106127360}]");
}

static void names_the_line_that_is_no_card(void **state)
{
    (void)state;
    static struct gpus gpus;
    gpus.count = 0;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    assert_int_equal(read_text("GPU-a big\n", &gpus, &problem), ERR_BAD_REQUEST);
    assert_true(slice_starts(buf_slice(&problem), SLICE("'GPU-a big' is no card")));
}

static void a_card_is_never_given_twice(void **state)
{
    (void)state;
    static struct gpus gpus = {.count = 3, .items = {{.uuid = "a"}, {.uuid = "b"}, {.uuid = "c"}}};
    int first[2], second[2];
    AUTO(buf_done) struct buf out = BUF_INIT;
    assert_true(gpus_give(&gpus, 2, NULL, first));
    assert_false(gpus_give(&gpus, 2, NULL, second));
    assert_true(gpus_give(&gpus, 1, NULL, second));
    gpus_take_back(&gpus, first, 2);
    assert_true(gpus_give(&gpus, 2, NULL, first));
    gpus_put_uuids(&gpus, first, 2, &out);
    assert_slice(buf_slice(&out), "a,b");
}

static void cards_of_one_type_in_the_wanted_order(void **state)
{
    (void)state;
    static struct gpus gpus = {
        .count = 4, .items = {{.name = "A"}, {.name = "B"}, {.name = "B"}, {.name = "A"}}};
    char a[] = "a", b[] = "B", c[] = "C";
    char *both[] = {c, b, a, NULL}, *none[] = {c, NULL};
    int cards[2];
    assert_false(gpus_give(&gpus, 1, none, cards));
    assert_true(gpus_give(&gpus, 2, both, cards));
    assert_true(cards[0] == 1 && cards[1] == 2);
    assert_true(gpus_give(&gpus, 1, both, cards));
    assert_int_equal(cards[0], 0);
    assert_false(gpus_give(&gpus, 2, NULL, cards)); /* one A is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_cards_from_a_file),
        cmocka_unit_test(names_the_line_that_is_no_card),
        cmocka_unit_test(a_card_is_never_given_twice),
        cmocka_unit_test(cards_of_one_type_in_the_wanted_order),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
