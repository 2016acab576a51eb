/* The node checks documents; here only what must be known on this side: that the file is JSON (with
 * the line of the first mistake) and which of its texts are paths. */
#include "document.h"
#include "base/json_tree.h"

#include <libgen.h>
#include <limits.h>
#include <unistd.h>

#include "base/json.h"
#include "file.h"
#include "queue/endpoint.h"

static void drop_last_part(struct buf *path)
{
    while (path->len > 0 && path->ptr[--path->len] != '/') {
    }
}

static void put_parts(struct buf *out, struct slice path)
{
    while (path.len > 0) {
        struct slice part = slice_cut(&path, '/');
        if (slice_is(part, "..")) {
            drop_last_part(out);
        } else if (part.len > 0 && !slice_is(part, ".")) {
            (void)buf_put_char(out, '/');
            (void)buf_put_slice(out, part);
        }
    }
}

char *document_join(const char *base, const char *path)
{
    AUTO(buf_done) struct buf out = BUF_INIT;
    if (path[0] != '/') {
        put_parts(&out, slice_of(base));
    }
    put_parts(&out, slice_of(path));
    if (out.len == 0) {
        (void)buf_put_char(&out, '/');
    }
    return buf_take_str(&out);
}

static void set_path(cJSON *handler, const char *name, const char *base, const char *path)
{
    AUTO_STR joined = document_join(base, path);
    (void)cJSON_DeleteItemFromObjectCaseSensitive(handler, name);
    (void)cJSON_AddStringToObject(handler, name, joined);
}

static void fix_handler(cJSON *handler, const char *base)
{
    const cJSON *cwd = cJSON_GetObjectItemCaseSensitive(handler, "cwd");
    bool is_image = cJSON_HasObjectItem(handler, "image");
    if (cJSON_IsString(cwd)) {
        AUTO_STR path = xstrdup(cwd->valuestring);
        set_path(handler, "cwd", base, path);
    } else if (cwd == NULL && !is_image) {
        set_path(handler, "cwd", base, ".");
    }
    const cJSON *library = cJSON_GetObjectItemCaseSensitive(handler, "library");
    if (cJSON_IsString(library) && strchr(library->valuestring, '/') != NULL) {
        AUTO_STR path = xstrdup(library->valuestring);
        set_path(handler, "library", base, path);
    }
}

static int line_of(struct slice text, size_t offset)
{
    int line = 1;
    for (size_t i = 0; i < offset && i < text.len; i++) {
        line += text.ptr[i] == '\n';
    }
    return line;
}

static enum err check_text(struct slice text, struct buf *problem)
{
    enum json_type type;
    struct json_problem where = {0};
    if (json_check(text, &type, &where) != ERR_OK) {
        (void)buf_printf(problem, "line %d is not valid JSON (%s)", line_of(text, where.offset),
                         where.what);
        return ERR_BAD_JSON;
    }
    if (type != JSON_OBJECT) {
        (void)buf_put_str(problem, "an endpoint document must be a JSON object");
        return ERR_BAD_JSON;
    }
    if (json_scan_document(text, &where) != ERR_OK) {
        (void)buf_printf(problem, "line %d: %s", line_of(text, where.offset), where.what);
        return ERR_BAD_JSON;
    }
    return ERR_OK;
}

enum err document_fix(struct slice text, const char *base, struct buf *out, struct buf *problem)
{
    enum err err = check_text(text, problem);
    if (err != ERR_OK) {
        return err;
    }
    AUTO(cJSON_Delete) cJSON *root = cJSON_ParseWithLength(text.ptr, text.len);
    if (root == NULL) {
        (void)buf_put_str(problem, "is nested too deeply for a document");
        return ERR_BAD_JSON;
    }
    /* `endpoints get` prints it, but it is not the document's to say. */
    cJSON_DeleteItemFromObjectCaseSensitive(root, "version");
    cJSON *handler = cJSON_GetObjectItemCaseSensitive(root, "handler");
    if (cJSON_IsObject(handler)) {
        fix_handler(handler, base);
    }
    AUTO_STR fixed = cJSON_PrintUnformatted(root);
    return buf_put_str(out, fixed);
}

static char *id_of(const char *text)
{
    AUTO(cJSON_Delete) cJSON *root = cJSON_Parse(text);
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(root, "id");
    return cJSON_IsString(id) ? xstrdup(id->valuestring) : NULL;
}

/* The absolute folder a file is in; the caller's. */
static char *folder_of(const char *path)
{
    AUTO_STR copy = xstrdup(path);
    return realpath(strcmp(path, "-") == 0 ? "." : dirname(copy), NULL);
}

enum err document_load(const char *path, char **ret_text, char **ret_id, struct buf *problem)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    AUTO(buf_done) struct buf fixed = BUF_INIT;
    AUTO(buf_done) struct buf what = BUF_INIT;
    enum err err = file_read(path, ENDPOINT_DOCUMENT_MAX, &text, problem);
    if (err != ERR_OK) {
        return err;
    }
    AUTO_STR folder = folder_of(path);
    err = document_fix(buf_slice(&text), folder != NULL ? folder : "/", &fixed, &what);
    if (err != ERR_OK) {
        (void)buf_printf(problem, "%s: %.*s: correct the document", path,
                         SLICE_ARG(buf_slice(&what)));
        return err;
    }
    *ret_text = buf_take_str(&fixed);
    *ret_id = id_of(*ret_text);
    return ERR_OK;
}

enum err document_check(const char *path, struct buf *problem)
{
    AUTO_STR text = NULL;
    AUTO_STR id = NULL;
    return document_load(path, &text, &id, problem);
}
