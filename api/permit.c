/* Scopes: a JSON object in, a short array with one bit for each permission out. The text is read
 * with cJSON, once when a key is made and once when a node meets it, never for each request. */
#include "permit.h"
#include "base/json_tree.h"

#include "queue/endpoint.h"

static const char allowed[] = "\"run\", \"read\", \"cancel\", \"purge\", \"admin\"";
static const struct {
    enum permit permit;
    const char *name;
} names[] = {
    {PERMIT_RUN, "run"},     {PERMIT_READ, "read"},   {PERMIT_CANCEL, "cancel"},
    {PERMIT_PURGE, "purge"}, {PERMIT_ADMIN, "admin"},
};

static enum err read_endpoint(const cJSON *list, struct permits *permits, struct buf *problem);
static enum err read_list(const cJSON *list, unsigned *ret_permits, struct buf *problem);

void permits_done(struct permits *permits)
{
    free(permits->endpoints);
    *permits = (struct permits){0};
}

enum err permits_parse(struct slice scopes, struct permits *ret_permits, struct buf *problem)
{
    AUTO(cJSON_Delete) cJSON *root = cJSON_ParseWithLength(scopes.ptr, scopes.len);
    AUTO(permits_done) struct permits permits = {0};
    int count = cJSON_IsObject(root) ? cJSON_GetArraySize(root) : 0;
    if (count == 0 || count > PERMIT_ENDPOINTS_MAX) {
        (void)buf_put_str(problem, "scopes is ");
        (void)buf_put_excerpt(problem, scopes, 80);
        (void)buf_printf(problem,
                         ": use an object of 1 to %d endpoint ids (or \"*\"), each with an array "
                         "of %s",
                         PERMIT_ENDPOINTS_MAX, allowed);
        return ERR_BAD_REQUEST;
    }
    permits.endpoints = xcalloc((size_t)count, sizeof(permits.endpoints[0]));
    const cJSON *list;
    cJSON_ArrayForEach(list, root)
    {
        enum err err = read_endpoint(list, &permits, problem);
        if (err != ERR_OK) {
            return err;
        }
    }
    *ret_permits = permits;
    permits = (struct permits){0};
    return ERR_OK;
}

static bool is_known(const struct permits *permits, const char *ep)
{
    for (size_t i = 0; i < permits->count; i++) {
        if (strcmp(permits->endpoints[i].ep, ep) == 0) {
            return true;
        }
    }
    return strcmp(ep, "*") == 0 && permits->everywhere != 0;
}

static enum err read_endpoint(const cJSON *list, struct permits *permits, struct buf *problem)
{
    struct slice ep = slice_of(list->string);
    bool is_all = slice_is(ep, "*");
    unsigned bits = 0;
    if (!is_all && !endpoint_id_is_valid(ep)) {
        (void)buf_put_str(problem, "scopes names the endpoint \"");
        (void)buf_put_excerpt(problem, ep, 80);
        (void)buf_put_str(problem, "\": use an endpoint id or \"*\"");
        return ERR_BAD_REQUEST;
    }
    if (is_known(permits, list->string)) {
        (void)buf_printf(problem, "scopes.%s is given twice", list->string);
        return ERR_BAD_REQUEST;
    }
    enum err err = read_list(list, &bits, problem);
    if (err != ERR_OK) {
        return err;
    }
    if (is_all) {
        permits->everywhere = (bits & PERMIT_ADMIN) != 0 ? PERMIT_EVERYTHING : bits;
    } else {
        struct endpoint_permits *own = &permits->endpoints[permits->count++];
        memcpy(own->ep, ep.ptr, ep.len);
        own->permits = bits;
    }
    return ERR_OK;
}

static unsigned permit_find(const cJSON *name)
{
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (cJSON_IsString(name) && strcmp(names[i].name, name->valuestring) == 0) {
            return names[i].permit;
        }
    }
    return PERMIT_NONE;
}

static enum err refuse_list(const cJSON *list, const cJSON *value, struct buf *problem)
{
    AUTO(cJSON_free) char *text = cJSON_PrintUnformatted(value);
    (void)buf_put_str(problem, "scopes.");
    (void)buf_put_excerpt(problem, slice_of(list->string), 80);
    (void)buf_put_str(problem, value == list ? " is " : " holds ");
    (void)buf_put_excerpt(problem, slice_of(text), 80);
    (void)buf_printf(problem, ": use an array of one or more of %s", allowed);
    return ERR_BAD_REQUEST;
}

static enum err read_list(const cJSON *list, unsigned *ret_permits, struct buf *problem)
{
    unsigned bits = 0;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) == 0) {
        return refuse_list(list, list, problem);
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        unsigned bit = permit_find(item);
        if (bit == PERMIT_NONE) {
            return refuse_list(list, item, problem);
        }
        bits |= bit;
    }
    *ret_permits = bits;
    return ERR_OK;
}

unsigned permits_at(const struct permits *permits, struct slice ep)
{
    for (size_t i = 0; i < permits->count; i++) {
        if (slice_is(ep, permits->endpoints[i].ep)) {
            return permits->everywhere | permits->endpoints[i].permits;
        }
    }
    return permits->everywhere;
}

const char *permit_name(enum permit permit)
{
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (names[i].permit == permit) {
            return names[i].name;
        }
    }
    return "admin";
}
