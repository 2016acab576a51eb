/* The key "handler" of an endpoint document: what runs the jobs. */
#include "queue/endpoint_read.h"

#define ENV_MAX 256
#define SERVER_CONCURRENCY 8

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
    if (err == ERR_OK && server->command == NULL) {
        return reader_refuse(reader, "handler.server.command", NULL, "is required");
    }
    if (err == ERR_OK && server->health_path == NULL) {
        server->health_path = xstrdup("/health");
    }
    return err;
}

enum err endpoint_read_handler(struct reader *reader, const cJSON *value)
{
    static const struct reader_field fields[] = {
        {"command", 0, 0, 0, read_command}, {"library", 0, 0, 0, read_library},
        {"server", 0, 0, 0, read_server},   {"cwd", 0, 0, 0, read_cwd},
        {"env", 0, 0, 0, read_env},         {0},
    };
    enum err err = reader_fields(reader, "handler", value, fields);
    if (err != ERR_OK) {
        return err;
    }
    struct endpoint *endpoint = reader->endpoint;
    int kinds = (endpoint->command != NULL) + (endpoint->library != NULL) +
                (endpoint->server.command != NULL);
    if (kinds != 1) {
        return reader_refuse(reader, "handler", value,
                             "give exactly one of \"command\", \"library\" and \"server\"");
    }
    endpoint->handler = endpoint->command != NULL   ? HANDLER_COMMAND
                        : endpoint->library != NULL ? HANDLER_LIBRARY
                                                    : HANDLER_SERVER;
    return ERR_OK;
}
