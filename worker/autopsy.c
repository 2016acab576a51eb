/* The cause is the most telling of what is known: the kernel's word about memory, then what the
 * output says about the card, then how the process ended. */
#include "autopsy.h"

#include <signal.h>
#include <string.h>

static bool contains(struct slice text, struct slice part)
{
    return part.len <= text.len && memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
}

static bool is_cuda_memory(struct slice line)
{
    static const struct slice signs[] = {
        SLICE("CUDA out of memory"),          SLICE("OutOfMemoryError: CUDA"),
        SLICE("torch.cuda.OutOfMemoryError"), SLICE("torch.OutOfMemoryError"),
        SLICE("CUDA_ERROR_OUT_OF_MEMORY"),    SLICE("cudaErrorMemoryAllocation"),
        SLICE("CUBLAS_STATUS_ALLOC_FAILED"),  SLICE("CUDNN_STATUS_ALLOC_FAILED"),
        SLICE("CUDA error: out of memory"),   SLICE("cudaMalloc failed: out of memory"),
    };
    for (size_t i = 0; i < COUNT_OF(signs); i++) {
        if (contains(line, signs[i])) {
            return true;
        }
    }
    return false;
}

/* "NVRM: Xid (PCI:0000:01:00): 79, pid=..." */
static int64_t read_xid(struct slice line)
{
    static const struct slice mark = SLICE("Xid (");
    const char *at = line.len >= mark.len ? memmem(line.ptr, line.len, mark.ptr, mark.len) : NULL;
    if (at == NULL) {
        return -1;
    }
    struct slice rest = slice_from(line, (size_t)(at - line.ptr) + mark.len);
    (void)slice_cut(&rest, ')');
    (void)slice_cut(&rest, ':');
    return slice_to_i64_or(slice_trim(slice_cut(&rest, ',')), -1);
}

void autopsy_read_gpu(struct slice output, struct autopsy_gpu *ret_gpu)
{
    *ret_gpu = (struct autopsy_gpu){.xid = -1};
    while (output.len > 0) {
        struct slice line = slice_cut(&output, '\n');
        int64_t xid = read_xid(line);
        ret_gpu->xid = xid > 0 ? xid : ret_gpu->xid;
        ret_gpu->is_out_of_memory = ret_gpu->is_out_of_memory || is_cuda_memory(line);
    }
}

void autopsy_put_signal(int number, struct buf *out)
{
    const char *name = sigabbrev_np(number);
    if (name != NULL) {
        buf_printf(out, "SIG%s", name);
    } else {
        buf_printf(out, "signal %d", number);
    }
}

static const char *cause_of(const struct autopsy *autopsy, const struct autopsy_gpu *gpu)
{
    return autopsy->oom == 1                    ? "host_oom"
           : gpu->xid > 0                       ? "xid"
           : gpu->is_out_of_memory              ? "cuda_oom"
           : autopsy->kind == AUTOPSY_NO_RESULT ? "no_result"
           : autopsy->kind == AUTOPSY_DROPPED   ? "dropped"
           : autopsy->kind == AUTOPSY_ENDED     ? "ended_by_agent"
           : autopsy->how != NULL               ? "container_ended"
           : autopsy->signal != 0               ? "signal"
                                                : "exit";
}

static void put_head(const struct autopsy *autopsy, struct buf *out)
{
    if (autopsy->kind == AUTOPSY_NO_RESULT) {
        buf_put_str(out, "worker finished without a result");
        return;
    }
    if (autopsy->kind == AUTOPSY_DROPPED) {
        buf_put_str(out, "worker lost: its process lives, but does not work on the job");
        return;
    }
    if (autopsy->how != NULL) {
        buf_printf(out, "worker lost: %s%s",
                   autopsy->kind == AUTOPSY_ENDED ? "its agent had to end its process: " : "",
                   autopsy->how);
        return;
    }
    buf_put_str(out, autopsy->kind == AUTOPSY_ENDED
                         ? "worker lost: its agent had to end its process, which ended with "
                         : "worker lost: its process ended with ");
    if (autopsy->signal != 0) {
        buf_printf(out, "signal %d (", autopsy->signal);
        autopsy_put_signal(autopsy->signal, out);
        buf_put_char(out, ')');
    } else {
        buf_printf(out, "exit code %d", autopsy->exit_code);
    }
}

static void put_findings(const struct autopsy *autopsy, const struct autopsy_gpu *gpu,
                         struct buf *out)
{
    if (autopsy->oom == 1) {
        buf_put_str(out, "; the kernel killed it: the machine or its container is out of memory");
    }
    if (gpu->is_out_of_memory) {
        buf_put_str(out, "; its output says that the graphics card is out of memory");
    }
    if (gpu->xid > 0) {
        buf_printf(out, "; the graphics card has reported Xid %lld", (long long)gpu->xid);
    }
}

static void put_tail(const struct autopsy *autopsy, const struct autopsy_gpu *gpu, struct buf *out)
{
    buf_printf(out, "\n{\"millrace\":{\"cause\":\"%s\"", cause_of(autopsy, gpu));
    if (autopsy->signal != 0) {
        buf_printf(out, ",\"signal\":%d,\"signalName\":\"", autopsy->signal);
        autopsy_put_signal(autopsy->signal, out);
        buf_put_char(out, '"');
    } else if (autopsy->exit_code >= 0) {
        buf_printf(out, ",\"exitCode\":%d", autopsy->exit_code);
    }
    if (autopsy->oom >= 0) {
        buf_printf(out, ",\"oom\":%s", autopsy->oom == 1 ? "true" : "false");
    }
    buf_printf(out, ",\"cudaOom\":%s", gpu->is_out_of_memory ? "true" : "false");
    if (gpu->xid > 0) {
        buf_printf(out, ",\"xid\":%lld", (long long)gpu->xid);
    }
    buf_printf(out, ",\"worker\":\"%s\",\"attempt\":%lld}}", autopsy->worker,
               (long long)autopsy->attempt);
}

void autopsy_put(const struct autopsy *autopsy, struct buf *out)
{
    struct autopsy_gpu gpu;
    autopsy_read_gpu(autopsy->tail, &gpu);
    put_head(autopsy, out);
    put_findings(autopsy, &gpu, out);
    if (autopsy->tail.len > 0) {
        buf_put_str(out, autopsy->kind == AUTOPSY_NO_RESULT ? "\n" : "; its last output:\n");
        buf_put_slice(out, autopsy->tail);
    }
    put_tail(autopsy, &gpu, out);
}
