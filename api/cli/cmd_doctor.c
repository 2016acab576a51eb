/* millrace doctor: is everything here fit to keep jobs and to run them?
 *
 * Redis first, because all else hangs on it, then the API, then what keeps the endpoints waiting.
 */
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json_tree.h"
#include "client.h"
#include "command.h"
#include "doctor.h"
#include "message.h"
#include "queue/store.h"
#include "queue/store_url.h"
#include "result.h"

#define FILES_MIN 16384 /* descriptors for ten thousand clients and what else is open */

struct doctor_options {
    struct client_options client;
    const char *redis;
};

void doctor_say(struct doctor *doctor, enum checkup_level level, const char *where,
                const char *format, ...)
{
    static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};
    bool is_coloured = isatty(STDOUT_FILENO) == 1;
    doctor->warnings += level == CHECKUP_WARN ? 1 : 0;
    doctor->refusals += level == CHECKUP_REFUSE ? 1 : 0;
    (void)printf("%s%-8s%s %-22s ", is_coloured ? colours[level] : "", checkup_level_name(level),
                 is_coloured ? "\033[0m" : "", where);
    va_list args;
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)putchar('\n');
}

static void check_machine(struct doctor *doctor)
{
    struct rlimit files = {0};
    (void)getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max < FILES_MIN) {
        doctor_say(doctor, CHECKUP_WARN, "machine",
                   "a program may open %llu files here; %d hold ten thousand clients (ulimit -n)",
                   (unsigned long long)files.rlim_max, FILES_MIN);
    } else {
        doctor_say(doctor, CHECKUP_OK, "machine", "a program may open %llu files",
                   (unsigned long long)files.rlim_max);
    }
}

/* --redis, MILLRACE_REDIS, else the socket of a `millrace up` in DIR. */
static char *redis_url(const struct doctor_options *options)
{
    if (options->redis != NULL) {
        return xstrdup(options->redis);
    }
    AUTO_STR socket = xasprintf("%s/redis/redis.sock", options->client.data);
    AUTO_STR whole = realpath(socket, NULL);
    return whole != NULL ? xasprintf("unix://%s", whole) : NULL;
}

static int check_redis(struct doctor *doctor, const struct doctor_options *options)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    AUTO_STR url = redis_url(options);
    if (url == NULL) {
        doctor_say(doctor, CHECKUP_WARN, "redis",
                   "not examined: no `millrace up` in %s has started one, and no --redis is given",
                   options->client.data);
    } else if (store_check_url(url, &problem) != ERR_OK) {
        AUTO_STR shown = store_url_shown(url);
        message_error("--redis is \"%s\"; %.*s", shown, SLICE_ARG(buf_slice(&problem)));
        return EXIT_USAGE;
    } else {
        doctor_redis(doctor, url);
    }
    return EXIT_OK;
}

static bool check_node(struct doctor *doctor, struct client *client)
{
    AUTO(answer_done) struct answer answer = {0};
    const struct call call = {.method = "GET", .path = "/healthz"};
    if (client_call(client, &call, &answer) != ERR_OK || client_is_refusal(client, &answer)) {
        doctor_say(doctor, CHECKUP_REFUSE, "api", "%s", client_problem(client));
        return false;
    }
    doctor_say(doctor, CHECKUP_OK, "api", "serves");
    return true;
}

static void check_endpoint(struct doctor *doctor, struct client *client, const char *id)
{
    AUTO(answer_done) struct answer answer = {0};
    AUTO_STR path = xasprintf("/v2/%s/health", id);
    AUTO_STR where = xasprintf("endpoint %s", id);
    const struct call call = {.method = "GET", .path = path};
    if (client_call(client, &call, &answer) != ERR_OK || client_is_refusal(client, &answer)) {
        doctor_say(doctor, CHECKUP_WARN, where, "%s", client_problem(client));
        return;
    }
    AUTO(cJSON_Delete) cJSON *health = cJSON_ParseWithLength(answer.body.ptr, answer.body.len);
    const cJSON *jobs = cJSON_GetObjectItemCaseSensitive(health, "jobs");
    const cJSON *waiting = cJSON_GetObjectItemCaseSensitive(jobs, "inQueue");
    const cJSON *reason = cJSON_GetObjectItemCaseSensitive(health, "reason");
    double count = cJSON_IsNumber(waiting) ? waiting->valuedouble : 0;
    bool is_stuck = cJSON_IsString(reason) && strcmp(reason->valuestring, "STARTING") != 0 &&
                    strcmp(reason->valuestring, "WAITING_TURN") != 0;
    doctor_say(doctor, is_stuck ? CHECKUP_WARN : CHECKUP_OK, where, "jobs that wait: %.0f%s%s",
               count, cJSON_IsString(reason) ? ", " : "",
               cJSON_IsString(reason) ? reason->valuestring : "");
}

static void check_endpoints(struct doctor *doctor, struct client *client)
{
    AUTO(answer_done) struct answer answer = {0};
    const struct call call = {.method = "GET", .path = "/v1/endpoints"};
    if (client_call(client, &call, &answer) != ERR_OK || client_is_refusal(client, &answer)) {
        doctor_say(doctor, CHECKUP_WARN, "endpoints", "%s", client_problem(client));
        return;
    }
    AUTO(cJSON_Delete) cJSON *list = cJSON_ParseWithLength(answer.body.ptr, answer.body.len);
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(item, "id");
        if (cJSON_IsString(id)) {
            check_endpoint(doctor, client, id->valuestring);
        }
    }
    if (cJSON_GetArraySize(list) == 0) {
        doctor_say(doctor, CHECKUP_OK, "endpoints", "there are none yet");
    }
}

static int examine(const struct doctor_options *options)
{
    struct doctor doctor = {0};
    AUTO(client_free) struct client *client = client_new(&options->client);
    if (client == NULL) {
        return EXIT_USAGE;
    }
    check_machine(&doctor);
    int status = check_redis(&doctor, options);
    if (status != EXIT_OK) {
        return status;
    }
    if (check_node(&doctor, client)) {
        check_endpoints(&doctor, client);
    }
    if (fflush(stdout) != 0) {
        message_error("cannot write to standard output");
        return EXIT_ERROR;
    }
    message("refused: %d, warnings: %d", doctor.refusals, doctor.warnings);
    return doctor.refusals == 0 ? EXIT_OK : EXIT_ERROR;
}

int cmd_doctor(int argc, char **argv)
{
    struct doctor_options options = {0};
    const struct config_option list[] = {
        CLIENT_OPTIONS(options.client),
        {"redis", CONFIG_STRING, &options.redis, "URL", NULL, 0, 0, NULL,
         "the Redis to examine, as the programs are told it (default: that of a `millrace up` in "
         "DIR)"},
    };
    const struct config_spec spec = {
        "millrace doctor",
        "Examine Redis, the scheduler, the agents, the API and the endpoints.",
        NULL,
        list,
        COUNT_OF(list),
        "One line for each finding: ok, warning (it works, but read it) or refused.\n\n"
        "Exit status: 0 nothing is refused, 1 something is, 2 bad usage."};
    (void)config_load(&spec, argc, argv);
    return examine(&options);
}
