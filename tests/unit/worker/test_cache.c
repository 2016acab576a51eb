/* What the machine has at hand: each once, the latest first, never more than fit. */
#include "test.h"

#include <stdio.h>

#include "cache.h"

static int make_cache(void **state)
{
    static struct cache cache;
    *state = &cache;
    return 0;
}

static int free_cache(void **state)
{
    cache_done(*state);
    return 0;
}

static void assert_json(const struct cache *cache, const char *text)
{
    AUTO(buf_done) struct buf out = BUF_INIT;
    cache_put_json(cache, &out);
    assert_slice(buf_slice(&out), text);
}

static void keeps_each_once_and_the_latest_first(void **state)
{
    struct cache *cache = *state;
    assert_json(cache, "[]");
    assert_true(cache_add(cache, CACHE_ENDPOINT, SLICE("echo@3")));
    assert_true(cache_add(cache, CACHE_IMAGE, SLICE("reg/a:1")));
    assert_json(cache, "[\"image:reg/a:1\",\"endpoint:echo@3\"]");
    assert_false(cache_add(cache, CACHE_ENDPOINT, SLICE("echo@3")));
    assert_json(cache, "[\"endpoint:echo@3\",\"image:reg/a:1\"]");
    assert_true(cache_drop(cache, CACHE_IMAGE, SLICE("reg/a:1")));
    assert_false(cache_drop(cache, CACHE_IMAGE, SLICE("reg/a:1")));
    assert_json(cache, "[\"endpoint:echo@3\"]");
}

static void the_oldest_gives_way(void **state)
{
    struct cache *cache = *state;
    for (int i = 0; i < CACHE_MAX + 1; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "i%d", i);
        assert_true(cache_add(cache, CACHE_IMAGE, slice_of(name)));
    }
    assert_false(cache_drop(cache, CACHE_IMAGE, SLICE("i0")));
    assert_true(cache_drop(cache, CACHE_IMAGE, SLICE("i1")));
    assert_true(cache_drop(cache, CACHE_IMAGE, SLICE("i64")));
}

static void a_new_release_takes_the_place_of_the_old(void **state)
{
    struct cache *cache = *state;
    cache_add(cache, CACHE_ENDPOINT, SLICE("a@1"));
    cache_add(cache, CACHE_ENDPOINT, SLICE("ab@1"));
    cache_add(cache, CACHE_IMAGE, SLICE("a@sha256:1"));
    cache_add(cache, CACHE_IMAGE, SLICE("a@sha256:2"));
    assert_true(cache_add(cache, CACHE_ENDPOINT, SLICE("a@2")));
    assert_json(cache, "[\"endpoint:a@2\",\"image:a@sha256:2\",\"image:a@sha256:1\","
                       "\"endpoint:ab@1\"]");
}

static void refuses_names_that_are_none(void **state)
{
    struct cache *cache = *state;
    char longer[CACHE_ENTRY_MAX];
    memset(longer, 'x', sizeof(longer));
    assert_false(cache_add(cache, CACHE_IMAGE, SLICE("")));
    assert_false(cache_add(cache, CACHE_IMAGE, (struct slice){longer, sizeof(longer)}));
    assert_false(cache_add(cache, CACHE_IMAGE, SLICE("a\xff")));
    assert_json(cache, "[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_each_once_and_the_latest_first, make_cache,
                                        free_cache),
        cmocka_unit_test_setup_teardown(the_oldest_gives_way, make_cache, free_cache),
        cmocka_unit_test_setup_teardown(a_new_release_takes_the_place_of_the_old, make_cache,
                                        free_cache),
        cmocka_unit_test_setup_teardown(refuses_names_that_are_none, make_cache, free_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
