/* A parcel comes back from disk as it went, or not at all. */
#include "test.h"

#include "parcel.h"

static void pack(struct buf *out)
{
    AUTO(buf_done) struct buf chunks = BUF_INIT;
    parcel_put_chunk(&chunks, SLICE("{\"output\":\"a,b:\"}"));
    parcel_put_chunk(&chunks, SLICE("{\"output\":2}"));
    const struct parcel parcel = {
        .ep = SLICE("ep"),
        .job = SLICE("j_1-x"),
        .worker = SLICE("w"),
        .attempt = 3,
        .duration_ms = 1700,
        .retention_ms = 1800000,
        .first = 17,
        .chunk_count = 2,
        .chunks = buf_slice(&chunks),
        .is_failed = true,
        .members = SLICE("\"error\":\"0123:4,\""),
    };
    parcel_put(out, &parcel);
    parcel_seal(out);
}

static void a_parcel_comes_back_as_it_went(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf bytes = BUF_INIT;
    struct parcel parcel;
    struct slice chunk;
    pack(&bytes);
    assert_int_equal(parcel_read(buf_slice(&bytes), &parcel), ERR_OK);
    assert_slice(parcel.ep, "ep");
    assert_slice(parcel.job, "j_1-x");
    assert_slice(parcel.worker, "w");
    assert_int_equal(parcel.attempt, 3);
    assert_int_equal(parcel.duration_ms, 1700);
    assert_int_equal(parcel.retention_ms, 1800000);
    assert_int_equal(parcel.first, 17);
    assert_int_equal(parcel.chunk_count, 2);
    assert_true(parcel.is_failed);
    assert_slice(parcel.members, "\"error\":\"0123:4,\"");
    assert_int_equal(parcel_chunk(&parcel.chunks, &chunk), ERR_OK);
    assert_slice(chunk, "{\"output\":\"a,b:\"}");
    assert_int_equal(parcel_chunk(&parcel.chunks, &chunk), ERR_OK);
    assert_slice(chunk, "{\"output\":2}");
    assert_int_equal(parcel_chunk(&parcel.chunks, &chunk), ERR_NOT_FOUND);
}

static void every_cut_is_noticed(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf bytes = BUF_INIT;
    struct parcel parcel;
    pack(&bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        assert_int_equal(parcel_read((struct slice){bytes.ptr, len}, &parcel), ERR_BAD_REQUEST);
    }
}

static void every_changed_byte_is_noticed(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf bytes = BUF_INIT;
    struct parcel parcel;
    pack(&bytes);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.ptr[i] ^= 1;
        assert_int_equal(parcel_read(buf_slice(&bytes), &parcel), ERR_BAD_REQUEST);
        bytes.ptr[i] ^= 1;
    }
}

static void a_sealed_lie_about_lengths_is_refused(void **state)
{
    (void)state;
    static const char *const lies[] = {"MRSPOOL1\n", "MRSPOOL1\n99:ep,", "MRSPOOL1\n-1:,",
                                       "MRSPOOL1\n2:ep.1:j,1:1,1:w,1:0,1:0,0:,1:C,0:,"};
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        AUTO(buf_done) struct buf bytes = BUF_INIT;
        struct parcel parcel;
        buf_put_str(&bytes, lies[i]);
        parcel_seal(&bytes);
        assert_int_equal(parcel_read(buf_slice(&bytes), &parcel), ERR_BAD_REQUEST);
    }
}

static void the_name_tells_the_attempt(void **state)
{
    (void)state;
    struct parcel parcel;
    AUTO_STR name = parcel_name(SLICE("my-ep"), SLICE("job_1"), 12);
    assert_string_equal(name, "my-ep.job_1.12.spool");
    assert_int_equal(parcel_parse_name(slice_of(name), &parcel), ERR_OK);
    assert_slice(parcel.ep, "my-ep");
    assert_slice(parcel.job, "job_1");
    assert_int_equal(parcel.attempt, 12);
    static const char *const others[] = {"lock",       "a.b.0.spool", "a.b.1.spool.bad",
                                         ".b.1.spool", "a..1.spool",  "a.b.x.spool"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_int_equal(parcel_parse_name(slice_of(others[i]), &parcel), ERR_BAD_REQUEST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_parcel_comes_back_as_it_went),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(a_sealed_lie_about_lengths_is_refused),
        cmocka_unit_test(the_name_tells_the_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
