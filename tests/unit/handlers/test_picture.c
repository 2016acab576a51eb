/* Pictures: the same for the same seed on any number of threads, readable as PNG, stopped early
 * when cancelled; and Base64. */
#include "test.h"

#include <png.h>
#include <stdatomic.h>

#include "base/base64.h"
#include "device.h"
#include "image.h"

#define WIDTH 48
#define HEIGHT 32
#define SIZE ((size_t)WIDTH * HEIGHT * 3)

struct stopper {
    atomic_uint asked;
    unsigned stop_after; /* 0: never */
};

static bool on_tick(void *arg, uint64_t pixels_done)
{
    (void)arg;
    (void)pixels_done;
    return false;
}

static bool on_ask(void *arg)
{
    struct stopper *stopper = arg;
    unsigned asked = atomic_fetch_add(&stopper->asked, 1) + 1;
    return stopper->stop_after > 0 && asked > stopper->stop_after;
}

static enum render_end draw(const char *name, uint64_t seed, unsigned threads,
                            struct stopper *stopper, uint8_t rgb[SIZE])
{
    struct scene scene;
    scene_build(&scene, name, seed);
    struct plan plan = {.scene = &scene,
                        .frame = {WIDTH, HEIGHT, 4, (uint32_t)seed, (uint32_t)(seed >> 32)},
                        .tick = on_tick,
                        .is_stopped = on_ask,
                        .arg = stopper};
    return cpu_render(&plan, threads, rgb);
}

static void same_seed_gives_the_same_bytes_on_any_number_of_threads(void **state)
{
    (void)state;
    for (const char *const *name = scene_names(); *name != NULL; name++) {
        uint8_t first[SIZE];
        uint8_t second[SIZE];
        struct stopper stopper = {0};
        assert_int_equal(draw(*name, 7, 1, &stopper, first), RENDER_DONE);
        assert_int_equal(draw(*name, 7, 3, &stopper, second), RENDER_DONE);
        assert_memory_equal(first, second, SIZE);
    }
}

static void another_seed_gives_another_picture(void **state)
{
    (void)state;
    uint8_t first[SIZE];
    uint8_t second[SIZE];
    uint8_t third[SIZE];
    struct stopper stopper = {0};
    draw("spheres", 7, 2, &stopper, first);
    draw("spheres", 8, 2, &stopper, second);
    draw("spheres", 7 + (UINT64_C(1) << 40), 2, &stopper, third);
    assert_memory_not_equal(first, second, SIZE);
    assert_memory_not_equal(first, third, SIZE);
}

static void every_scene_shows_something(void **state)
{
    (void)state;
    for (const char *const *name = scene_names(); *name != NULL; name++) {
        uint8_t rgb[SIZE];
        struct stopper stopper = {0};
        draw(*name, 1, 2, &stopper, rgb);
        unsigned dark = 0;
        unsigned bright = 0;
        for (size_t i = 0; i < SIZE; i++) {
            dark += rgb[i] < 100;
            bright += rgb[i] > 160;
        }
        assert_true(dark > SIZE / 100);
        assert_true(bright > SIZE / 100);
    }
}

static void cancelled_picture_stops_early(void **state)
{
    (void)state;
    uint8_t rgb[SIZE];
    struct stopper stopper = {.stop_after = 20};
    assert_int_equal(draw("spheres", 1, 2, &stopper, rgb), RENDER_STOPPED);
    assert_true(atomic_load(&stopper.asked) <= 24);
}

static void png_decodes_to_the_same_pixels(void **state)
{
    (void)state;
    uint8_t rgb[SIZE];
    uint8_t back[SIZE];
    struct stopper stopper = {0};
    draw("cornell", 1, 2, &stopper, rgb);
    struct buf png = BUF_INIT;
    assert_int_equal(image_put_png(&png, rgb, WIDTH, HEIGHT), ERR_OK);
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_memory(&image, png.ptr, png.len));
    assert_int_equal(image.width, WIDTH);
    assert_int_equal(image.height, HEIGHT);
    image.format = PNG_FORMAT_RGB;
    assert_true(png_image_finish_read(&image, NULL, back, 0, NULL));
    assert_memory_equal(rgb, back, SIZE);
    buf_done(&png);
}

static void assert_base64(const char *bytes, const char *text)
{
    struct buf out = BUF_INIT;
    assert_int_equal(base64_put(&out, bytes, strlen(bytes)), ERR_OK);
    assert_slice(buf_slice(&out), text);
    buf_done(&out);
}

static void base64_follows_the_rfc(void **state)
{
    (void)state;
    assert_base64("", "");
    assert_base64("f", "Zg==");
    assert_base64("fo", "Zm8=");
    assert_base64("foo", "Zm9v");
    assert_base64("foobar", "Zm9vYmFy");
    assert_base64("\xff\xfe\xfd", "//79");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_gives_the_same_bytes_on_any_number_of_threads),
        cmocka_unit_test(another_seed_gives_another_picture),
        cmocka_unit_test(every_scene_shows_something),
        cmocka_unit_test(cancelled_picture_stops_early),
        cmocka_unit_test(png_decodes_to_the_same_pixels),
        cmocka_unit_test(base64_follows_the_rfc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
