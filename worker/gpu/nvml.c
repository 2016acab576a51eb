/* NVML by dlopen, so that one binary serves machines with and without a driver. Only the inventory:
 * the library is closed again afterwards. The few declarations below are NVML's stable ABI. */
#include <dlfcn.h>
#include <stdlib.h>

#include "base/log.h"
#include "gpu/gpu.h"

struct memory {
    unsigned long long total, available, used;
};

struct library {
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *ret_count);
    int (*handle)(unsigned index, void **ret_device);
    int (*uuid)(void *device, char *out, unsigned size);
    int (*name)(void *device, char *out, unsigned size);
    int (*memory)(void *device, struct memory *ret_memory);
};

static bool load(void *handle, struct library *library)
{
    const struct {
        const char *name;
        void *target;
    } symbols[] = {
        {"nvmlInit_v2", &library->init},
        {"nvmlShutdown", &library->shutdown},
        {"nvmlDeviceGetCount_v2", &library->count},
        {"nvmlDeviceGetHandleByIndex_v2", &library->handle},
        {"nvmlDeviceGetUUID", &library->uuid},
        {"nvmlDeviceGetName", &library->name},
        {"nvmlDeviceGetMemoryInfo", &library->memory},
    };
    for (size_t i = 0; i < COUNT_OF(symbols); i++) {
        void *found = dlsym(handle, symbols[i].name);
        if (found == NULL) {
            return false;
        }
        memcpy(symbols[i].target, &found, sizeof(found));
    }
    return true;
}

static void read_card(const struct library *library, unsigned index, struct gpus *gpus)
{
    void *device = NULL;
    struct gpu gpu = {0};
    struct memory memory = {0};
    if (library->handle(index, &device) != 0 ||
        library->uuid(device, gpu.uuid, sizeof(gpu.uuid)) != 0 ||
        library->name(device, gpu.name, sizeof(gpu.name)) != 0 ||
        library->memory(device, &memory) != 0) {
        log_warn("gpu.unreadable", "index=%u", index);
        return;
    }
    gpu.memory = (int64_t)memory.total;
    gpus->items[gpus->count++] = gpu;
}

static void read_cards(const struct library *library, struct gpus *gpus)
{
    unsigned count = 0;
    if (library->init() != 0) {
        return;
    }
    if (library->count(&count) == 0) {
        for (unsigned i = 0; i < count && gpus->count < GPU_MAX; i++) {
            read_card(library, i, gpus);
        }
    }
    (void)library->shutdown();
}

void gpus_read_nvml(struct gpus *gpus)
{
    void *handle = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        return;
    }
    struct library library;
    if (load(handle, &library)) {
        read_cards(&library, gpus);
    }
    (void)dlclose(handle);
}
