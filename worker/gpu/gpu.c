/* The ledger of cards: who asked first has them until the process ended. */
#include "gpu/gpu.h"

/* Free cards of that name; the first `count` of them, or false. */
static bool find_type(const struct gpus *gpus, struct slice name, size_t count, int *ret_indexes)
{
    size_t found = 0;
    for (size_t i = 0; i < gpus->count && found < count; i++) {
        if (!gpus->items[i].is_given && slice_eq_nocase(slice_of(gpus->items[i].name), name)) {
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
    bool is_any = types == NULL || types[0] == NULL;
    bool is_found = is_any && find_any(gpus, count, ret_indexes);
    for (char *const *type = types; !is_any && !is_found && *type != NULL; type++) {
        is_found = find_type(gpus, slice_of(*type), count, ret_indexes);
    }
    for (size_t i = 0; is_found && i < count; i++) {
        gpus->items[ret_indexes[i]].is_given = true;
    }
    return is_found;
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
