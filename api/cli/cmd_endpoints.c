/* millrace endpoints: list, get, delete, and apply, which makes what the API holds equal to files.
 *
 * apply updates an endpoint, and creates it when there is none (404): only an update may say ***
 * for the secret that is there. It goes on after a document that is refused, so that one run tells
 * all mistakes, and ends with 1 then. */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/json.h"
#include "document.h"
#include "message.h"
#include "operands.h"
#include "queue/endpoint.h"
#include "result.h"
#include "verbs.h"

struct endpoints_options {
    struct client_options client;
    struct config_strings files;
    bool is_quiet;
};

static const char *const id_names[] = {"ID", NULL};
static const char epilogue[] =
    "Exit status: 0 done, 1 the API cannot be reached or refuses, 2 bad usage.";

/* --- list, get, delete --- */

static int endpoints_list(int argc, char **argv)
{
    struct endpoints_options options = {0};
    const struct config_option list[] = {CLIENT_OPTIONS(options.client)};
    const struct config_spec spec = {"millrace endpoints list",
                                     "Print all endpoints as JSON.",
                                     NULL,
                                     list,
                                     COUNT_OF(list),
                                     epilogue};
    (void)config_load(&spec, argc, argv);
    const struct call call = {.method = "GET", .path = "/v1/endpoints"};
    return ask_and_print(&options.client, &call);
}

static int one_endpoint(const struct config_spec *spec, const struct client_options *options,
                        const char *method, const struct config_strings *operands)
{
    if (!operands_check(spec, operands, id_names, 1)) {
        return EXIT_USAGE;
    }
    AUTO_STR path = xasprintf("/v1/endpoints/%s", operands->items[0]);
    const struct call call = {.method = method, .path = path};
    return ask_and_print(options, &call);
}

static int endpoints_get(int argc, char **argv)
{
    struct client_options options = {0};
    const struct config_option list[] = {CLIENT_OPTIONS(options)};
    const struct config_spec spec = {"millrace endpoints get",
                                     "Print one endpoint as JSON.",
                                     "ID",
                                     list,
                                     COUNT_OF(list),
                                     epilogue};
    struct config_strings operands = config_load(&spec, argc, argv);
    return one_endpoint(&spec, &options, "GET", &operands);
}

static int endpoints_delete(int argc, char **argv)
{
    struct client_options options = {0};
    const struct config_option list[] = {CLIENT_OPTIONS(options)};
    const struct config_spec spec = {
        "millrace endpoints delete", "Delete an endpoint.", "ID", list, COUNT_OF(list), epilogue};
    struct config_strings operands = config_load(&spec, argc, argv);
    return one_endpoint(&spec, &options, "DELETE", &operands);
}

/* --- apply --- */

struct apply {
    struct client *client;
    bool is_quiet;
    int status; /* of the whole run */
};

static bool patch_or_post(struct apply *apply, const char *id, struct slice text,
                          struct answer *answer)
{
    struct call call = {.method = "POST", .path = "/v1/endpoints", .body = text};
    if (id != NULL && endpoint_id_is_valid(slice_of(id))) { /* else POST says what is wrong */
        AUTO_STR path = xasprintf("/v1/endpoints/%s", id);
        const struct call update = {.method = "PATCH", .path = path, .body = text};
        if (client_call(apply->client, &update, answer) != ERR_OK) {
            return false;
        }
        if (answer->status != 404) {
            return !client_is_refusal(apply->client, answer);
        }
    }
    return client_call(apply->client, &call, answer) == ERR_OK &&
           !client_is_refusal(apply->client, answer);
}

static void apply_file(struct apply *apply, const char *path)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    AUTO(answer_done) struct answer answer = {0};
    AUTO_STR text = NULL;
    AUTO_STR id = NULL;
    if (document_load(path, &text, &id, &problem) != ERR_OK) {
        message_error("%.*s", SLICE_ARG(buf_slice(&problem)));
        apply->status = EXIT_ERROR;
    } else if (!patch_or_post(apply, id, slice_of(text), &answer)) {
        message_error("%s: %s", path, client_problem(apply->client));
        apply->status = client_failure();
    } else if (!apply->is_quiet && result_print(buf_slice(&answer.body)) != EXIT_OK) {
        apply->status = EXIT_ERROR;
    }
}

static int is_document(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ".json") == 0 && entry->d_name[0] != '.';
}

static void apply_folder(struct apply *apply, const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_document, alphasort);
    if (count <= 0) {
        message_error("%s holds no *.json: name a folder with endpoint documents", folder);
        apply->status = EXIT_ERROR;
    }
    for (int i = 0; i < count; i++) {
        AUTO_STR path = xasprintf("%s/%s", folder, entries[i]->d_name);
        apply_file(apply, path);
        free(entries[i]);
    }
    free(entries);
}

static void apply_path(struct apply *apply, const char *path)
{
    struct stat what;
    if (stat(path, &what) == 0 && S_ISDIR(what.st_mode)) {
        apply_folder(apply, path);
    } else {
        apply_file(apply, path);
    }
}

static int apply_all(const struct endpoints_options *options, const struct config_strings *operands)
{
    AUTO(client_free) struct client *client = client_new(&options->client);
    if (client == NULL) {
        return EXIT_USAGE;
    }
    struct apply apply = {client, options->is_quiet, EXIT_OK};
    for (size_t i = 0; i < options->files.count && !client_is_interrupted(); i++) {
        apply_path(&apply, options->files.items[i]);
    }
    for (size_t i = 0; i < operands->count && !client_is_interrupted(); i++) {
        apply_path(&apply, operands->items[i]);
    }
    return apply.status;
}

static int endpoints_apply(int argc, char **argv)
{
    static struct endpoints_options options; /* its list lives as long as the process, config.h */
    const struct config_option list[] = {
        CLIENT_OPTIONS(options.client),
        {"file", CONFIG_STRINGS, &options.files, "FILE", NULL, 0, 0, NULL,
         "document, folder of *.json, or - for standard input; also -f"},
        {"quiet", CONFIG_FLAG, &options.is_quiet, NULL, NULL, 0, 0, NULL,
         "do not print the endpoints"},
    };
    const struct config_spec spec = {
        "millrace endpoints apply",
        "Create or update endpoints from documents.",
        "[FILE...]",
        list,
        COUNT_OF(list),
        "Relative paths in a document (cwd, library) count from the folder the document is in; an\n"
        "absent cwd is that folder. A library without a slash is one that Millrace brings.\n\n"
        "Exit status: 0 done, 1 a document or the API refuses, 2 bad usage."};
    static char file_flag[] = "--file";
    for (int i = 1; i < argc; i++) {
        argv[i] = strcmp(argv[i], "-f") == 0 ? file_flag : argv[i];
    }
    struct config_strings operands = config_load(&spec, argc, argv);
    if (options.files.count + operands.count == 0) {
        message_error("no document named; usage: millrace endpoints apply -f FILE_OR_FOLDER...");
        return EXIT_USAGE;
    }
    return apply_all(&options, &operands);
}

/* --- the table --- */

int cmd_endpoints(int argc, char **argv)
{
    static const struct verb verbs[] = {
        {"list", "list", endpoints_list},
        {"apply", "apply -f FILE_OR_FOLDER...", endpoints_apply},
        {"get", "get ID", endpoints_get},
        {"delete", "delete ID", endpoints_delete},
        {NULL, NULL, NULL},
    };
    return verbs_run(verbs, argc, argv);
}
