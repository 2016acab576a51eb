/* A libnvidia-ml.so.1 without a driver: the functions that worker/gpu/nvml.c asks for, with the
 * signatures and numbers of NVIDIA's documentation. */
#include "fake_nvml.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    SUCCESS = 0,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7,
    TIMEOUT = 10
};

struct memory {
    unsigned long long total, available, used;
};
struct memory_v2 {
    unsigned version;
    unsigned long long total, reserved, available, used;
};
struct event {
    void *device;
    unsigned long long type, data;
    unsigned instance, compute_instance;
};

struct fake_nvml fake_nvml_state;
static struct fake_nvml *const state = &fake_nvml_state;

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlSystemGetDriverVersion(char *out, unsigned size);
int nvmlSystemGetCudaDriverVersion_v2(int *version);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device);
int nvmlDeviceGetUUID(void *device, char *out, unsigned size);
int nvmlDeviceGetName(void *device, char *out, unsigned size);
int nvmlDeviceGetMemoryInfo(void *device, struct memory *memory);
int nvmlDeviceGetMemoryInfo_v2(void *device, struct memory_v2 *memory);
int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor);
int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending);
int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *count);
int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **slice);
int nvmlDeviceGetGpuInstanceId(void *device, unsigned *id);
int nvmlDeviceGetTotalEccErrors(void *device, int type, int counter, unsigned long long *count);
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, void *infos);
int nvmlEventSetCreate(void **set);
int nvmlDeviceRegisterEvents(void *device, unsigned long long types, void *set);
int nvmlEventSetWait_v2(void *set, struct event *event, unsigned timeout_ms);
int nvmlEventSetFree(void *set);

int nvmlInit_v2(void)
{
    state->opened++;
    return SUCCESS;
}

int nvmlShutdown(void)
{
    state->opened--;
    return SUCCESS;
}

static int copy(const char *text, char *out, unsigned size)
{
    return snprintf(out, size, "%s", text) < (int)size ? SUCCESS : INSUFFICIENT_SIZE;
}

int nvmlSystemGetDriverVersion(char *out, unsigned size)
{
    return copy("580.65.06", out, size);
}

int nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    *version = 12040;
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = state->count;
    return SUCCESS;
}

static struct fake_card *card_of(const void *device)
{
    for (unsigned i = 0; i < state->count; i++) {
        if (device == &state->cards[i].whole) {
            return &state->cards[i];
        }
    }
    return NULL;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    if (index >= state->count) {
        return INVALID_ARGUMENT;
    }
    *device = &state->cards[index].whole;
    return state->cards[index].whole.status;
}

int nvmlDeviceGetUUID(void *device, char *out, unsigned size)
{
    const struct fake_device *one = device;
    return one->status != 0 ? one->status : copy(one->uuid, out, size);
}

int nvmlDeviceGetName(void *device, char *out, unsigned size)
{
    const struct fake_device *one = device;
    return one->status != 0 ? one->status : copy(one->name, out, size);
}

int nvmlDeviceGetMemoryInfo(void *device, struct memory *memory)
{
    const struct fake_device *one = device;
    unsigned long long used = one->used + one->reserved;
    *memory = (struct memory){one->total, one->total - used, used};
    return one->status;
}

int nvmlDeviceGetMemoryInfo_v2(void *device, struct memory_v2 *memory)
{
    const struct fake_device *one = device;
    const struct timespec pause = {.tv_sec = state->hangs_ms / 1000,
                                   .tv_nsec = state->hangs_ms % 1000 * 1000000L};
    (void)nanosleep(&pause, NULL);
    if (memory->version != (sizeof(*memory) | 2U << 24)) {
        return INVALID_ARGUMENT;
    }
    memory->total = one->total;
    memory->reserved = one->reserved;
    memory->used = one->used;
    memory->available = one->total - one->used - one->reserved;
    return one->status;
}

int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor)
{
    *major = 9;
    *minor = 0;
    return card_of(device) != NULL ? SUCCESS : INVALID_ARGUMENT;
}

int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending)
{
    const struct fake_card *card = card_of(device);
    *current = *pending = card != NULL && card->is_sliced;
    return card != NULL ? SUCCESS : INVALID_ARGUMENT;
}

int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *count)
{
    *count = FAKE_SLICES;
    return card_of(device) != NULL ? SUCCESS : INVALID_ARGUMENT;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **slice)
{
    struct fake_card *card = card_of(device);
    if (card == NULL || index >= FAKE_SLICES) {
        return INVALID_ARGUMENT;
    }
    *slice = &card->slices[index];
    return card->slices[index].uuid != NULL ? SUCCESS : NOT_FOUND;
}

int nvmlDeviceGetGpuInstanceId(void *device, unsigned *id)
{
    *id = ((const struct fake_device *)device)->instance;
    return card_of(device) == NULL ? SUCCESS : INVALID_ARGUMENT;
}

int nvmlDeviceGetTotalEccErrors(void *device, int type, int counter, unsigned long long *count)
{
    const struct fake_card *card = card_of(device);
    if (card == NULL || type != 1 || counter != 0) {
        return INVALID_ARGUMENT;
    }
    *count = card->whole.ecc;
    return card->whole.has_ecc ? SUCCESS : NOT_SUPPORTED;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, void *infos)
{
    unsigned room = *count;
    *count = ((const struct fake_device *)device)->processes;
    return infos == NULL && room == 0 && *count > 0 ? INSUFFICIENT_SIZE : SUCCESS;
}

/* ---- events ---- */

int nvmlEventSetCreate(void **set)
{
    state->event_sets++;
    *set = state->events;
    return SUCCESS;
}

int nvmlDeviceRegisterEvents(void *device, unsigned long long types, void *set)
{
    struct fake_card *card = card_of(device);
    if (card == NULL || set != state->events) {
        return INVALID_ARGUMENT;
    }
    card->events |= types;
    return SUCCESS;
}

int nvmlEventSetWait_v2(void *set, struct event *event, unsigned timeout_ms)
{
    (void)timeout_ms;
    if (set != state->events || state->event_count == 0) {
        return TIMEOUT;
    }
    const struct fake_event first = state->events[0];
    memmove(state->events, state->events + 1, --state->event_count * sizeof(first));
    *event = (struct event){&state->cards[first.card].whole, first.type, first.data, first.instance,
                            0xFFFFFFFF};
    return SUCCESS;
}

int nvmlEventSetFree(void *set)
{
    state->event_sets--;
    return set == state->events ? SUCCESS : INVALID_ARGUMENT;
}
