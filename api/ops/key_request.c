/* Three members, read with cJSON: bodies here are small and rare. */
#include "ops/key_request.h"
#include "base/json_tree.h"

#include "base/date.h"
#include "base/json.h"
#include "permit.h"

#define NAME_MAX_BYTES 191

static enum err check_names(const cJSON *root, struct buf *problem);
static enum err read_name(const cJSON *name, struct buf *members, struct buf *problem);
static enum err read_scopes(const cJSON *scopes, struct buf *members, struct buf *problem);
static enum err read_expiry(const cJSON *expiry, int64_t now_ms, struct buf *members,
                            struct buf *problem);

enum err key_request_parse(struct slice body, int64_t now_ms, struct buf *members,
                           struct buf *problem)
{
    struct json_problem where = {0};
    if (json_scan_document(body, &where) != ERR_OK) {
        (void)buf_printf(problem, "the body must be a JSON object: %s at byte %zu", where.what,
                         where.offset);
        return ERR_BAD_JSON;
    }
    AUTO(cJSON_Delete) cJSON *root = cJSON_ParseWithLength(body.ptr, body.len);
    enum err err = check_names(root, problem);
    if (err == ERR_OK) {
        err = read_name(cJSON_GetObjectItemCaseSensitive(root, "name"), members, problem);
    }
    if (err == ERR_OK) {
        err = read_scopes(cJSON_GetObjectItemCaseSensitive(root, "scopes"), members, problem);
    }
    if (err == ERR_OK) {
        err = read_expiry(cJSON_GetObjectItemCaseSensitive(root, "expiresAt"), now_ms, members,
                          problem);
    }
    return err;
}

static enum err refuse(const char *key, const cJSON *value, const char *allowed,
                       struct buf *problem)
{
    AUTO(cJSON_free) char *text = value != NULL ? cJSON_PrintUnformatted(value) : NULL;
    (void)buf_printf(problem, "%s%s", key, text != NULL ? " is " : "");
    (void)buf_put_excerpt(problem, slice_of(text), 80);
    (void)buf_printf(problem, ": %s", allowed);
    return ERR_BAD_REQUEST;
}

static enum err check_names(const cJSON *root, struct buf *problem)
{
    if (!cJSON_IsObject(root)) {
        return refuse("the body", NULL, "use a JSON object", problem);
    }
    const cJSON *member;
    cJSON_ArrayForEach(member, root)
    {
        if (strcmp(member->string, "name") != 0 && strcmp(member->string, "scopes") != 0 &&
            strcmp(member->string, "expiresAt") != 0) {
            (void)buf_put_str(problem, "unknown key ");
            (void)buf_put_excerpt(problem, slice_of(member->string), 80);
            (void)buf_put_str(problem, ", known are name, scopes, expiresAt");
            return ERR_BAD_REQUEST;
        }
    }
    return ERR_OK;
}

static enum err read_name(const cJSON *name, struct buf *members, struct buf *problem)
{
    size_t len = cJSON_IsString(name) ? strlen(name->valuestring) : 0;
    if (name == NULL) {
        return refuse("name", NULL, "is required, a text of 1 to 191 bytes", problem);
    }
    if (len == 0 || len > NAME_MAX_BYTES) {
        return refuse("name", name, "use a text of 1 to 191 bytes", problem);
    }
    (void)buf_put_str(members, "\"name\":");
    (void)buf_put_json_str(members, slice_of(name->valuestring));
    return ERR_OK;
}

static enum err read_scopes(const cJSON *scopes, struct buf *members, struct buf *problem)
{
    AUTO(permits_done) struct permits permits = {0};
    AUTO(cJSON_free) char *text = scopes != NULL ? cJSON_PrintUnformatted(scopes) : NULL;
    if (text == NULL) {
        return refuse("scopes", NULL, "is required, like {\"*\": [\"run\", \"read\"]}", problem);
    }
    enum err err = permits_parse(slice_of(text), &permits, problem);
    if (err == ERR_OK) {
        (void)buf_put_str(members, ",\"scopes\":");
        (void)buf_put_str(members, text);
    }
    return err;
}

static enum err read_expiry(const cJSON *expiry, int64_t now_ms, struct buf *members,
                            struct buf *problem)
{
    static const char allowed[] =
        "use milliseconds since 1970 or a text like \"2030-01-31T12:00:00Z\"";
    const double ms_max = 8.64e15; /* what a JavaScript Date can hold */
    int64_t ms = 0;
    if (expiry == NULL || cJSON_IsNull(expiry)) {
        return ERR_OK;
    }
    if (cJSON_IsString(expiry)) {
        if (date_parse(slice_of(expiry->valuestring), &ms) != ERR_OK) {
            return refuse("expiresAt", expiry, allowed, problem);
        }
    } else if (cJSON_IsNumber(expiry) && expiry->valuedouble >= 0 &&
               expiry->valuedouble <= ms_max) {
        ms = (int64_t)expiry->valuedouble;
    } else {
        return refuse("expiresAt", expiry, allowed, problem);
    }
    if (ms <= now_ms) {
        return refuse("expiresAt", expiry, "use a time to come", problem);
    }
    (void)buf_printf(members, ",\"expiresAt\":%lld", (long long)ms);
    return ERR_OK;
}
