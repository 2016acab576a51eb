/* One CUDA thread for each pixel, one launch for a run of pixels small enough that a stop is seen
 * within about a second on a small card. The picture stays on the device until it is whole. */
#include <cstdio>
#include <cstdlib>

#include "device.h"

static const uint32_t LAUNCH_SAMPLES = 1u << 25;
static const uint32_t LAUNCH_PIXELS_MIN = 1u << 13; /* fewer leave a big card idle */
static const uint32_t BLOCK = 64;

static __global__ void draw(const struct scene *scene, struct frame frame, uint32_t first,
                            uint32_t end, uint8_t *rgb)
{
    uint32_t index = first + blockIdx.x * blockDim.x + threadIdx.x;
    if (index < end) {
        kernel_pixel(scene, &frame, index, rgb + (size_t)index * 3);
    }
}

static __global__ void probe(int *out)
{
    *out = 42;
}

/* What is on the device for one picture. */
struct canvas {
    struct scene *scene;
    uint8_t *rgb;
    size_t size;
};

static cudaError_t canvas_init(struct canvas *canvas, const struct plan *plan)
{
    canvas->size = (size_t)plan->frame.width * plan->frame.height * 3;
    cudaError_t error = cudaMalloc((void **)&canvas->scene, sizeof(struct scene));
    if (error == cudaSuccess) {
        error = cudaMalloc((void **)&canvas->rgb, canvas->size);
    }
    if (error == cudaSuccess) {
        error =
            cudaMemcpy(canvas->scene, plan->scene, sizeof(struct scene), cudaMemcpyHostToDevice);
    }
    return error;
}

static void canvas_done(struct canvas *canvas)
{
    (void)cudaFree(canvas->scene);
    (void)cudaFree(canvas->rgb);
}

/* The pixels of one launch, a whole number of blocks. */
static uint32_t launch_pixels(const struct frame *frame)
{
    uint32_t pixels = LAUNCH_SAMPLES / frame->samples;
    pixels = pixels < LAUNCH_PIXELS_MIN ? LAUNCH_PIXELS_MIN : pixels;
    return pixels / BLOCK * BLOCK;
}

static cudaError_t canvas_draw(struct canvas *canvas, const struct plan *plan, bool *ret_stopped)
{
    uint32_t pixels = plan->frame.width * plan->frame.height;
    uint32_t step = launch_pixels(&plan->frame);
    for (uint32_t first = 0; first < pixels; first += step) {
        uint32_t end = pixels - first < step ? pixels : first + step;
        draw<<<(end - first + BLOCK - 1) / BLOCK, BLOCK>>>(canvas->scene, plan->frame, first, end,
                                                           canvas->rgb);
        cudaError_t error = cudaGetLastError();
        error = error == cudaSuccess ? cudaDeviceSynchronize() : error;
        if (error != cudaSuccess) {
            return error;
        }
        if (plan->tick(plan->arg, end)) {
            *ret_stopped = true;
            return cudaSuccess;
        }
    }
    return cudaSuccess;
}

extern "C" enum render_end cuda_render(const struct plan *plan, uint8_t *rgb, char *why,
                                       unsigned size)
{
    struct canvas canvas = {NULL, NULL, 0};
    bool is_stopped = false;
    cudaError_t error = canvas_init(&canvas, plan);
    if (error == cudaSuccess) {
        error = canvas_draw(&canvas, plan, &is_stopped);
    }
    if (error == cudaSuccess && !is_stopped) {
        error = cudaMemcpy(rgb, canvas.rgb, canvas.size, cudaMemcpyDeviceToHost);
    }
    canvas_done(&canvas);
    if (error != cudaSuccess) {
        (void)snprintf(why, size, "CUDA: %s", cudaGetErrorString(error));
        return RENDER_FAILED;
    }
    return is_stopped ? RENDER_STOPPED : RENDER_DONE;
}

/* A device may be listed and yet run nothing: a driver older than the runtime, a lost card, no code
 * for its architecture. So a kernel is run. */
static cudaError_t run_probe(int *ret_value)
{
    int *out = NULL;
    cudaError_t error = cudaMalloc((void **)&out, sizeof(*out));
    if (error != cudaSuccess) {
        return error;
    }
    probe<<<1, 1>>>(out);
    error = cudaGetLastError();
    if (error == cudaSuccess) {
        error = cudaMemcpy(ret_value, out, sizeof(*out), cudaMemcpyDeviceToHost);
    }
    (void)cudaFree(out);
    return error;
}

extern "C" bool cuda_is_usable(char *why, unsigned size)
{
    int count = 0;
    int value = 0;
    /* waiting for a launch sleeps: the cores belong to whoever shares the machine */
    (void)cudaSetDeviceFlags(cudaDeviceScheduleBlockingSync);
    (void)cudaGetLastError();
    cudaError_t error = cudaGetDeviceCount(&count);
    if (error == cudaSuccess && count > 0) {
        error = run_probe(&value);
    }
    if (error != cudaSuccess) {
        (void)snprintf(why, size, "CUDA: %s", cudaGetErrorString(error));
    } else if (value != 42) {
        (void)snprintf(why, size, "CUDA: %s", count == 0 ? "no device" : "the probe went wrong");
    }
    return error == cudaSuccess && value == 42;
}
