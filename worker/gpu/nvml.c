/* NVML by dlopen, so that one binary serves machines with and without a driver. The few
 * declarations below are NVML's stable ABI.
 *
 * What an old driver's library lacks (slices, events, memory without the driver's own) is left out.
 * The library stays open: its handles are what later looks ask. A card whose slices are in use
 * (MIG) is not a card itself; Xid and ECC errors are those of the whole card, but for events that
 * name another slice. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "gpu/source.h"

#define PERIOD_MS 2000
#define EVENTS_MAX 64 /* taken in one look */
#define NO_INSTANCE UINT32_MAX

enum { SUCCESS = 0, IS_LOST = 15, RESET_REQUIRED = 16, INSUFFICIENT_SIZE = 7 };
enum { UNCORRECTED = 1, VOLATILE = 0 };
#define XID_ERROR 8ULL

struct memory {
    unsigned long long total, available, used;
};
struct memory_v2 {
    unsigned version; /* sizeof | 2 << 24 */
    unsigned long long total, reserved, available, used;
};
struct event {
    void *device;
    unsigned long long type, data;
    unsigned instance, compute_instance;
};

struct library {
    void *handle;
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *ret_count);
    int (*by_index)(unsigned index, void **ret_device);
    int (*uuid)(void *device, char *out, unsigned size);
    int (*name)(void *device, char *out, unsigned size);
    int (*memory)(void *device, struct memory *ret_memory);
    /* NULL in some */
    int (*memory_v2)(void *device, struct memory_v2 *memory);
    int (*driver)(char *out, unsigned size);
    int (*cuda)(int *ret_version);
    int (*capability)(void *device, int *ret_major, int *ret_minor);
    int (*mig_mode)(void *device, unsigned *ret_current, unsigned *ret_pending);
    int (*mig_max)(void *device, unsigned *ret_count);
    int (*mig_by_index)(void *device, unsigned index, void **ret_slice);
    int (*instance)(void *device, unsigned *ret_id);
    int (*ecc)(void *device, int type, int counter, unsigned long long *ret_count);
    int (*processes)(void *device, unsigned *count, void *infos);
    int (*events_new)(void **ret_set);
    int (*events_register)(void *device, unsigned long long types, void *set);
    int (*events_wait)(void *set, struct event *ret_event, unsigned timeout_ms);
    int (*events_free)(void *set);
};

struct device {
    void *handle, *card; /* of a slice: its card's; else the same */
    unsigned instance;   /* of a slice; NO_INSTANCE for a whole card */
};

struct nvml {
    struct gpu_source source;
    struct library library;
    struct device devices[GPU_MAX]; /* in the order of the inventory */
    void *events;                   /* NULL: none to be had */
};

/* ---- library ---- */

static bool load(struct library *library)
{
    const struct {
        const char *name;
        void *target;
        bool is_needed;
    } symbols[] = {
        {"nvmlInit_v2", &library->init, true},
        {"nvmlShutdown", &library->shutdown, true},
        {"nvmlDeviceGetCount_v2", &library->count, true},
        {"nvmlDeviceGetHandleByIndex_v2", &library->by_index, true},
        {"nvmlDeviceGetUUID", &library->uuid, true},
        {"nvmlDeviceGetName", &library->name, true},
        {"nvmlDeviceGetMemoryInfo", &library->memory, true},
        {"nvmlDeviceGetMemoryInfo_v2", &library->memory_v2, false},
        {"nvmlSystemGetDriverVersion", &library->driver, false},
        {"nvmlSystemGetCudaDriverVersion_v2", &library->cuda, false},
        {"nvmlDeviceGetCudaComputeCapability", &library->capability, false},
        {"nvmlDeviceGetMigMode", &library->mig_mode, false},
        {"nvmlDeviceGetMaxMigDeviceCount", &library->mig_max, false},
        {"nvmlDeviceGetMigDeviceHandleByIndex", &library->mig_by_index, false},
        {"nvmlDeviceGetGpuInstanceId", &library->instance, false},
        {"nvmlDeviceGetTotalEccErrors", &library->ecc, false},
        {"nvmlDeviceGetComputeRunningProcesses_v3", &library->processes, false},
        {"nvmlEventSetCreate", &library->events_new, false},
        {"nvmlDeviceRegisterEvents", &library->events_register, false},
        {"nvmlEventSetWait_v2", &library->events_wait, false},
        {"nvmlEventSetFree", &library->events_free, false},
    };
    for (size_t i = 0; i < COUNT_OF(symbols); i++) {
        void *found = dlsym(library->handle, symbols[i].name);
        if (found == NULL && symbols[i].is_needed) {
            log_warn("gpu.library", "missing=%s", symbols[i].name);
            return false;
        }
        memcpy(symbols[i].target, &found, sizeof(found));
    }
    return true;
}

static bool is_gone(int status)
{
    return status == IS_LOST || status == RESET_REQUIRED;
}

/* ---- inventory ---- */

static void read_versions(const struct library *library, struct gpus *gpus)
{
    int version = 0;
    if (library->driver != NULL && library->driver(gpus->driver, sizeof(gpus->driver)) != SUCCESS) {
        gpus->driver[0] = '\0';
    }
    if (library->cuda != NULL && library->cuda(&version) == SUCCESS && version > 0) {
        (void)snprintf(gpus->cuda, sizeof(gpus->cuda), "%d.%d", version / 1000,
                       version % 1000 / 10);
    }
}

static void read_capability(const struct library *library, void *card, struct gpu *gpu)
{
    int major = 0, minor = 0;
    if (library->capability != NULL && library->capability(card, &major, &minor) == SUCCESS) {
        (void)snprintf(gpu->capability, sizeof(gpu->capability), "%d.%d", major, minor);
    }
}

/* False when it does not tell what it is. */
static bool add_card(struct nvml *nvml, const struct device *device, struct gpus *gpus)
{
    const struct library *library = &nvml->library;
    struct gpu gpu = {0};
    struct memory memory = {0};
    if (gpus->count == GPU_MAX ||
        library->uuid(device->handle, gpu.uuid, sizeof(gpu.uuid)) != SUCCESS ||
        library->name(device->handle, gpu.name, sizeof(gpu.name)) != SUCCESS ||
        library->memory(device->handle, &memory) != SUCCESS) {
        return false;
    }
    gpu.memory = (int64_t)memory.total;
    read_capability(library, device->card, &gpu);
    if (device->card != device->handle &&
        library->uuid(device->card, gpu.parent, sizeof(gpu.parent)) != SUCCESS) {
        gpu.parent[0] = '\0';
    }
    nvml->devices[gpus->count] = *device;
    gpus->items[gpus->count++] = gpu;
    return true;
}

static bool is_sliced(const struct library *library, void *card)
{
    unsigned current = 0, pending = 0;
    return library->mig_mode != NULL && library->mig_max != NULL && library->mig_by_index != NULL &&
           library->mig_mode(card, &current, &pending) == SUCCESS && current == 1;
}

static void add_slices(struct nvml *nvml, void *card, struct gpus *gpus)
{
    unsigned max = 0;
    if (nvml->library.mig_max(card, &max) != SUCCESS) {
        return;
    }
    for (unsigned i = 0; i < max; i++) {
        struct device device = {.card = card, .instance = NO_INSTANCE};
        if (nvml->library.mig_by_index(card, i, &device.handle) != SUCCESS) {
            continue; /* a place without a slice */
        }
        if (nvml->library.instance == NULL ||
            nvml->library.instance(device.handle, &device.instance) != SUCCESS) {
            device.instance = NO_INSTANCE;
        }
        (void)add_card(nvml, &device, gpus);
    }
}

static void watch_events(struct nvml *nvml, void *card)
{
    const struct library *library = &nvml->library;
    bool has_events = library->events_new != NULL && library->events_register != NULL &&
                      library->events_wait != NULL && library->events_free != NULL;
    if (has_events && nvml->events == NULL && library->events_new(&nvml->events) != SUCCESS) {
        nvml->events = NULL;
    }
    if (nvml->events != NULL &&
        library->events_register(card, XID_ERROR, nvml->events) != SUCCESS) {
        log_warn("gpu.no_events", "reason=\"the driver reports no Xid errors of a card\"");
    }
}

static void read_cards(struct nvml *nvml, struct gpus *gpus)
{
    unsigned count = 0;
    if (nvml->library.count(&count) != SUCCESS) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        struct device device = {.instance = NO_INSTANCE};
        int status = nvml->library.by_index(i, &device.handle);
        device.card = device.handle;
        if (status == SUCCESS && is_sliced(&nvml->library, device.card)) {
            add_slices(nvml, device.card, gpus);
        } else if (status != SUCCESS || !add_card(nvml, &device, gpus)) {
            log_warn("gpu.unreadable", "index=%u nvml=%d", i, status);
            continue;
        }
        watch_events(nvml, device.card);
    }
}

/* ---- looks ---- */

static int64_t read_held(const struct library *library, void *device, int *ret_status)
{
    struct memory_v2 memory_v2 = {.version = (unsigned)sizeof(memory_v2) | 2U << 24};
    struct memory memory = {0};
    if (library->memory_v2 != NULL) {
        *ret_status = library->memory_v2(device, &memory_v2);
        if (*ret_status == SUCCESS || is_gone(*ret_status)) {
            return (int64_t)memory_v2.used;
        }
    }
    *ret_status = library->memory(device, &memory);
    return *ret_status == SUCCESS ? (int64_t)memory.used : -1;
}

/* Only the number is asked for: the layout of the entries has changed between drivers. */
static int64_t read_processes(const struct library *library, void *device)
{
    unsigned count = 0;
    int status = library->processes != NULL ? library->processes(device, &count, NULL) : -1;
    return status == SUCCESS || status == INSUFFICIENT_SIZE ? (int64_t)count : -1;
}

static int64_t read_ecc(const struct library *library, void *card)
{
    unsigned long long count = 0;
    int status = library->ecc != NULL ? library->ecc(card, UNCORRECTED, VOLATILE, &count) : -1;
    return status == SUCCESS ? (int64_t)count : -1; /* most cards for games have none */
}

static void read_card(const struct nvml *nvml, const struct device *device,
                      struct gpu_reading *reading)
{
    int status = SUCCESS;
    *reading = (struct gpu_reading){.held = read_held(&nvml->library, device->handle, &status)};
    reading->is_lost = is_gone(status);
    reading->processes = reading->is_lost ? -1 : read_processes(&nvml->library, device->handle);
    reading->ecc = reading->is_lost ? -1 : read_ecc(&nvml->library, device->card);
}

static bool is_about(const struct event *event, const struct device *device)
{
    return event->device == device->card &&
           (event->instance == NO_INSTANCE || device->instance == NO_INSTANCE ||
            event->instance == device->instance);
}

static void read_events(const struct nvml *nvml, struct gpu_reading *readings, size_t count)
{
    struct event event = {.instance = NO_INSTANCE};
    for (int i = 0; i < EVENTS_MAX && nvml->events != NULL &&
                    nvml->library.events_wait(nvml->events, &event, 0) == SUCCESS;
         i++) {
        for (size_t k = 0; k < count; k++) {
            unsigned xid = event.type == XID_ERROR ? (unsigned)event.data : 0;
            if (is_about(&event, &nvml->devices[k]) && xid != 0 &&
                (readings[k].xid == 0 || !health_is_program_xid(xid))) {
                readings[k].xid = xid;
            }
        }
        event.instance = NO_INSTANCE;
    }
}

static void nvml_look(struct gpu_source *source, struct gpu_reading *readings, size_t count)
{
    const struct nvml *nvml = container_of(source, struct nvml, source);
    for (size_t i = 0; i < count; i++) {
        read_card(nvml, &nvml->devices[i], &readings[i]);
    }
    read_events(nvml, readings, count);
}

/* ---- life ---- */

static void nvml_close(struct gpu_source *source)
{
    struct nvml *nvml = container_of(source, struct nvml, source);
    if (nvml->events != NULL) {
        (void)nvml->library.events_free(nvml->events);
    }
    (void)nvml->library.shutdown();
    (void)dlclose(nvml->library.handle);
    free(nvml);
}

static bool open_library(struct library *library)
{
    library->handle = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library->handle == NULL) {
        return false;
    }
    int status = load(library) ? library->init() : -1;
    if (status != SUCCESS) {
        log_warn("gpu.no_nvml", "nvml=%d", status);
        (void)dlclose(library->handle);
        return false;
    }
    return true;
}

struct gpu_source *source_nvml(struct gpus *gpus)
{
    struct library library = {0};
    gpus->count = 0;
    if (!open_library(&library)) {
        return NULL;
    }
    struct nvml *nvml = xcalloc(1, sizeof(*nvml));
    nvml->source = (struct gpu_source){PERIOD_MS, nvml_look, nvml_close};
    nvml->library = library;
    read_versions(&nvml->library, gpus);
    read_cards(nvml, gpus);
    if (gpus->count == 0) {
        nvml_close(&nvml->source);
        return NULL;
    }
    return &nvml->source;
}
