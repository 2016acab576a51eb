/* Hash slots, and what nodes say about them: also nodes that lie. */
#include "test.h"

#include <hiredis/hiredis.h>

#include "queue/store_slots.h"

static const struct store_address asked = {"10.0.0.9", 7009};

static enum err read_map(const char *resp, struct slot_map **ret_map)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();
    assert_int_equal(redisReaderFeed(reader, resp, strlen(resp)), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    enum err err = slot_map_read(reply, &asked, ret_map);
    freeReplyObject(reply);
    redisReaderFree(reader);
    return err;
}

static void slots_are_those_of_redis(void **state)
{
    (void)state;
    /* as CLUSTER KEYSLOT of Redis 7 answers */
    static const struct {
        const char *key;
        int slot;
    } known[] = {
        {"", 0},
        {"foo", 12182},
        {"123456789", 12739},
        {"{foo}bar", 12182},
        {"mr:{foo}:", 12182},
        {"a{}b", 13694},
        {"a{b", 13340},
        {"{{a}}", 10276},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        assert_int_equal(slot_of(slice_of(known[i].key)), known[i].slot);
    }
}

static void a_map_is_read(void **state)
{
    (void)state;
    AUTO(slot_map_free) struct slot_map *map = NULL;
    assert_int_equal(read_map("*3\r\n"
                              "*4\r\n:0\r\n:99\r\n*3\r\n$8\r\n10.0.0.1\r\n:7001\r\n$2\r\nid\r\n"
                              "*3\r\n$8\r\n10.0.0.2\r\n:7002\r\n$2\r\nid\r\n"
                              "*3\r\n:100\r\n:100\r\n*2\r\n$0\r\n\r\n:7003\r\n"
                              "*3\r\n:16000\r\n:16383\r\n*2\r\n$8\r\n10.0.0.1\r\n:7001\r\n",
                              &map),
                     ERR_OK);
    assert_int_equal(map->count, 2);
    assert_string_equal(map->masters[map->owner[99]].host, "10.0.0.1");
    assert_string_equal(map->masters[map->owner[100]].host, "10.0.0.9");
    assert_int_equal(map->masters[map->owner[100]].port, 7003);
    assert_int_equal(map->owner[101], -1);
    assert_int_equal(map->owner[16383], map->owner[0]);
}

static void lies_about_slots_are_refused(void **state)
{
    (void)state;
    static const char *const lies[] = {
        "*0\r\n",
        "$2\r\nhi\r\n",
        "$-1\r\n",
        "*1\r\n:1\r\n",
        "*1\r\n*2\r\n:0\r\n:1\r\n",
        "*1\r\n*3\r\n:-1\r\n:1\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:5\r\n:4\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:0\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:65536\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n$1\r\na\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        struct slot_map *map = NULL;
        assert_int_equal(read_map(lies[i], &map), ERR_STORE_REPLY);
        assert_null(map);
    }
}

static void redirections_are_read(void **state)
{
    (void)state;
    int slot = -1;
    struct store_address address;
    assert_int_equal(slot_moved_read("MOVED 3999 127.0.0.1:6381", &asked, &slot, &address), ERR_OK);
    assert_int_equal(slot, 3999);
    assert_string_equal(address.host, "127.0.0.1");
    assert_int_equal(address.port, 6381);
    assert_int_equal(slot_moved_read("MOVED 1 :6382", &asked, &slot, &address), ERR_OK);
    assert_string_equal(address.host, "10.0.0.9");
    assert_int_equal(slot_moved_read("MOVED 1 fe80::1:6382", &asked, &slot, &address), ERR_OK);
    assert_string_equal(address.host, "fe80::1");
    static const char *const lies[] = {
        "",          "MOVED",           "MOVED 1",      "MOVED x a:1",
        "ASK 1 a:1", "MOVED 16384 a:1", "MOVED -1 a:1", "MOVED 1 a:0",
        "MOVED 1 a"};
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        assert_int_equal(slot_moved_read(lies[i], &asked, &slot, &address), ERR_STORE_REPLY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_those_of_redis),
        cmocka_unit_test(a_map_is_read),
        cmocka_unit_test(lies_about_slots_are_refused),
        cmocka_unit_test(redirections_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
