/* Where the status is looked for, first hit wins: the error object's "code", a number from 400 to
 * 599 behind a word that announces it, the name of an exception of OpenAI's clients. */
#include "ops/openai_error.h"

#include "base/json.h"

static bool starts_nocase(struct slice text, const char *word)
{
    size_t len = strlen(word);
    return text.len >= len && slice_eq_nocase((struct slice){text.ptr, len}, slice_of(word));
}

/* ---- words ---- */

static const struct {
    int status;
    const char *type, *exception;
} kinds[] = {
    {400, "invalid_request_error", "BadRequestError"},
    {401, "authentication_error", "AuthenticationError"},
    {403, "permission_error", "PermissionDeniedError"},
    {404, "not_found_error", "NotFoundError"},
    {409, "conflict_error", "ConflictError"},
    {413, "invalid_request_error", "RequestTooLargeError"},
    {422, "invalid_request_error", "UnprocessableEntityError"},
    {429, "rate_limit_error", "RateLimitError"},
    {504, "timeout_error", "APITimeoutError"},
};

static const char *type_of(int status)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i].status == status) {
            return kinds[i].type;
        }
    }
    return status < 500 ? "invalid_request_error" : "server_error";
}

void openai_error_put(struct buf *out, int status, struct slice message)
{
    (void)buf_put_str(out, "{\"error\":{\"message\":");
    (void)buf_put_json_str(out, message);
    (void)buf_printf(out, ",\"type\":\"%s\",\"param\":null,\"code\":%d}}", type_of(status), status);
}

/* ---- status ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A number from 400 to 599 that follows within a few signs. */
static int number_after(struct slice text)
{
    size_t at = 0;
    while (at < text.len && at < 5 && strchr(" :='\"/", text.ptr[at]) != NULL) {
        at++;
    }
    if (at == 0 || at + 3 > text.len || (at + 3 < text.len && is_digit(text.ptr[at + 3])) ||
        !is_digit(text.ptr[at + 1]) || !is_digit(text.ptr[at + 2]) ||
        (text.ptr[at] != '4' && text.ptr[at] != '5')) {
        return 0;
    }
    return (text.ptr[at] - '0') * 100 + (text.ptr[at + 1] - '0') * 10 + (text.ptr[at + 2] - '0');
}

static bool begins_word(struct slice text, size_t at)
{
    char before = at > 0 ? text.ptr[at - 1] : ' ';
    bool is_letter = (before | 0x20) >= 'a' && (before | 0x20) <= 'z';
    return !is_letter && before != '_';
}

/* The words that announce a status at this place of the text. */
static int announced(struct slice text, size_t at)
{
    static const char *const words[] = {"HTTP status", "HTTP error",  "HTTP",   "status_code",
                                        "statusCode",  "status code", "status", "Error code",
                                        "error_code",  "code"};
    for (size_t i = 0; i < COUNT_OF(words) && begins_word(text, at); i++) {
        struct slice rest = slice_from(text, at);
        int status =
            starts_nocase(rest, words[i]) ? number_after(slice_from(rest, strlen(words[i]))) : 0;
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

static int exception_at(struct slice text)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (slice_starts(text, slice_of(kinds[i].exception))) {
            return kinds[i].status;
        }
    }
    return 0;
}

int openai_error_status(struct slice text)
{
    for (size_t at = 0; at < text.len; at++) {
        int status = announced(text, at);
        if (status != 0) {
            return status;
        }
    }
    for (size_t at = 0; at < text.len; at++) {
        int status = exception_at(slice_from(text, at));
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

static int status_of_code(const struct json_member *code)
{
    int64_t status = 0;
    bool is_status = code->type == JSON_NUMBER && code->value.len > 0 &&
                     json_to_i64(code->value, &status) == ERR_OK && status >= 400 && status <= 599;
    return is_status ? (int)status : 0;
}

/* ---- error objects ---- */

enum { ERROR, MESSAGE, CODE, OBJECT, ERROR_MESSAGE, MEMBER_COUNT };

static bool scan(struct slice object, struct json_member members[MEMBER_COUNT])
{
    static const char *const names[MEMBER_COUNT] = {"error", "message", "code", "object",
                                                    "error_message"};
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        members[i] = (struct json_member){.name = names[i]};
    }
    return json_scan(object, members, MEMBER_COUNT, NULL) == ERR_OK;
}

/* {"error": {...}} as it is, or {"message", "code"} in {"error": }. The status, or `otherwise` when
 * it has no code; 0 when it is no error object. */
static int put_object(struct buf *out, struct slice object, int otherwise)
{
    struct json_member outer[MEMBER_COUNT], inner[MEMBER_COUNT];
    if (!scan(object, outer)) {
        return 0;
    }
    bool is_nested = outer[ERROR].type == JSON_OBJECT && outer[ERROR].value.len > 0 &&
                     scan(outer[ERROR].value, inner);
    if (!is_nested && (outer[MESSAGE].type != JSON_STRING || outer[MESSAGE].value.len == 0)) {
        return 0;
    }
    int status = status_of_code(is_nested ? &inner[CODE] : &outer[CODE]);
    (void)buf_put_str(out, is_nested ? "" : "{\"error\":");
    (void)buf_put_slice(out, object);
    (void)buf_put_str(out, is_nested ? "" : "}");
    return status != 0 ? status : otherwise;
}

int openai_error_of_output(struct buf *out, struct slice output)
{
    struct json_member members[MEMBER_COUNT], inner[MEMBER_COUNT];
    if (!scan(output, members)) {
        return 0;
    }
    bool is_flat = slice_is(members[OBJECT].value, "\"error\"") && status_of_code(&members[CODE]);
    bool is_nested = members[ERROR].type == JSON_OBJECT && members[ERROR].value.len > 0 &&
                     scan(members[ERROR].value, inner) && status_of_code(&inner[CODE]);
    return is_flat || is_nested ? put_object(out, output, 0) : 0;
}

/* ---- texts ---- */

/* The JSON object that ends the text; empty when there is none. */
static struct slice tail_object(struct slice text)
{
    const char *start = memchr(text.ptr ? text.ptr : "", '{', text.len);
    if (start == NULL) {
        return SLICE_NONE;
    }
    struct slice tail = slice_from(text, (size_t)(start - text.ptr));
    enum json_type type;
    return json_check(tail, &type, NULL) == ERR_OK ? tail : SLICE_NONE;
}

/* {'message': "it's", ...}: the text between the quotes that Python has chosen. */
static bool python_message(struct slice text, struct buf *out)
{
    static const struct slice key = SLICE("'message': ");
    const char *at = memmem(text.ptr ? text.ptr : "", text.len, key.ptr, key.len);
    if (at == NULL) {
        return false;
    }
    struct slice rest = slice_from(text, (size_t)(at - text.ptr) + key.len);
    char quote = rest.len > 0 ? rest.ptr[0] : '\0';
    if (quote != '\'' && quote != '"') {
        return false;
    }
    for (size_t i = 1; i < rest.len && rest.ptr[i] != quote; i++) {
        bool is_escape = rest.ptr[i] == '\\' && i + 1 < rest.len;
        i += is_escape;
        (void)buf_put_char(out, is_escape && rest.ptr[i] == 'n' ? '\n' : rest.ptr[i]);
    }
    return true;
}

/* What the SDK posts for an exception: {"error_type", "error_message", "error_traceback", ...}. */
static bool exception_message(struct slice object, struct buf *out)
{
    struct json_member members[MEMBER_COUNT];
    return scan(object, members) && members[ERROR_MESSAGE].type == JSON_STRING &&
           members[ERROR_MESSAGE].value.len > 0 &&
           json_unquote(members[ERROR_MESSAGE].value, out) == ERR_OK;
}

/* The agent's own words about a lost worker quote its last output, which may name any status. */
static bool is_loss(struct slice text, struct slice *ret_words)
{
    static const struct slice tail = SLICE("\n{\"millrace\":");
    const char *at = memmem(text.ptr ? text.ptr : "", text.len, tail.ptr, tail.len);
    if (at != NULL) {
        *ret_words = (struct slice){text.ptr, (size_t)(at - text.ptr)};
    }
    return at != NULL;
}

int openai_error_of_job(struct buf *out, struct slice text)
{
    AUTO(buf_done) struct buf message = BUF_INIT;
    struct slice words;
    if (is_loss(text, &words)) {
        openai_error_put(out, 500, words);
        return 500;
    }
    struct slice object = tail_object(text);
    int named = openai_error_status(text);
    int status = put_object(out, object, named != 0 ? named : 500);
    if (status != 0) {
        return status;
    }
    if (!exception_message(object, &message) && !python_message(text, &message)) {
        (void)buf_put_slice(&message, text);
    }
    status = named != 0 ? named : 500;
    openai_error_put(out, status, buf_slice(&message));
    return status;
}
