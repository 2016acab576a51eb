/* Replies in one run of memory: the same trees as hiredis builds on its own, however the bytes
 * come. */
#include "queue/store_objects.h"

#include <hiredis/hiredis.h>

#include "base/buf.h"
#include "test.h"

struct readers {
    redisReader *ours, *plain;
    struct store_objects *objects;
};

static void open_readers(struct readers *readers)
{
    readers->ours = redisReaderCreate();
    readers->plain = redisReaderCreate();
    readers->objects = store_objects_new(readers->ours);
}

static void close_readers(struct readers *readers)
{
    redisReaderFree(readers->ours);
    redisReaderFree(readers->plain);
    store_objects_free(readers->objects);
}

static void assert_same(const redisReply *ours, const redisReply *plain)
{
    assert_int_equal(ours->type, plain->type);
    assert_int_equal(ours->integer, plain->integer);
    assert_int_equal(ours->len, plain->len);
    assert_int_equal(ours->elements, plain->elements);
    assert_int_equal(ours->str == NULL, plain->str == NULL);
    if (ours->str != NULL) {
        assert_memory_equal(ours->str, plain->str, (size_t)plain->len + 1); /* with its end */
    }
    for (size_t i = 0; i < plain->elements; i++) {
        assert_same(ours->element[i], plain->element[i]);
    }
}

/* The next reply of both, or none of both. */
static bool same_reply(struct readers *readers)
{
    void *ours = NULL, *plain = NULL;
    assert_int_equal(redisReaderGetReply(readers->ours, &ours), REDIS_OK);
    assert_int_equal(redisReaderGetReply(readers->plain, &plain), REDIS_OK);
    assert_int_equal(ours == NULL, plain == NULL);
    if (plain == NULL) {
        return false;
    }
    assert_same(ours, plain);
    readers->ours->fn->freeObject(ours);
    freeReplyObject(plain);
    return true;
}

static void feed(struct readers *readers, struct slice bytes)
{
    (void)redisReaderFeed(readers->ours, bytes.ptr, bytes.len);
    (void)redisReaderFeed(readers->plain, bytes.ptr, bytes.len);
}

static void assert_read(struct readers *readers, struct slice bytes, size_t replies)
{
    for (size_t piece = 1; piece <= bytes.len; piece = piece < 8 ? piece + 1 : piece * 2) {
        size_t seen = 0;
        for (size_t at = 0; at < bytes.len; at += piece) {
            size_t left = bytes.len - at;
            feed(readers, (struct slice){bytes.ptr + at, left < piece ? left : piece});
            while (same_reply(readers)) {
                seen++;
            }
        }
        assert_int_equal(seen, replies);
    }
}

static void all_kinds_are_read(void **state)
{
    (void)state;
    struct readers readers;
    open_readers(&readers);
    assert_read(&readers, SLICE("+OK\r\n"), 1);
    assert_read(&readers, SLICE("-ERR no\r\n"), 1);
    assert_read(&readers, SLICE(":-42\r\n:9007199254740993\r\n"), 2);
    assert_read(&readers, SLICE("$-1\r\n*-1\r\n"), 2);
    assert_read(&readers, SLICE("$0\r\n\r\n$5\r\na\0\r\nb\r\n"), 2);
    assert_read(&readers, SLICE("*0\r\n"), 1);
    assert_read(&readers, SLICE("*4\r\n$1\r\na\r\n$-1\r\n:7\r\n-ERR part\r\n"), 1);
    assert_read(&readers, SLICE("*2\r\n*2\r\n*1\r\n$1\r\na\r\n*-1\r\n*0\r\n+b\r\n"), 2);
    close_readers(&readers);
}

static void put_text(struct buf *out, size_t len)
{
    (void)buf_printf(out, "$%zu\r\n", len);
    for (size_t i = 0; i < len; i++) {
        (void)buf_put_char(out, (char)('a' + i % 26));
    }
    (void)buf_put_str(out, "\r\n");
}

/* Beyond the first room, beyond the largest that is kept, and small again. */
static void replies_of_any_size_follow_each_other(void **state)
{
    (void)state;
    static const size_t sizes[] = {10, 4096, 5000, 20000, 65536, 300000, 10};
    AUTO(buf_done) struct buf bytes = BUF_INIT;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        (void)buf_put_str(&bytes, "*3\r\n");
        put_text(&bytes, sizes[i]);
        put_text(&bytes, 1);
        put_text(&bytes, sizes[i] / 2);
    }
    struct readers readers;
    open_readers(&readers);
    feed(&readers, buf_slice(&bytes));
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        assert_true(same_reply(&readers));
    }
    assert_false(same_reply(&readers));
    close_readers(&readers);
}

static void long_arrays_are_read(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf bytes = BUF_INIT;
    (void)buf_put_str(&bytes, "*10000\r\n");
    for (int i = 0; i < 10000; i++) {
        (void)buf_printf(&bytes, "*2\r\n:%d\r\n$3\r\nabc\r\n", i);
    }
    struct readers readers;
    open_readers(&readers);
    feed(&readers, buf_slice(&bytes));
    assert_true(same_reply(&readers));
    close_readers(&readers);
}

static void half_a_reply_is_let_go(void **state)
{
    (void)state;
    struct readers readers;
    open_readers(&readers);
    AUTO(buf_done) struct buf bytes = BUF_INIT;
    (void)buf_put_str(&bytes, "*3\r\n:1\r\n");
    put_text(&bytes, 100000);
    feed(&readers, buf_slice(&bytes));
    assert_false(same_reply(&readers));
    close_readers(&readers);
}

static void what_is_no_reply_is_an_error(void **state)
{
    (void)state;
    static const char *const texts[] = {"hello\r\n", "*2\r\n:1\r\n?\r\n", "$x\r\n", "*-5\r\n"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct readers readers;
        open_readers(&readers);
        feed(&readers, slice_of(texts[i]));
        void *reply = NULL;
        assert_int_equal(redisReaderGetReply(readers.ours, &reply), REDIS_ERR);
        assert_null(reply);
        close_readers(&readers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_are_read),
        cmocka_unit_test(replies_of_any_size_follow_each_other),
        cmocka_unit_test(long_arrays_are_read),
        cmocka_unit_test(half_a_reply_is_let_go),
        cmocka_unit_test(what_is_no_reply_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
