/* One scan over the body for its members, one over `policy`. Values are carried as the same bytes:
 * what the worker gets is what the client sent. */
#include "ops/submission.h"

#include "base/json.h"

enum { INPUT, POLICY, WEBHOOK, WEBHOOK_V2, S3_CONFIG, MEMBER_COUNT };

static enum err refuse(struct buf *problem, const char *text)
{
    (void)buf_put_str(problem, text);
    return ERR_BAD_REQUEST;
}

static enum err scan_problem(const struct json_problem *where, struct buf *problem)
{
    if (where->key.len > 0) {
        (void)buf_printf(problem, "the body is not valid: %s \"", where->what);
        (void)buf_put_excerpt(problem, where->key, 80);
        (void)buf_put_char(problem, '"');
    } else {
        (void)buf_printf(problem, "the body must be a JSON object: %s at byte %zu", where->what,
                         where->offset);
    }
    return ERR_BAD_JSON;
}

static bool is_absent(const struct json_member *member)
{
    return member->value.len == 0 || member->type == JSON_NULL;
}

/* A duration in ms: absent or 0 keeps the default, others are clamped. */
static enum err read_ms(const struct json_member *member, int64_t min, int64_t max, int64_t *ret_ms)
{
    int64_t ms = 0;
    if (is_absent(member)) {
        return ERR_OK;
    }
    if (member->type != JSON_NUMBER || json_to_i64(member->value, &ms) != ERR_OK || ms < 0) {
        return ERR_BAD_REQUEST;
    }
    if (ms > 0) {
        *ret_ms = ms < min ? min : ms > max ? max : ms;
    }
    return ERR_OK;
}

static enum err read_policy(const struct json_member *policy, struct submit_args *args,
                            struct buf *problem)
{
    struct json_member members[] = {
        {.name = "executionTimeout"}, {.name = "ttl"}, {.name = "lowPriority"}};
    struct json_problem where;
    if (is_absent(policy)) {
        return ERR_OK;
    }
    if (policy->type != JSON_OBJECT ||
        json_scan(policy->value, members, COUNT_OF(members), &where) != ERR_OK) {
        return refuse(problem, "policy must be an object without repeated keys");
    }
    if (read_ms(&members[0], EXECUTION_MS_MIN, EXECUTION_MS_MAX, &args->execution_ms) != ERR_OK) {
        return refuse(problem, "policy.executionTimeout must be a whole number of milliseconds");
    }
    if (read_ms(&members[1], TTL_MS_MIN, TTL_MS_MAX, &args->ttl_ms) != ERR_OK) {
        return refuse(problem, "policy.ttl must be a whole number of milliseconds");
    }
    if (!is_absent(&members[2]) && members[2].type != JSON_BOOL) {
        return refuse(problem, "policy.lowPriority must be true or false");
    }
    args->is_low_priority = slice_is(members[2].value, "true");
    return ERR_OK;
}

static enum err check_types(const struct json_member *members, struct buf *problem)
{
    if (is_absent(&members[INPUT])) {
        return refuse(problem, "input is required: send {\"input\": {...}}");
    }
    if (!is_absent(&members[WEBHOOK]) && members[WEBHOOK].type != JSON_STRING) {
        return refuse(problem, "webhook must be a URL in a string");
    }
    if (!is_absent(&members[WEBHOOK_V2]) && members[WEBHOOK_V2].type != JSON_STRING) {
        return refuse(problem, "webhookV2 must be a URL in a string");
    }
    if (!is_absent(&members[S3_CONFIG]) && members[S3_CONFIG].type != JSON_OBJECT) {
        return refuse(problem, "s3Config must be an object");
    }
    return ERR_OK;
}

static void put_members(const struct json_member *members, struct buf *out)
{
    static const char *const forwarded[MEMBER_COUNT] = {[INPUT] = "\"input\":",
                                                        [POLICY] = ",\"policy\":",
                                                        [WEBHOOK] = ",\"webhook\":",
                                                        [S3_CONFIG] = ",\"s3Config\":"};
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (forwarded[i] != NULL && !is_absent(&members[i])) {
            (void)buf_put_str(out, forwarded[i]);
            (void)buf_put_slice(out, members[i].value);
        }
    }
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Of a text that has been scanned: nothing but this brace and blanks. */
static bool is_lone_brace(const char *at, const char *end, char brace)
{
    while (at < end && (*at == brace || is_space(*at))) {
        at++;
    }
    return at == end;
}

/* As most bodies are: `{"input": VALUE}` and nothing else. Then what the worker gets stands in the
 * body as it is, and large inputs are not copied. */
static struct slice sole_input(struct slice body, const struct json_member *input)
{
    static const char key[] = "\"input\":";
    const size_t key_len = sizeof(key) - 1;
    const char *at = input->value.ptr, *end = input->value.ptr + input->value.len;
    while (at > body.ptr && is_space(at[-1])) {
        at--;
    }
    if ((size_t)(at - body.ptr) <= key_len || memcmp(at - key_len, key, key_len) != 0) {
        return SLICE_NONE;
    }
    at -= key_len;
    bool is_sole = is_lone_brace(body.ptr, at, '{') && is_lone_brace(end, body.ptr + body.len, '}');
    return is_sole ? (struct slice){at, (size_t)(end - at)} : SLICE_NONE;
}

enum err submission_parse(struct slice body, const struct endpoint *endpoint,
                          struct submit_args *ret_args, struct buf *members, struct buf *problem)
{
    struct json_member found[MEMBER_COUNT] = {
        [INPUT] = {.name = "input"},        [POLICY] = {.name = "policy"},
        [WEBHOOK] = {.name = "webhook"},    [WEBHOOK_V2] = {.name = "webhookV2"},
        [S3_CONFIG] = {.name = "s3Config"},
    };
    struct json_problem where;
    if (json_scan(body, found, MEMBER_COUNT, &where) != ERR_OK) {
        return scan_problem(&where, problem);
    }
    struct submit_args args = {
        .execution_ms = endpoint->execution_timeout_ms,
        .ttl_ms = endpoint->queue_ttl_s * 1000,
        .waiting_max = endpoint_waiting_max(endpoint),
    };
    enum err err = check_types(found, problem);
    if (err == ERR_OK) {
        err = read_policy(&found[POLICY], &args, problem);
    }
    if (err == ERR_OK) {
        args.members = sole_input(body, &found[INPUT]);
        if (args.members.len == 0) {
            put_members(found, members);
            args.members = buf_slice(members);
        }
        args.webhook = found[is_absent(&found[WEBHOOK]) ? WEBHOOK_V2 : WEBHOOK].value;
        *ret_args = args;
    }
    return err;
}
