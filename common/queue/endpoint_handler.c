/* The key "handler" of an endpoint document: what runs the jobs. */
#include "queue/endpoint_read.h"

#define ENV_MAX 256

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

enum err endpoint_read_handler(struct reader *reader, const cJSON *value)
{
    static const struct reader_field fields[] = {
        {"command", 0, 0, 0, read_command},
        {"library", 0, 0, 0, read_library},
        {"cwd", 0, 0, 0, read_cwd},
        {"env", 0, 0, 0, read_env},
        {0},
    };
    enum err err = reader_fields(reader, "handler", value, fields);
    if (err != ERR_OK) {
        return err;
    }
    struct endpoint *endpoint = reader->endpoint;
    if ((endpoint->command != NULL) == (endpoint->library != NULL)) {
        return reader_refuse(reader, "handler", value,
                             "give exactly one of \"command\" and \"library\"");
    }
    endpoint->handler = endpoint->command != NULL ? HANDLER_COMMAND : HANDLER_LIBRARY;
    return ERR_OK;
}
