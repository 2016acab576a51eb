/* The ledger of cards: none is given twice. */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpu/source.h"

static char path[] = "/tmp/test-gpu-XXXXXX";

static void write_text(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    (void)fclose(file);
}

static void set_time(time_t seconds) /* writes within one tick of the clock look alike */
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
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
    AUTO(buf_done) struct buf out = BUF_INIT;
    write_text("GPU-a NVIDIA H100 81559 driver=580.1 cuda=13.0\n\n"
               "MIG-b A100 MIG 1g.5gb 4864 parent=GPU-c capability=8.0\n");
    struct gpu_source *source = source_file(&gpus, path, &out);
    assert_non_null(source);
    source_close(source);
    gpus_put_json(&gpus, &out);
    assert_slice(buf_slice(&out),
                 "[{\"uuid\":\"GPU-a\",\"name\":\"NVIDIA H100\",\"memory\":85520809984,"
                 "\"state\":\"checking\"},{\"uuid\":\"MIG-b\",\"name\":\"A100 MIG 1g.5gb\","
                 "\"memory\":5100273664,\"capability\":\"8.0\",\"sliceOf\":\"GPU-c\","
                 "\"state\":\"checking\"}]");
    assert_string_equal(gpus.driver, "580.1");
    assert_string_equal(gpus.cuda, "13.0");
}

static void names_the_line_that_is_no_card(void **state)
{
    (void)state;
    static struct gpus gpus;
    static const char *const lines[] = {"GPU-a big", "GPU-a 5", "GPU-a X 5 held=many",
                                        "GPU-a X 5 color=red"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        AUTO(buf_done) struct buf problem = BUF_INIT;
        AUTO_STR expected = xasprintf("'%s' is no card", lines[i]);
        write_text(lines[i]);
        assert_null(source_file(&gpus, path, &problem));
        assert_true(slice_starts(buf_slice(&problem), slice_of(expected)));
    }
}

static void reads_the_file_again_when_it_has_changed(void **state)
{
    (void)state;
    static struct gpus gpus;
    struct gpu_reading readings[2];
    AUTO(buf_done) struct buf problem = BUF_INIT;
    write_text("GPU-a X 5\nGPU-b X 5 xid=13\n");
    struct gpu_source *source = source_file(&gpus, path, &problem);
    assert_non_null(source);
    source->look(source, readings, 2);
    assert_int_equal(readings[1].xid, 13);
    source->look(source, readings, 2);
    assert_int_equal(readings[1].xid, 0);
    write_text("GPU-b X 5 xid=79 held=3 processes=1 ecc=2\n");
    set_time(1000);
    source->look(source, readings, 2);
    assert_true(readings[0].is_lost);
    assert_int_equal(readings[1].xid, 79);
    assert_int_equal(readings[1].held, 3 << 20);
    assert_int_equal(readings[1].processes, 1);
    assert_int_equal(readings[1].ecc, 2);
    write_text("half a line");
    set_time(2000);
    source->look(source, readings, 2);
    assert_int_equal(readings[1].ecc, 2);
    source_close(source);
}

static void make_well(struct gpus *gpus)
{
    for (size_t i = 0; i < gpus->count; i++) {
        gpus->items[i].health.is_checked = true;
    }
}

static void a_card_is_never_given_twice(void **state)
{
    (void)state;
    static struct gpus gpus = {.count = 3, .items = {{.uuid = "a"}, {.uuid = "b"}, {.uuid = "c"}}};
    make_well(&gpus);
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
    make_well(&gpus);
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

static void cards_are_told_by_their_types(void **state)
{
    (void)state;
    static const struct gpus gpus = {.count = 3, .items = {{.name = "A"}, {.name = "B"}}};
    char a[] = "a", b[] = "B", c[] = "C";
    char *both[] = {c, b, a, NULL}, *one[] = {a, NULL}, *none[] = {NULL};
    const int cards[] = {0, 1};
    assert_true(gpus_are_of(&gpus, cards, 2, both));
    assert_true(gpus_are_of(&gpus, cards, 1, one));
    assert_false(gpus_are_of(&gpus, cards, 2, one));
    assert_true(gpus_are_of(&gpus, cards, 2, none));
    assert_true(gpus_are_of(&gpus, cards, 2, NULL));
    assert_true(gpus_are_of(&gpus, NULL, 0, one));
}

static void only_cards_that_are_well_are_given(void **state)
{
    (void)state;
    static struct gpus gpus = {.count = 5, .items = {{.name = "A"}}};
    int card;
    make_well(&gpus);
    gpus.items[0].health.is_checked = false;
    gpus.items[1].health.trouble = HEALTH_XID;
    gpus.items[2].health.is_settling = true;
    gpus.items[3].is_checking = true;
    assert_true(gpus_give(&gpus, 1, NULL, &card));
    assert_int_equal(card, 4);
    assert_false(gpus_give(&gpus, 1, NULL, &card));
    assert_string_equal(gpu_state(&gpus.items[0]), "checking");
    assert_string_equal(gpu_state(&gpus.items[1]), "out");
    assert_string_equal(gpu_state(&gpus.items[2]), "free");
    assert_string_equal(gpu_state(&gpus.items[4]), "given");
}

static void slices_are_given_singly(void **state)
{
    (void)state;
    static struct gpus gpus = {.count = 2, .items = {{.uuid = "MIG-1"}, {.uuid = "MIG-2"}}};
    int cards[2];
    make_well(&gpus);
    assert_false(gpus_give(&gpus, 2, NULL, cards));
    assert_true(gpus_give(&gpus, 1, NULL, cards));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_cards_from_a_file),
        cmocka_unit_test(names_the_line_that_is_no_card),
        cmocka_unit_test(reads_the_file_again_when_it_has_changed),
        cmocka_unit_test(only_cards_that_are_well_are_given),
        cmocka_unit_test(slices_are_given_singly),
        cmocka_unit_test(a_card_is_never_given_twice),
        cmocka_unit_test(cards_of_one_type_in_the_wanted_order),
        cmocka_unit_test(cards_are_told_by_their_types),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
