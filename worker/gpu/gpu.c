/* The ledger of cards: who asked first has them until the process ended. */
#include "gpu/gpu.h"

bool gpu_is_slice(const struct gpu *gpu)
{
    return slice_starts(slice_of(gpu->uuid), SLICE("MIG-"));
}

static bool may_be_given(const struct gpu *gpu, size_t count)
{
    return !gpu->is_given && !gpu->is_checking && health_is_usable(&gpu->health) &&
           (count == 1 || !gpu_is_slice(gpu));
}

static bool is_any(char *const *types)
{
    return types == NULL || types[0] == NULL;
}

static bool is_named(const struct gpu *gpu, struct slice type)
{
    return slice_eq_nocase(slice_of(gpu->name), type);
}

/* Free cards of that name; the first `count` of them, or false. */
static bool find_type(const struct gpus *gpus, struct slice name, size_t count, int *ret_indexes)
{
    size_t found = 0;
    for (size_t i = 0; i < gpus->count && found < count; i++) {
        if (may_be_given(&gpus->items[i], count) && is_named(&gpus->items[i], name)) {
            ret_indexes[found++] = (int)i;
        }
    }
    return found == count;
}

static bool find_any(const struct gpus *gpus, size_t count, int *ret_indexes)
{
    for (size_t i = 0; i < gpus->count; i++) {
        if (find_type(gpus, slice_of(gpus->items[i].name), count, ret_indexes)) {
            return true;
        }
    }
    return false;
}

bool gpus_give(struct gpus *gpus, size_t count, char *const *types, int *ret_indexes)
{
    bool is_found = is_any(types) && find_any(gpus, count, ret_indexes);
    for (char *const *type = types; !is_any(types) && !is_found && *type != NULL; type++) {
        is_found = find_type(gpus, slice_of(*type), count, ret_indexes);
    }
    for (size_t i = 0; is_found && i < count; i++) {
        gpus->items[ret_indexes[i]].is_given = true;
    }
    return is_found;
}

bool gpus_are_of(const struct gpus *gpus, const int *indexes, size_t count, char *const *types)
{
    for (size_t i = 0; !is_any(types) && i < count; i++) {
        char *const *type = types;
        while (*type != NULL && !is_named(&gpus->items[indexes[i]], slice_of(*type))) {
            type++;
        }
        if (*type == NULL) {
            return false;
        }
    }
    return true;
}

void gpus_take_back(struct gpus *gpus, const int *indexes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gpus->items[indexes[i]].is_given = false;
    }
}

void gpus_put_uuids(const struct gpus *gpus, const int *indexes, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s%s", i > 0 ? "," : "", gpus->items[indexes[i]].uuid);
    }
}

const char *gpu_state(const struct gpu *gpu)
{
    if (gpu->health.trouble != HEALTH_WELL) {
        return "out";
    }
    return gpu->is_given ? "given" : gpu->health.is_checked ? "free" : "checking";
}

static void put_text(struct buf *out, const char *key, const char *text)
{
    if (text[0] != '\0') {
        buf_printf(out, ",\"%s\":", key);
        buf_put_json_str(out, slice_of(text));
    }
}

static void put_card(struct buf *out, const struct gpu *gpu)
{
    buf_put_str(out, "{\"uuid\":");
    buf_put_json_str(out, slice_of(gpu->uuid));
    put_text(out, "name", gpu->name);
    buf_printf(out, ",\"memory\":%lld", (long long)gpu->memory);
    put_text(out, "capability", gpu->capability);
    put_text(out, "sliceOf", gpu->parent);
    put_text(out, "state", gpu_state(gpu));
    if (gpu->health.trouble != HEALTH_WELL) {
        put_text(out, "reason", gpu->health.reason);
        buf_printf(out, ",\"since\":%lld", (long long)gpu->health.since_ms);
    }
    buf_put_char(out, '}');
}

void gpus_put_json(const struct gpus *gpus, struct buf *out)
{
    buf_put_char(out, '[');
    for (size_t i = 0; i < gpus->count; i++) {
        buf_put_str(out, i > 0 ? "," : "");
        put_card(out, &gpus->items[i]);
    }
    buf_put_char(out, ']');
}
