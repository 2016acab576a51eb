/* Keys and values as the endpoint document allows them, see label_is_valid(). */
#include "label.h"

#include "queue/label.h"

static bool is_repeated(const struct config_strings *labels, size_t index)
{
    struct slice rest = slice_of(labels->items[index]);
    struct slice key = slice_cut(&rest, '=');
    for (size_t i = 0; i < index; i++) {
        struct slice other = slice_of(labels->items[i]);
        if (slice_eq(slice_cut(&other, '='), key)) {
            return true;
        }
    }
    return false;
}

const char *labels_check(const struct config_strings *labels, struct buf *problem)
{
    for (size_t i = 0; i < labels->count; i++) {
        struct slice value = slice_of(labels->items[i]);
        struct slice key = slice_cut(&value, '=');
        if (i == LABELS_MAX || !label_is_valid(key, value)) {
            buf_put_str(problem, "use KEY=VALUE, " LABEL_ALLOWED);
            return labels->items[i];
        }
        if (is_repeated(labels, i)) {
            buf_put_str(problem, "the key is given twice; each may have one value");
            return labels->items[i];
        }
    }
    return NULL;
}

void labels_put_json(const struct config_strings *labels, struct buf *out)
{
    buf_put_char(out, '{');
    for (size_t i = 0; i < labels->count; i++) {
        struct slice value = slice_of(labels->items[i]);
        struct slice key = slice_cut(&value, '=');
        buf_printf(out, "%s\"%.*s\":\"%.*s\"", i > 0 ? "," : "", SLICE_ARG(key), SLICE_ARG(value));
    }
    buf_put_char(out, '}');
}
