/* One table holds the fields, their ranges and defaults; whatever is not in it is refused by name.
 */
#include "order.h"
#include "base/json_tree.h"

#include <math.h>

#include "scene.h"

#define VALUE_SHOWN_MAX 60

/* All fields but the scene are whole numbers. */
enum field { FIELD_WIDTH, FIELD_HEIGHT, FIELD_SEED, FIELD_SAMPLES, FIELD_COUNT };

static const struct range {
    const char *name;
    int64_t min, max, fallback;
} ranges[FIELD_COUNT] = {
    [FIELD_WIDTH] = {"width", ORDER_EDGE_MIN, ORDER_EDGE_MAX, 320},
    [FIELD_HEIGHT] = {"height", ORDER_EDGE_MIN, ORDER_EDGE_MAX, 240},
    [FIELD_SEED] = {"seed", 0, ORDER_SEED_MAX, 1},
    [FIELD_SAMPLES] = {"samples", 1, ORDER_SAMPLES_MAX, 32},
};

struct reading {
    int64_t values[FIELD_COUNT];
    const char *scene;
    struct buf *problem;
};

static enum err read_member(struct reading *reading, const cJSON *member);
static enum err read_number(struct reading *reading, enum field field, const cJSON *value);
static enum err read_scene(struct reading *reading, const cJSON *value);

static enum err check_twice(struct reading *reading, const cJSON *member)
{
    for (const cJSON *other = member->next; other != NULL; other = other->next) {
        if (strcmp(other->string, member->string) == 0) {
            buf_printf(reading->problem, "%s is given twice", member->string);
            return ERR_BAD_REQUEST;
        }
    }
    return ERR_OK;
}

static enum err read_members(struct reading *reading, const cJSON *input)
{
    if (!cJSON_IsObject(input)) {
        buf_put_str(reading->problem, "input is not an object: use {\"width\": 320, ...}");
        return ERR_BAD_REQUEST;
    }
    enum err err = ERR_OK;
    for (const cJSON *at = input->child; at != NULL && err == ERR_OK; at = at->next) {
        err = read_member(reading, at);
        err = err == ERR_OK ? check_twice(reading, at) : err;
    }
    return err;
}

enum err order_parse(struct slice input, struct order *ret_order, struct buf *problem)
{
    struct reading reading = {.scene = scene_names()[0], .problem = problem};
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        reading.values[i] = ranges[i].fallback;
    }
    AUTO(cJSON_Delete) cJSON *root = cJSON_ParseWithLength(input.ptr, input.len);
    enum err err = read_members(&reading, root);
    if (err != ERR_OK) {
        return err;
    }
    *ret_order = (struct order){.width = (uint32_t)reading.values[FIELD_WIDTH],
                                .height = (uint32_t)reading.values[FIELD_HEIGHT],
                                .samples = (uint32_t)reading.values[FIELD_SAMPLES],
                                .seed = (uint64_t)reading.values[FIELD_SEED],
                                .scene = reading.scene};
    return ERR_OK;
}

static enum err refuse_unknown(struct reading *reading, const char *name)
{
    buf_printf(reading->problem, "%.*s is not a known field: use ", VALUE_SHOWN_MAX, name);
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        buf_printf(reading->problem, "%s, ", ranges[i].name);
    }
    buf_put_str(reading->problem, "scene");
    return ERR_BAD_REQUEST;
}

static enum err read_member(struct reading *reading, const cJSON *member)
{
    if (strcmp(member->string, "scene") == 0) {
        return read_scene(reading, member);
    }
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(member->string, ranges[i].name) == 0) {
            return read_number(reading, (enum field)i, member);
        }
    }
    return refuse_unknown(reading, member->string);
}

/* "NAME is VALUE: use ", with the value as it was written or nearly so. */
static void put_refusal(struct reading *reading, const char *name, const cJSON *value)
{
    AUTO(cJSON_free) char *text = cJSON_PrintUnformatted(value);
    bool is_cut = text != NULL && strlen(text) > VALUE_SHOWN_MAX;
    buf_printf(reading->problem, "%s is %.*s%s: use ", name, VALUE_SHOWN_MAX,
               text != NULL ? text : "unreadable", is_cut ? "..." : "");
}

/* The limits are below 2^53, so the comparison as doubles is exact. */
static enum err read_number(struct reading *reading, enum field field, const cJSON *value)
{
    const struct range *range = &ranges[field];
    double number = cJSON_IsNumber(value) ? value->valuedouble : NAN;
    if (number >= (double)range->min && number <= (double)range->max && floor(number) == number) {
        reading->values[field] = (int64_t)number;
        return ERR_OK;
    }
    put_refusal(reading, range->name, value);
    buf_put_str(reading->problem, "a whole number from ");
    buf_put_i64(reading->problem, range->min);
    buf_put_str(reading->problem, " to ");
    buf_put_i64(reading->problem, range->max);
    return ERR_BAD_REQUEST;
}

static enum err read_scene(struct reading *reading, const cJSON *value)
{
    const char *const *names = scene_names();
    for (unsigned i = 0; names[i] != NULL && cJSON_IsString(value); i++) {
        if (strcmp(value->valuestring, names[i]) == 0) {
            reading->scene = names[i];
            return ERR_OK;
        }
    }
    put_refusal(reading, "scene", value);
    for (unsigned i = 0; names[i] != NULL; i++) {
        buf_printf(reading->problem, "%s\"%s\"", i > 0 ? ", " : "", names[i]);
    }
    return ERR_BAD_REQUEST;
}
