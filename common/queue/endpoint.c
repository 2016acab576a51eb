/* Reading an endpoint document with cJSON, one table row for each plain key. Every refusal names
 * the key, the value and what is allowed. */
#include "queue/endpoint.h"
#include "base/json_tree.h"

#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "queue/endpoint_read.h"

#define ARGV_MAX 256

enum err reader_refuse(struct reader *reader, const char *key, const cJSON *value,
                       const char *allowed)
{
    AUTO(cJSON_free) char *text = value != NULL ? cJSON_PrintUnformatted(value) : NULL;
    (void)buf_printf(reader->problem, "%s%s", key, text ? " is " : "");
    (void)buf_put_excerpt(reader->problem, slice_of(text), 80);
    (void)buf_printf(reader->problem, ": %s", allowed);
    return ERR_BAD_REQUEST;
}

/* "GROUP.NAME is VALUE: ALLOWED". */
static enum err refuse_member(struct reader *reader, const char *group, const char *name,
                              const cJSON *value, const char *allowed)
{
    AUTO_STR key = xasprintf("%s%s%s", group, group[0] ? "." : "", name);
    return reader_refuse(reader, key, value, allowed);
}

static enum err read_int(struct reader *reader, const char *group, const struct reader_field *field,
                         const cJSON *value)
{
    double number = cJSON_IsNumber(value) ? value->valuedouble : NAN;
    if (!(number >= (double)field->min && number <= (double)field->max) ||
        floor(number) != number) {
        char allowed[96];
        (void)snprintf(allowed, sizeof(allowed), "use a whole number from %lld to %lld",
                       (long long)field->min, (long long)field->max);
        return refuse_member(reader, group, field->name, value, allowed);
    }
    *(int64_t *)(void *)((char *)reader->endpoint + field->offset) = (int64_t)number;
    return ERR_OK;
}

bool reader_is_text(const cJSON *value, size_t max)
{
    return cJSON_IsString(value) && value->valuestring[0] != '\0' &&
           strlen(value->valuestring) <= max;
}

/* Looks a string up in a NULL-terminated list; the index, or -1. */
static int choice_of(const cJSON *value, const char *const *choices)
{
    for (int i = 0; cJSON_IsString(value) && choices[i] != NULL; i++) {
        if (strcmp(value->valuestring, choices[i]) == 0) {
            return i;
        }
    }
    return -1;
}

void reader_strings_free(char **items)
{
    for (char **at = items; at != NULL && *at != NULL; at++) {
        free(*at);
    }
    free(items);
}

/* An array of texts; `key` is for the refusal. */
enum err reader_strings(struct reader *reader, const char *key, const cJSON *value,
                        char ***ret_items)
{
    int count = cJSON_IsArray(value) ? cJSON_GetArraySize(value) : -1;
    bool is_ok = count >= 0 && count <= ARGV_MAX;
    const cJSON *item;
    cJSON_ArrayForEach(item, value)
    {
        is_ok = is_ok && cJSON_IsString(item);
    }
    if (!is_ok) {
        return reader_refuse(reader, key, value, "use an array of at most 256 strings");
    }
    char **items = xcalloc((size_t)count + 1, sizeof(*items));
    size_t at = 0;
    cJSON_ArrayForEach(item, value)
    {
        items[at++] = xstrdup(item->valuestring);
    }
    reader_strings_free(*ret_items);
    *ret_items = items;
    return ERR_OK;
}

/* ---- one function for each key that is not a plain number ---- */

/* "sys" names the common keys; the others are the first path segments of the management API. */
static bool is_reserved(struct slice id)
{
    static const char *const names[] = {
        "sys",      "serverless", "templates", "catalog",         "pods", "registries", "billing",
        "clusters", "account",    "batch",     "network-volumes",
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (slice_is(id, names[i])) {
            return true;
        }
    }
    return false;
}

static enum err read_id(struct reader *reader, const cJSON *value)
{
    if (cJSON_IsString(value) && is_reserved(slice_of(value->valuestring))) {
        return reader_refuse(reader, "id", value, "this name is reserved, use another");
    }
    if (!cJSON_IsString(value) || !endpoint_id_is_valid(slice_of(value->valuestring))) {
        return reader_refuse(reader, "id", value,
                             "use 1 to 63 of a-z, 0-9 and '-', not starting with '-'");
    }
    free(reader->endpoint->id);
    reader->endpoint->id = xstrdup(value->valuestring);
    return ERR_OK;
}

static enum err read_name(struct reader *reader, const cJSON *value)
{
    if (!reader_is_text(value, 191)) {
        return reader_refuse(reader, "name", value, "use a text of 1 to 191 bytes");
    }
    free(reader->endpoint->name);
    reader->endpoint->name = xstrdup(value->valuestring);
    return ERR_OK;
}

static enum err read_type(struct reader *reader, const cJSON *value)
{
    int choice = choice_of(value, (const char *const[]){"QUEUE", "LOAD_BALANCER", NULL});
    if (choice < 0) {
        return reader_refuse(reader, "type", value, "use \"QUEUE\" or \"LOAD_BALANCER\"");
    }
    reader->endpoint->type = (enum endpoint_type)choice;
    return ERR_OK;
}

static enum err read_scaler(struct reader *reader, const cJSON *value)
{
    int choice = choice_of(value, (const char *const[]){"QUEUE_DELAY", "REQUEST_COUNT", NULL});
    if (choice < 0) {
        return reader_refuse(reader, "scalerType", value,
                             "use \"QUEUE_DELAY\" or \"REQUEST_COUNT\"");
    }
    reader->endpoint->scaler = (enum endpoint_scaler)choice;
    return ERR_OK;
}

static enum err read_scaler_value(struct reader *reader, const cJSON *value)
{
    double number = cJSON_IsNumber(value) ? value->valuedouble : NAN;
    if (!(number >= 0.5 && number <= 1e6)) {
        return reader_refuse(
            reader, "scalerValue", value,
            "use a number from 0.5 (QUEUE_DELAY, seconds) or 1 (REQUEST_COUNT) to 1000000");
    }
    reader->endpoint->scaler_value = number;
    return ERR_OK;
}

static enum err read_gpu_types(struct reader *reader, const cJSON *value)
{
    return reader_strings(reader, "gpuTypeIds", value, &reader->endpoint->gpu_types);
}

static enum err read_durability(struct reader *reader, const cJSON *value)
{
    int choice = choice_of(value, (const char *const[]){"local", "replica", NULL});
    if (choice < 0) {
        return reader_refuse(reader, "durability", value, "use \"local\" or \"replica\"");
    }
    reader->endpoint->waits_for_replica = choice == 1;
    return ERR_OK;
}

static enum err read_stream_shape(struct reader *reader, const cJSON *value)
{
    int choice = choice_of(value, (const char *const[]){"auto", "list", "object", NULL});
    if (choice < 0) {
        return reader_refuse(reader, "streamShape", value, "use \"auto\", \"list\" or \"object\"");
    }
    reader->endpoint->stream_shape = (enum stream_shape)choice;
    return ERR_OK;
}

/* RunPod's table. */
static const struct {
    const char *name;
    struct limit fallback;
} limit_groups[LIMIT_GROUP_COUNT] = {
    [LIMIT_RUN] = {"run", {1000, 200}},       [LIMIT_RUNSYNC] = {"runsync", {2000, 400}},
    [LIMIT_STATUS] = {"status", {2000, 400}}, [LIMIT_CANCEL] = {"cancel", {100, 20}},
    [LIMIT_PURGE] = {"purge", {2, 0}},        [LIMIT_OPENAI] = {"openai", {2000, 400}},
    [LIMIT_REQUESTS] = {"requests", {10, 2}},
};

#define LIMIT_MAX 1000000000

static enum err read_limit(struct reader *reader, enum limit_group group, const cJSON *value)
{
    size_t base = OFFSET(limits) + (size_t)group * sizeof(struct limit);
    const struct reader_field fields[] = {
        {"per10s", base + offsetof(struct limit, per_10s), 0, LIMIT_MAX, NULL},
        {"concurrent", base + offsetof(struct limit, concurrent), 0, LIMIT_MAX, NULL},
        {0},
    };
    char name[32];
    (void)snprintf(name, sizeof(name), "limits.%s", limit_groups[group].name);
    return reader_fields(reader, name, value, fields);
}

static int limit_group_find(const char *name)
{
    for (int i = 0; i < LIMIT_GROUP_COUNT; i++) {
        if (strcmp(limit_groups[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* "off", or {"run": {"per10s": n, "concurrent": n}, ...}; what is not named keeps its default. */
static enum err read_limits(struct reader *reader, const cJSON *value)
{
    static const char allowed[] = "use \"off\" or an object with run, runsync, status, cancel, "
                                  "purge, openai, requests";
    if (cJSON_IsString(value) && strcmp(value->valuestring, "off") == 0) {
        memset(reader->endpoint->limits, 0, sizeof(reader->endpoint->limits));
        return ERR_OK;
    }
    if (!cJSON_IsObject(value)) {
        return reader_refuse(reader, "limits", value, allowed);
    }
    const cJSON *member;
    cJSON_ArrayForEach(member, value)
    {
        int group = limit_group_find(member->string);
        enum err err = group < 0 ? reader_refuse(reader, "limits", value, allowed)
                                 : read_limit(reader, (enum limit_group)group, member);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err read_models(struct reader *reader, const cJSON *value)
{
    enum err err = reader_strings(reader, "openai.models", value, &reader->endpoint->models);
    if (err == ERR_OK && reader->endpoint->models[0] == NULL) {
        return reader_refuse(reader, "openai.models", value, "name at least one model");
    }
    return err;
}

static enum err read_openai(struct reader *reader, const cJSON *value)
{
    static const struct reader_field fields[] = {{"models", 0, 0, 0, read_models}, {0}};
    return reader_fields(reader, "openai", value, fields);
}

static enum err read_retention(struct reader *reader, const cJSON *value)
{
    static const struct reader_field fields[] = {
        {"asyncSeconds", OFFSET(retention_async_s), 1, 604800, NULL},
        {"syncSeconds", OFFSET(retention_sync_s), 1, 604800, NULL},
        {0},
    };
    return reader_fields(reader, "retention", value, fields);
}

static enum err read_payload(struct reader *reader, const cJSON *value)
{
    static const struct reader_field fields[] = {
        {"runBytes", OFFSET(run_bytes), 1024, 104857600, NULL},
        {"runsyncBytes", OFFSET(runsync_bytes), 1024, 104857600, NULL},
        {0},
    };
    return reader_fields(reader, "payload", value, fields);
}

static const struct reader_field fields[] = {
    {"id", 0, 0, 0, read_id},
    {"name", 0, 0, 0, read_name},
    {"type", 0, 0, 0, read_type},
    {"workersMin", OFFSET(workers_min), 0, 1000, NULL},
    {"workersMax", OFFSET(workers_max), 0, 1000, NULL},
    {"idleTimeout", OFFSET(idle_timeout_s), 0, 3600, NULL},
    {"executionTimeoutMs", OFFSET(execution_timeout_ms), 5000, 604800000, NULL},
    {"scalerType", 0, 0, 0, read_scaler},
    {"scalerValue", 0, 0, 0, read_scaler_value},
    {"gpuCount", OFFSET(gpu_count), 0, 16, NULL},
    {"gpuTypeIds", 0, 0, 0, read_gpu_types},
    {"labels", 0, 0, 0, endpoint_read_labels},
    {"retries", OFFSET(retries), 0, 10, NULL},
    {"weight", OFFSET(weight), 1, 1000, NULL},
    {"queueTtlSeconds", OFFSET(queue_ttl_s), 10, 604800, NULL},
    {"retention", 0, 0, 0, read_retention},
    {"payload", 0, 0, 0, read_payload},
    {"streamShape", 0, 0, 0, read_stream_shape},
    {"durability", 0, 0, 0, read_durability},
    {"limits", 0, 0, 0, read_limits},
    {"webhookSecret", 0, 0, 0, endpoint_read_webhook_secret},
    {"openai", 0, 0, 0, read_openai},
    {"handler", 0, 0, 0, endpoint_read_handler},
    {0},
};

static enum err refuse_unknown(struct reader *reader, const char *group, const char *name,
                               const struct reader_field *known)
{
    (void)buf_printf(reader->problem, "unknown key %s%s", group, group[0] ? "." : "");
    (void)buf_put_excerpt(reader->problem, slice_of(name), 80);
    (void)buf_put_str(reader->problem, ", known are");
    for (const struct reader_field *field = known; field->name != NULL; field++) {
        (void)buf_printf(reader->problem, "%s %s", field == known ? "" : ",", field->name);
    }
    return ERR_BAD_REQUEST;
}

enum err reader_fields(struct reader *reader, const char *group, const cJSON *object,
                       const struct reader_field *known)
{
    if (!cJSON_IsObject(object)) {
        return reader_refuse(reader, group[0] ? group : "the document", object, "use an object");
    }
    uint32_t seen = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, object)
    {
        const struct reader_field *field = known;
        while (field->name != NULL && strcmp(field->name, member->string) != 0) {
            field++;
        }
        if (field->name == NULL) {
            return refuse_unknown(reader, group, member->string, known);
        }
        uint32_t bit = UINT32_C(1) << (field - known);
        if (seen & bit) { /* deeper than json_scan looks, and readers fill their field once */
            return refuse_member(reader, group, field->name, NULL, "is given twice");
        }
        seen |= bit;
        enum err err = field->read != NULL ? field->read(reader, member)
                                           : read_int(reader, group, field, member);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static bool has_handler(const struct endpoint *endpoint)
{
    return endpoint->command != NULL || endpoint->library != NULL ||
           endpoint->server.command != NULL || endpoint->image.name != NULL;
}

/* What no single key can tell. */
static enum err check_whole(struct reader *reader)
{
    const struct endpoint *endpoint = reader->endpoint;
    if (endpoint->id == NULL) {
        return reader_refuse(reader, "id", NULL, "is required");
    }
    if (!has_handler(endpoint)) {
        return reader_refuse(reader, "handler", NULL,
                             "is required: {\"command\": [...]}, {\"library\": \"...\"}, "
                             "{\"server\": {...}} or {\"image\": \"...\"}");
    }
    if (endpoint->workers_min > endpoint->workers_max) {
        (void)buf_printf(reader->problem, "workersMin is %lld: use at most workersMax, %lld",
                         (long long)endpoint->workers_min, (long long)endpoint->workers_max);
        return ERR_BAD_REQUEST;
    }
    if (endpoint->scaler == SCALER_REQUEST_COUNT && endpoint->scaler_value < 1) {
        return reader_refuse(reader, "scalerValue", NULL, "must be at least 1 for REQUEST_COUNT");
    }
    if (endpoint->type == ENDPOINT_LOAD_BALANCER && !endpoint_is_server(endpoint)) {
        return reader_refuse(reader, "type", NULL,
                             "LOAD_BALANCER needs \"server\" in its handler, alone or beside "
                             "\"image\"");
    }
    return ERR_OK;
}

/* Nothing waits in a queue there. */
static void settle(struct endpoint *endpoint)
{
    if (endpoint->type == ENDPOINT_LOAD_BALANCER) {
        endpoint->scaler = SCALER_REQUEST_COUNT;
        endpoint->scaler_value = endpoint->scaler_value < 1 ? 1 : endpoint->scaler_value;
    }
}

static struct endpoint *endpoint_new(void)
{
    struct endpoint *endpoint = xcalloc(1, sizeof(*endpoint));
    *endpoint = (struct endpoint){
        .workers_max = 3,
        .idle_timeout_s = 5,
        .execution_timeout_ms = 600000,
        .scaler_value = 4,
        .weight = 1,
        .retries = 1,
        .queue_ttl_s = 86400,
        .retention_async_s = 1800,
        .retention_sync_s = 60,
        .run_bytes = 10 << 20,
        .runsync_bytes = 20 << 20,
    };
    for (unsigned i = 0; i < LIMIT_GROUP_COUNT; i++) {
        endpoint->limits[i] = limit_groups[i].fallback;
    }
    return endpoint;
}

enum err endpoint_parse(struct slice json, struct endpoint **ret_endpoint, struct buf *problem)
{
    struct json_problem where = {0};
    if (json.len > ENDPOINT_DOCUMENT_MAX) {
        (void)buf_printf(problem, "the document has %zu bytes: at most %d are allowed", json.len,
                         ENDPOINT_DOCUMENT_MAX);
        return ERR_TOO_LARGE;
    }
    if (json_scan_document(json, &where) != ERR_OK) {
        (void)buf_printf(problem, "not a JSON object: %s at byte %zu", where.what, where.offset);
        return ERR_BAD_JSON;
    }
    AUTO(cJSON_Delete) cJSON *root = cJSON_ParseWithLength(json.ptr, json.len);
    AUTO(endpoint_free) struct endpoint *endpoint = endpoint_new();
    struct reader reader = {.endpoint = endpoint, .problem = problem};
    enum err err = reader_fields(&reader, "", root, fields);
    if (err == ERR_OK) {
        err = check_whole(&reader);
    }
    if (err == ERR_OK) {
        endpoint->name = endpoint->name ? endpoint->name : xstrdup(endpoint->id);
        endpoint->document = slice_dup(json);
        settle(endpoint);
        endpoint->release = endpoint_release(endpoint);
        *ret_endpoint = steal(endpoint);
    }
    return err;
}

void endpoint_free(struct endpoint *endpoint)
{
    if (endpoint == NULL) {
        return;
    }
    for (size_t i = 0; i < endpoint->env_count; i++) {
        free(endpoint->env[i].name);
        free(endpoint->env[i].value);
    }
    free(endpoint->env);
    for (size_t i = 0; i < endpoint->label_count; i++) {
        free(endpoint->labels[i].key);
        free(endpoint->labels[i].value);
    }
    free(endpoint->labels);
    reader_strings_free(endpoint->gpu_types);
    reader_strings_free(endpoint->command);
    reader_strings_free(endpoint->models);
    reader_strings_free(endpoint->server.command);
    free(endpoint->server.health_path);
    reader_strings_free(endpoint->image.command);
    reader_strings_free(endpoint->image.volumes);
    free(endpoint->image.name);
    free(endpoint->id);
    free(endpoint->name);
    free(endpoint->library);
    free(endpoint->cwd);
    free(endpoint->document);
    free(endpoint->webhook_secret);
    free(endpoint);
}

bool endpoint_id_is_valid(struct slice id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool is_ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && i > 0);
        if (!is_ok) {
            return false;
        }
    }
    return id.len > 0 && id.len <= 63 && !is_reserved(id);
}

bool endpoint_is_server(const struct endpoint *endpoint)
{
    return endpoint->handler == HANDLER_SERVER ||
           (endpoint->handler == HANDLER_IMAGE && endpoint->server.health_path != NULL);
}

int64_t endpoint_waiting_max(const struct endpoint *endpoint)
{
    int64_t by_workers = endpoint->workers_max * 500;
    return by_workers > 50 ? by_workers : 50;
}

const char *limit_group_name(enum limit_group group)
{
    ensure((unsigned)group < LIMIT_GROUP_COUNT);
    return limit_groups[group].name;
}
