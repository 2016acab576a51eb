/* millrace-gpu-check: is the one graphics card this process sees fit to work? One line of JSON on
 * stdout; the exit status is the verdict. The agent runs it, with CUDA_VISIBLE_DEVICES set and a
 * time limit: a driver in trouble may hang or end the process. */
#include <stdio.h>

#include "base/clock.h"
#include "base/config.h"
#include "check.h"
#include "fake.h"

struct settings {
    const char *gpu, *fake;
};

static void load(struct settings *settings, int argc, char **argv)
{
    const struct config_option options[] = {
        {.name = "gpu",
         .kind = CONFIG_STRING,
         .target = &settings->gpu,
         .argument = "UUID",
         .fallback = "",
         .help = "the card, as CUDA_VISIBLE_DEVICES has it; for the report"},
        {.name = "fake-gpus",
         .kind = CONFIG_STRING,
         .target = &settings->fake,
         .argument = "FILE",
         .help = "do what the card's line in that file says, for tests"},
    };
    const struct config_spec spec = {
        .program = "millrace-gpu-check",
        .summary = "Checks the graphics card in CUDA_VISIBLE_DEVICES: memory, bandwidth, a matrix "
                   "product.",
        .options = options,
        .option_count = COUNT_OF(options),
        .epilogue = "Exit status: 0 fit, 1 not fit, 2 bad usage, 3 cannot be checked.",
    };
    (void)config_load(&spec, argc, argv);
}

static void put_text(struct buf *out, const char *key, const char *text)
{
    buf_printf(out, "\"%s\":", key);
    buf_put_json_str(out, slice_of(text));
}

static void put_figures(struct buf *out, const struct check_figures *figures)
{
    const struct {
        const char *key;
        double value;
    } values[] = {
        {"memoryBytes", (double)figures->total_bytes},
        {"freeBytes", (double)figures->free_bytes},
        {"testedBytes", (double)figures->tested_bytes},
        {"toDeviceGBs", figures->to_device_gbs},
        {"toHostGBs", figures->to_host_gbs},
        {"withinGBs", figures->within_gbs},
        {"gemmGflops", figures->gemm_gflops},
    };
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        if (values[i].value > 0) {
            buf_printf(out, ",\"%s\":%.12g", values[i].key, values[i].value);
        }
    }
}

static void print_report(const struct settings *settings, enum check_verdict verdict,
                         const struct check_figures *figures, const char *problem, uint64_t took_ms)
{
    AUTO(buf_done) struct buf out = BUF_INIT;
    buf_put_char(&out, '{');
    put_text(&out, "gpu", settings->gpu);
    buf_printf(&out, ",\"fit\":%s", verdict == CHECK_FIT ? "true" : "false");
    if (figures->name[0] != '\0') {
        buf_put_char(&out, ',');
        put_text(&out, "name", figures->name);
    }
    put_figures(&out, figures);
    if (verdict != CHECK_FIT) {
        buf_put_char(&out, ',');
        put_text(&out, "problem", problem);
    }
    buf_printf(&out, ",\"seconds\":%.3f}\n", (double)took_ms / 1000);
    (void)fwrite(out.ptr, 1, out.len, stdout);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    struct settings settings = {0};
    struct check_figures figures = {0};
    char problem[CHECK_PROBLEM_SIZE] = "";
    load(&settings, argc, argv);
    uint64_t begin_ms = clock_mono_ms();
    enum check_verdict verdict = settings.fake != NULL
                                     ? fake_check(settings.fake, settings.gpu, &figures, problem)
                                     : check_card(&figures, problem);
    print_report(&settings, verdict, &figures, problem, clock_mono_ms() - begin_ms);
    return (int)verdict;
}
