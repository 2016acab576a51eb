/* What people and programs are told about a job that ended without a result. */
#include "test.h"

#include "autopsy.h"

static const struct autopsy plain = {
    .kind = AUTOPSY_DIED, .exit_code = -1, .signal = 11, .oom = 0, .worker = "w-1", .attempt = 2};

#define assert_autopsy(given, want)                 \
    do {                                            \
        AUTO(buf_done) struct buf text_ = BUF_INIT; \
        autopsy_put((given), &text_);               \
        assert_slice(buf_slice(&text_), (want));    \
    } while (0)

static void a_signal_is_named(void **state)
{
    (void)state;
    assert_autopsy(&plain, "worker lost: its process ended with signal 11 (SIGSEGV)\n"
                           "{\"millrace\":{\"cause\":\"signal\",\"signal\":11,\"signalName\":"
                           "\"SIGSEGV\",\"oom\":false,\"cudaOom\":false,\"worker\":\"w-1\","
                           "\"attempt\":2}}");
}

static void the_last_lines_stand_before_the_tail(void **state)
{
    (void)state;
    struct autopsy autopsy = plain;
    autopsy.signal = 0;
    autopsy.exit_code = 3;
    autopsy.oom = -1;
    autopsy.tail = SLICE("one\ntwo \"2\"");
    assert_autopsy(&autopsy, "worker lost: its process ended with exit code 3; its last output:\n"
                             "one\ntwo \"2\"\n"
                             "{\"millrace\":{\"cause\":\"exit\",\"exitCode\":3,\"cudaOom\":false,"
                             "\"worker\":\"w-1\",\"attempt\":2}}");
}

static void the_kernels_word_goes_before_all_others(void **state)
{
    (void)state;
    struct autopsy autopsy = plain;
    AUTO(buf_done) struct buf text = BUF_INIT;
    autopsy.signal = 9;
    autopsy.oom = 1;
    autopsy.tail = SLICE("CUDA out of memory");
    autopsy_put(&autopsy, &text);
    buf_put_char(&text, '\0');
    assert_non_null(strstr(text.ptr, "the kernel killed it"));
    assert_non_null(strstr(text.ptr,
                           "\"cause\":\"host_oom\",\"signal\":9,\"signalName\":\"SIGKILL\","
                           "\"oom\":true,\"cudaOom\":true"));
}

static void a_result_that_never_came_is_named_alone_in_the_first_line(void **state)
{
    (void)state;
    struct autopsy autopsy = {.kind = AUTOPSY_NO_RESULT,
                              .exit_code = -1,
                              .oom = -1,
                              .tail = SLICE("TypeError"),
                              .worker = "w",
                              .attempt = 1};
    assert_autopsy(&autopsy, "worker finished without a result\nTypeError\n"
                             "{\"millrace\":{\"cause\":\"no_result\",\"cudaOom\":false,"
                             "\"worker\":\"w\",\"attempt\":1}}");
}

static void cards_that_are_full_are_recognised(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "torch.OutOfMemoryError: CUDA out of memory.",
        "RuntimeError: CUDA error: out of memory",
        "cuMemAlloc failed: CUDA_ERROR_OUT_OF_MEMORY",
        "a line before\nCUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate\na line after",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct autopsy_gpu gpu;
        autopsy_read_gpu(slice_of(lines[i]), &gpu);
        assert_true(gpu.is_out_of_memory);
        assert_int_equal(gpu.xid, -1);
    }
    struct autopsy_gpu gpu;
    autopsy_read_gpu(SLICE("out of memory\nCUDA is fine"), &gpu);
    assert_false(gpu.is_out_of_memory);
}

static void the_last_xid_is_read(void **state)
{
    (void)state;
    struct autopsy_gpu gpu;
    autopsy_read_gpu(SLICE("NVRM: Xid (PCI:0000:01:00): 31, pid=7, name=python\n"
                           "[1.2] NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus."),
                     &gpu);
    assert_int_equal(gpu.xid, 79);
    autopsy_read_gpu(SLICE("Xid (no number) here\nXid (PCI"), &gpu);
    assert_int_equal(gpu.xid, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_is_named),
        cmocka_unit_test(the_last_lines_stand_before_the_tail),
        cmocka_unit_test(the_kernels_word_goes_before_all_others),
        cmocka_unit_test(a_result_that_never_came_is_named_alone_in_the_first_line),
        cmocka_unit_test(cards_that_are_full_are_recognised),
        cmocka_unit_test(the_last_xid_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
