/* The key "handler" of an endpoint document: what runs the jobs. */
#include <ctype.h>

#include "queue/endpoint_read.h"

#define ENV_MAX 256
#define SERVER_CONCURRENCY 8
#define IMAGE_NAME_MAX 512
#define SHM_MAX (INT64_C(1) << 40)

static enum err read_command(struct reader *reader, const cJSON *value)
{
    enum err err = reader_strings(reader, "handler.command", value, &reader->endpoint->command);
    if (err == ERR_OK &&
        (reader->endpoint->command[0] == NULL || reader->endpoint->command[0][0] == '\0')) {
        return reader_refuse(reader, "handler.command", value, "name the program to start");
    }
    return err;
}

static enum err read_library(struct reader *reader, const cJSON *value)
{
    if (!reader_is_text(value, 4096)) {
        return reader_refuse(reader, "handler.library", value, "use the path of a shared object");
    }
    free(reader->endpoint->library);
    reader->endpoint->library = xstrdup(value->valuestring);
    return ERR_OK;
}

static enum err read_cwd(struct reader *reader, const cJSON *value)
{
    if (!reader_is_text(value, 4096)) {
        return reader_refuse(reader, "handler.cwd", value, "use the path of a folder");
    }
    free(reader->endpoint->cwd);
    reader->endpoint->cwd = xstrdup(value->valuestring);
    return ERR_OK;
}

static bool env_name_is_valid(const char *name)
{
    return name[0] != '\0' && strchr(name, '=') == NULL && strlen(name) <= 256;
}

static enum err read_env(struct reader *reader, const cJSON *value)
{
    int count = cJSON_IsObject(value) ? cJSON_GetArraySize(value) : -1;
    if (count < 0 || count > ENV_MAX) {
        return reader_refuse(reader, "handler.env", value, "use an object of at most 256 texts");
    }
    struct endpoint *endpoint = reader->endpoint;
    endpoint->env = xcalloc((size_t)count + 1, sizeof(*endpoint->env));
    const cJSON *item;
    cJSON_ArrayForEach(item, value)
    {
        if (!cJSON_IsString(item) || !env_name_is_valid(item->string)) {
            return reader_refuse(reader, "handler.env", value,
                                 "names without '=' and texts as values");
        }
        endpoint->env[endpoint->env_count++] =
            (struct endpoint_env){xstrdup(item->string), xstrdup(item->valuestring)};
    }
    return ERR_OK;
}

static enum err read_server_command(struct reader *reader, const cJSON *value)
{
    char ***command = &reader->endpoint->server.command;
    enum err err = reader_strings(reader, "handler.server.command", value, command);
    if (err == ERR_OK && ((*command)[0] == NULL || (*command)[0][0] == '\0')) {
        return reader_refuse(reader, "handler.server.command", value, "name the program to start");
    }
    return err;
}

static bool is_path(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at <= ' ' || *at == 0x7f || *at == '#') {
            return false;
        }
    }
    return text[0] == '/';
}

static enum err read_health_path(struct reader *reader, const cJSON *value)
{
    if (!reader_is_text(value, 1024) || !is_path(value->valuestring)) {
        return reader_refuse(reader, "handler.server.healthPath", value,
                             "use a path that starts with '/', without blanks");
    }
    free(reader->endpoint->server.health_path);
    reader->endpoint->server.health_path = xstrdup(value->valuestring);
    return ERR_OK;
}

static enum err read_server(struct reader *reader, const cJSON *value)
{
    static const struct reader_field fields[] = {
        {"command", 0, 0, 0, read_server_command},
        {"port", OFFSET(server.port), 0, 65535, NULL},
        {"healthPath", 0, 0, 0, read_health_path},
        {"concurrency", OFFSET(server.concurrency), 1, 1024, NULL},
        {0},
    };
    struct endpoint_server *server = &reader->endpoint->server;
    server->concurrency = SERVER_CONCURRENCY;
    enum err err = reader_fields(reader, "handler.server", value, fields);
    if (err == ERR_OK && server->health_path == NULL) {
        server->health_path = xstrdup("/health");
    }
    return err;
}

/* ---- image ---- */

static bool is_image_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._-/:@", c) != NULL);
}

static bool is_digest(const char *text)
{
    static const char head[] = "sha256:";
    return strncmp(text, head, sizeof(head) - 1) == 0 && strlen(text) == sizeof(head) - 1 + 64 &&
           strspn(text + sizeof(head) - 1, "0123456789abcdef") == 64;
}

/* Loose about what registries allow, strict about what could be mistaken for something else: an
 * option, a digest cut short. */
static bool image_name_is_valid(const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        if (!is_image_char(*at)) {
            return false;
        }
    }
    const char *digest = strchr(name, '@');
    size_t len = digest != NULL ? (size_t)(digest - name) : strlen(name);
    return len > 0 && isalnum((unsigned char)name[0]) && isalnum((unsigned char)name[len - 1]) &&
           (digest == NULL || is_digest(digest + 1));
}

static enum err read_image(struct reader *reader, const cJSON *value)
{
    if (!reader_is_text(value, IMAGE_NAME_MAX) || !image_name_is_valid(value->valuestring)) {
        return reader_refuse(reader, "handler.image", value,
                             "use [REGISTRY[:PORT]/]PATH[:TAG][@sha256:DIGEST]");
    }
    free(reader->endpoint->image.name);
    reader->endpoint->image.name = xstrdup(value->valuestring);
    return ERR_OK;
}

/* "HOST:CONTAINER" or "HOST:CONTAINER:ro". */
static bool volume_is_valid(const char *text)
{
    struct slice rest = slice_of(text);
    struct slice host = slice_cut(&rest, ':'), inside = slice_cut(&rest, ':');
    bool is_ro = slice_is(rest, "ro");
    size_t colons = 1 + (is_ro ? 1 + rest.len : 0);
    return slice_starts(host, SLICE("/")) && slice_starts(inside, SLICE("/")) && inside.len > 1 &&
           strlen(text) == host.len + inside.len + colons && strpbrk(text, ",\n") == NULL;
}

static enum err read_volumes(struct reader *reader, const cJSON *value)
{
    char ***volumes = &reader->endpoint->image.volumes;
    enum err err = reader_strings(reader, "handler.volumes", value, volumes);
    for (char **at = *volumes; err == ERR_OK && *at != NULL; at++) {
        if (!volume_is_valid(*at)) {
            return reader_refuse(reader, "handler.volumes", value,
                                 "use \"HOST:CONTAINER\" or \"HOST:CONTAINER:ro\" with absolute "
                                 "paths, without commas");
        }
    }
    return err;
}

/* ---- whole ---- */

/* "command" beside an image is what the image runs, "server" says that it speaks HTTP. */
static enum err settle_image(struct reader *reader, const cJSON *value)
{
    struct endpoint *endpoint = reader->endpoint;
    if (endpoint->library != NULL || endpoint->server.command != NULL) {
        return reader_refuse(reader, "handler", value,
                             "\"image\" may stand with \"command\" and with \"server\" without "
                             "\"command\" in it, not with \"library\" or \"server.command\"");
    }
    endpoint->handler = HANDLER_IMAGE;
    endpoint->image.command = steal(endpoint->command);
    endpoint->image.shm_bytes =
        endpoint->image.shm_bytes != 0 ? endpoint->image.shm_bytes : ENDPOINT_SHM_DEFAULT;
    return ERR_OK;
}

static enum err settle_program(struct reader *reader, const cJSON *value)
{
    struct endpoint *endpoint = reader->endpoint;
    bool has_server = endpoint->server.health_path != NULL;
    if (endpoint->image.volumes != NULL || endpoint->image.shm_bytes != 0) {
        return reader_refuse(
            reader, endpoint->image.volumes != NULL ? "handler.volumes" : "handler.shmSize", NULL,
            "is for \"image\" only");
    }
    if ((endpoint->command != NULL) + (endpoint->library != NULL) + has_server != 1) {
        return reader_refuse(
            reader, "handler", value,
            "give exactly one of \"command\", \"library\", \"server\" and \"image\"");
    }
    if (has_server && endpoint->server.command == NULL) {
        return reader_refuse(reader, "handler.server.command", NULL,
                             "is required without \"image\"");
    }
    endpoint->handler = endpoint->command != NULL   ? HANDLER_COMMAND
                        : endpoint->library != NULL ? HANDLER_LIBRARY
                                                    : HANDLER_SERVER;
    return ERR_OK;
}

enum err endpoint_read_handler(struct reader *reader, const cJSON *value)
{
    static const struct reader_field fields[] = {
        {"command", 0, 0, 0, read_command},
        {"library", 0, 0, 0, read_library},
        {"server", 0, 0, 0, read_server},
        {"image", 0, 0, 0, read_image},
        {"volumes", 0, 0, 0, read_volumes},
        {"shmSize", OFFSET(image.shm_bytes), 65536, SHM_MAX, NULL},
        {"cwd", 0, 0, 0, read_cwd},
        {"env", 0, 0, 0, read_env},
        {0},
    };
    enum err err = reader_fields(reader, "handler", value, fields);
    if (err != ERR_OK) {
        return err;
    }
    return reader->endpoint->image.name != NULL ? settle_image(reader, value)
                                                : settle_program(reader, value);
}
