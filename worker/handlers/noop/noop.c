/* noop.so: the smallest handler, and the sample of the ABI. The output is the input, byte for byte;
 * the benchmarks use it to measure everything but the work. */
#include "millrace.h"

static int run(void *state, struct millrace_job *job)
{
    (void)state;
    return millrace_output(job, job->input, job->input_len);
}

const struct millrace_handler *millrace_handler(void)
{
    static const struct millrace_handler handler = {
        .abi = MILLRACE_ABI, .name = "noop", .run = run};
    return &handler;
}
