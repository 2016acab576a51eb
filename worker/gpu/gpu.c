/* The ledger of cards: who asked first has them until the process ended. */
#include "gpu/gpu.h"

bool gpus_give(struct gpus *gpus, size_t count, int *ret_indexes)
{
    size_t found = 0;
    for (size_t i = 0; i < gpus->count && found < count; i++) {
        if (!gpus->items[i].is_given) {
            ret_indexes[found++] = (int)i;
        }
    }
    if (found < count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        gpus->items[ret_indexes[i]].is_given = true;
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

void gpus_put_json(const struct gpus *gpus, struct buf *out)
{
    buf_put_char(out, '[');
    for (size_t i = 0; i < gpus->count; i++) {
        const struct gpu *gpu = &gpus->items[i];
        buf_put_str(out, i > 0 ? ",{\"uuid\":" : "{\"uuid\":");
        buf_put_json_str(out, slice_of(gpu->uuid));
        buf_put_str(out, ",\"name\":");
        buf_put_json_str(out, slice_of(gpu->name));
        buf_printf(out, ",\"memory\":%lld}", (long long)gpu->memory);
    }
    buf_put_char(out, ']');
}
