/* render.so: path-traces a small scene and returns it as a PNG.
 *
 * parse the order -> build the scene -> render (CUDA when a device works, else the CPU) -> PNG ->
 * Base64 -> output. The device is chosen once, in init(); a render that fails on the GPU is done
 * again on the CPU, and the process is given back afterwards, since its context may be lost. A
 * cancelled job ends between two pixels (CPU) or two launches (CUDA).
 *
 * Environment: RENDER_DEVICE = auto (default), cpu or cuda (then init() fails without one);
 * RENDER_THREADS = CPU threads, 1 to 64 (default: the cores of this process, at most 8). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/clock.h"
#include "device.h"
#include "image.h"
#include "millrace.h"
#include "order.h"

#define PROGRESS_MS 200 /* five a second are enough for eyes */
#define WHY_SIZE 256
#define THREADS_MAX 64

enum device { DEVICE_CPU, DEVICE_CUDA };
static const char *const device_names[] = {"cpu", "cuda"};

struct renderer {
    enum device device;
    unsigned threads;
};

/* One job under way. */
struct task {
    struct millrace_job *job;
    struct order order;
    enum device device; /* that did it in the end */
    uint64_t start_ms;
    uint64_t progress_ms; /* when progress was last sent */
    uint8_t *rgb;         /* owned */
};

static int task_start(struct task *task, const struct renderer *renderer);
static enum render_end task_render(struct task *task, const struct renderer *renderer);
static int task_reply(struct task *task, uint64_t render_ms);

static bool choose_threads(struct renderer *renderer, char *why, size_t size)
{
    const char *text = getenv("RENDER_THREADS");
    int64_t threads = cpu_threads();
    if (text != NULL && text[0] != '\0' &&
        (slice_to_i64(slice_of(text), &threads) != ERR_OK || threads < 1 ||
         threads > THREADS_MAX)) {
        (void)snprintf(why, size, "RENDER_THREADS is '%.40s': use 1 to %d", text, THREADS_MAX);
        return false;
    }
    renderer->threads = (unsigned)threads;
    return true;
}

static bool choose_device(struct renderer *renderer, char *why, size_t size)
{
    const char *wish = getenv("RENDER_DEVICE");
    wish = wish == NULL || wish[0] == '\0' ? "auto" : wish;
    bool wants_cuda = strcmp(wish, "cuda") == 0;
    if (!wants_cuda && strcmp(wish, "cpu") != 0 && strcmp(wish, "auto") != 0) {
        (void)snprintf(why, size, "RENDER_DEVICE is '%.40s': use auto, cpu or cuda", wish);
        return false;
    }
    char problem[WHY_SIZE] = "not wanted";
    bool is_usable = strcmp(wish, "cpu") != 0 && cuda_is_usable(problem, sizeof(problem));
    renderer->device = is_usable ? DEVICE_CUDA : DEVICE_CPU;
    (void)fprintf(stderr, "render: device %s%s%s%s\n", device_names[renderer->device],
                  is_usable ? "" : " (", is_usable ? "" : problem, is_usable ? "" : ")");
    if (wants_cuda && !is_usable) {
        (void)snprintf(why, size, "RENDER_DEVICE is cuda, but: %.200s", problem);
    }
    return is_usable || !wants_cuda;
}

static int init(void **ret_state, char *why, size_t why_size)
{
    struct renderer renderer = {0};
    if (!choose_threads(&renderer, why, why_size) || !choose_device(&renderer, why, why_size)) {
        return 1;
    }
    struct renderer *state = xcalloc(1, sizeof(*state));
    *state = renderer;
    *ret_state = state;
    return 0;
}

static void done(void *state)
{
    free(state);
}

static int run(void *state, struct millrace_job *job)
{
    struct task task = {.job = job};
    AUTO(buf_done) struct buf problem = BUF_INIT;
    struct slice input = {job->input, job->input_len};
    if (order_parse(input, &task.order, &problem) != ERR_OK) {
        return millrace_fail(job, problem.ptr, problem.len);
    }
    task.rgb = xmalloc((size_t)task.order.width * task.order.height * 3);
    int result = task_start(&task, state);
    free(task.rgb);
    return result;
}

static int task_start(struct task *task, const struct renderer *renderer)
{
    task->start_ms = clock_mono_ms();
    task->progress_ms = task->start_ms;
    enum render_end end = task_render(task, renderer);
    if (end == RENDER_STOPPED) {
        return 1; /* cancelled: the host says so */
    }
    return task_reply(task, clock_mono_ms() - task->start_ms);
}

/* Sends progress when it is due; its loss does not matter. */
static bool on_tick(void *arg, uint64_t pixels_done)
{
    struct task *task = arg;
    uint64_t now_ms = clock_mono_ms();
    uint64_t pixels = (uint64_t)task->order.width * task->order.height;
    if (now_ms - task->progress_ms >= PROGRESS_MS) {
        task->progress_ms = now_ms;
        char json[96];
        int len =
            snprintf(json, sizeof(json), "{\"percent\":%" PRIu64 ",\"samples_done\":%" PRIu64 "}",
                     pixels_done * 100 / pixels, pixels_done * task->order.samples);
        (void)millrace_progress(task->job, json, (size_t)len);
    }
    return millrace_is_cancelled(task->job) != 0;
}

static bool on_ask(void *arg)
{
    const struct task *task = arg;
    return millrace_is_cancelled(task->job) != 0;
}

static enum render_end task_render(struct task *task, const struct renderer *renderer)
{
    struct scene scene;
    const struct order *order = &task->order;
    struct plan plan = {.scene = &scene,
                        .frame = {.width = order->width,
                                  .height = order->height,
                                  .samples = order->samples,
                                  .seed_low = (uint32_t)order->seed,
                                  .seed_high = (uint32_t)(order->seed >> 32)},
                        .tick = on_tick,
                        .is_stopped = on_ask,
                        .arg = task};
    scene_build(&scene, order->scene, order->seed);
    if (renderer->device == DEVICE_CUDA) {
        char why[WHY_SIZE];
        task->device = DEVICE_CUDA;
        enum render_end end = cuda_render(&plan, task->rgb, why, sizeof(why));
        if (end != RENDER_FAILED) {
            return end;
        }
        (void)fprintf(stderr, "render: %s; this job goes on on the CPU\n", why);
        millrace_retire(task->job);
    }
    task->device = DEVICE_CPU;
    return cpu_render(&plan, renderer->threads, task->rgb);
}

static int task_reply(struct task *task, uint64_t render_ms)
{
    const struct order *order = &task->order;
    AUTO(buf_done) struct buf png = BUF_INIT;
    AUTO(buf_done) struct buf json = BUF_INIT;
    if (image_put_png(&png, task->rgb, order->width, order->height) != ERR_OK) {
        struct slice text = SLICE("the picture could not be written as PNG");
        return millrace_fail(task->job, text.ptr, text.len);
    }
    buf_put_str(&json, "{\"image\":\"");
    base64_put(&json, png.ptr, png.len);
    buf_printf(&json,
               "\",\"format\":\"png\",\"scene\":\"%s\",\"seed\":%" PRIu64
               ",\"width\":%u,\"height\":%u,\"samples\":%u,\"device\":\"%s\",\"render_ms\":%" PRIu64
               "}",
               order->scene, order->seed, order->width, order->height, order->samples,
               device_names[task->device], render_ms);
    return millrace_output(task->job, json.ptr, json.len);
}

const struct millrace_handler *millrace_handler(void)
{
    static const struct millrace_handler handler = {
        .abi = MILLRACE_ABI, .name = "render", .init = init, .done = done, .run = run};
    return &handler;
}
