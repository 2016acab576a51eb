/* The path decides where on 127.0.0.1 the request goes, never to which host: it must start with '/'
 * and hold no blank. Headers that belong to the connection are the agent's own. */
#include "server_request.h"
#include "base/json_tree.h"

#include "base/json.h"
#include "net/hop.h"

#define HEADERS_MAX 100

enum { ROUTE, OPENAI_INPUT, PATH, METHOD, HEADERS, BODY, MEMBER_COUNT };

static enum err refuse(struct buf *problem, const char *text)
{
    (void)buf_put_str(problem, text);
    return ERR_BAD_REQUEST;
}

static bool is_absent(const struct json_member *member)
{
    return member->value.len == 0 || member->type == JSON_NULL;
}

/* ---- parts ---- */

static bool path_is_valid(struct slice path)
{
    for (size_t i = 0; i < path.len; i++) {
        if ((unsigned char)path.ptr[i] <= ' ' || path.ptr[i] == 0x7f || path.ptr[i] == '#') {
            return false;
        }
    }
    return path.len > 0 && path.ptr[0] == '/';
}

static enum err read_path(const struct json_member *member, struct server_request *request,
                          struct buf *problem)
{
    AUTO(buf_done) struct buf path = BUF_INIT;
    if (member->type != JSON_STRING || json_unquote(member->value, &path) != ERR_OK ||
        !path_is_valid(buf_slice(&path))) {
        return refuse(problem, "the path must be a text that starts with '/', without blanks");
    }
    request->path = slice_dup(buf_slice(&path));
    return ERR_OK;
}

static enum err read_method(const struct json_member *member, struct server_request *request,
                            struct buf *problem)
{
    AUTO(buf_done) struct buf method = BUF_INIT;
    if (is_absent(member)) {
        request->method = xstrdup(request->has_body ? "POST" : "GET");
        return ERR_OK;
    }
    bool is_ok = member->type == JSON_STRING && json_unquote(member->value, &method) == ERR_OK &&
                 method.len > 0 && method.len <= 16;
    for (size_t i = 0; is_ok && i < method.len; i++) {
        char c = method.ptr[i];
        method.ptr[i] = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
        is_ok = method.ptr[i] >= 'A' && method.ptr[i] <= 'Z';
    }
    if (!is_ok) {
        return refuse(problem, "method must be the name of an HTTP method");
    }
    request->method = slice_dup(buf_slice(&method));
    return ERR_OK;
}

static bool is_ours(const char *name)
{
    static const char *const names[] = {"host",       "content-length",    "connection",
                                        "keep-alive", "transfer-encoding", "te",
                                        "trailer",    "upgrade",           "expect"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (slice_eq_nocase(slice_of(name), slice_of(names[i]))) {
            return true;
        }
    }
    return false;
}

static bool header_is_valid(const cJSON *header)
{
    return cJSON_IsString(header) &&
           hop_is_header(slice_of(header->string), slice_of(header->valuestring));
}

static void add_header(struct server_request *request, char *line)
{
    size_t count = 0;
    while (request->headers != NULL && request->headers[count] != NULL) {
        count++;
    }
    request->headers = xrealloc(request->headers, (count + 2) * sizeof(*request->headers));
    request->headers[count] = line;
    request->headers[count + 1] = NULL;
}

static enum err read_headers(const struct json_member *member, struct server_request *request,
                             struct buf *problem)
{
    if (is_absent(member)) {
        return ERR_OK;
    }
    AUTO(cJSON_Delete) cJSON *root = cJSON_ParseWithLength(member->value.ptr, member->value.len);
    bool is_ok = cJSON_IsObject(root) && cJSON_GetArraySize(root) <= HEADERS_MAX;
    const cJSON *header;
    cJSON_ArrayForEach(header, root)
    {
        is_ok = is_ok && header_is_valid(header);
        if (is_ok && !is_ours(header->string)) { /* curl's way to send an empty one is ';' */
            add_header(request, header->valuestring[0] == '\0'
                                    ? xasprintf("%s;", header->string)
                                    : xasprintf("%s: %s", header->string, header->valuestring));
        }
    }
    return is_ok ? ERR_OK : refuse(problem, "headers must be an object of texts, at most 100");
}

static bool has_header(const struct server_request *request, const char *name)
{
    size_t len = strlen(name);
    for (char **at = request->headers; at != NULL && *at != NULL; at++) {
        if (strlen(*at) > len && slice_eq_nocase((struct slice){*at, len}, slice_of(name)) &&
            ((*at)[len] == ':' || (*at)[len] == ';')) {
            return true;
        }
    }
    return false;
}

static enum err read_body(const struct json_member *body, struct server_request *request)
{
    request->has_body = !is_absent(body);
    return !request->has_body          ? ERR_OK
           : body->type == JSON_STRING ? json_unquote(body->value, &request->body)
                                       : buf_put_slice(&request->body, body->value);
}

/* ---- whole ---- */

static enum err read_openai(const struct json_member *members, struct server_request *request,
                            struct buf *problem)
{
    request->is_openai = true;
    request->has_body = !is_absent(&members[OPENAI_INPUT]);
    request->method = xstrdup(request->has_body ? "POST" : "GET");
    if (request->has_body) {
        (void)buf_put_slice(&request->body, members[OPENAI_INPUT].value);
    }
    add_header(request, xstrdup("Content-Type: application/json"));
    return read_path(&members[ROUTE], request, problem);
}

static enum err read_raw(const struct json_member *members, struct server_request *request,
                         struct buf *problem)
{
    enum err err = read_body(&members[BODY], request);
    if (err == ERR_OK) {
        err = read_path(&members[PATH], request, problem);
    }
    if (err == ERR_OK) {
        err = read_method(&members[METHOD], request, problem);
    }
    if (err == ERR_OK) {
        err = read_headers(&members[HEADERS], request, problem);
    }
    if (err == ERR_OK && !has_header(request, "content-type")) {
        bool is_json = !is_absent(&members[BODY]) && members[BODY].type != JSON_STRING;
        add_header(request, xstrdup(is_json ? "Content-Type: application/json" : "Content-Type:"));
    }
    return err;
}

enum err server_request_read(struct slice members, struct server_request *ret_request,
                             struct buf *problem)
{
    struct json_member input = {.name = "input"};
    struct json_member found[MEMBER_COUNT] = {
        [ROUTE] = {.name = "openai_route"}, [OPENAI_INPUT] = {.name = "openai_input"},
        [PATH] = {.name = "path"},          [METHOD] = {.name = "method"},
        [HEADERS] = {.name = "headers"},    [BODY] = {.name = "body"},
    };
    AUTO(buf_done) struct buf job = BUF_INIT;
    (void)buf_put_char(&job, '{');
    (void)buf_put_slice(&job, members);
    (void)buf_put_char(&job, '}');
    if (json_scan(buf_slice(&job), &input, 1, NULL) != ERR_OK ||
        json_scan(input.value, found, MEMBER_COUNT, NULL) != ERR_OK ||
        (is_absent(&found[ROUTE]) && is_absent(&found[PATH]))) {
        return refuse(problem, "a server takes {\"path\": \"/...\", \"method\", \"headers\", "
                               "\"body\"} or {\"openai_route\", \"openai_input\"} as input");
    }
    struct server_request request = {0};
    enum err err = is_absent(&found[ROUTE]) ? read_raw(found, &request, problem)
                                            : read_openai(found, &request, problem);
    if (err != ERR_OK) {
        server_request_done(&request);
        return err;
    }
    *ret_request = request;
    return ERR_OK;
}

void server_request_done(struct server_request *request)
{
    for (char **at = request->headers; at != NULL && *at != NULL; at++) {
        free(*at);
    }
    free(request->headers);
    free(request->method);
    free(request->path);
    buf_done(&request->body);
    *request = (struct server_request){0};
}
