/* Who renders: the CPU or a CUDA device, with one interface. Plain C for both sides. */
#ifndef RENDER_DEVICE_H
#define RENDER_DEVICE_H

#include "kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

struct plan {
    const struct scene *scene;
    struct frame frame;
    /* Called with the number of finished pixels, on the thread that called the renderer, a few
     * times a second or more. true: stop. */
    bool (*tick)(void *arg, uint64_t pixels_done);
    /* The same question without news; any thread, very often. */
    bool (*is_stopped)(void *arg);
    void *arg;
};

/* Both block and fill rgb (width * height * 3 bytes). */
enum render_end { RENDER_DONE, RENDER_STOPPED, RENDER_FAILED };

enum render_end cpu_render(const struct plan *plan, unsigned threads, uint8_t *rgb);
/* The cores this process may use, at most 8. */
unsigned cpu_threads(void);

/* On RENDER_FAILED `why` (size bytes) holds one line. */
enum render_end cuda_render(const struct plan *plan, uint8_t *rgb, char *why, unsigned size);
/* Is there a device on which a kernel runs? If not, `why` says so. May take a second. */
bool cuda_is_usable(char *why, unsigned size);

#ifdef __cplusplus
}
#endif

#endif
