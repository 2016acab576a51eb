/* The common options stand before the program's own in --help; all are checked before the log
 * opens, so what is wrong with them is a plain line on stderr. */
#include "queue/role.h"

#include <stdio.h>

#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "queue/store.h"
#include "queue/store_url.h"

#define FILE_MAX ((size_t)16 << 20)

static const char *const checks[] = {"refuse", "warn", NULL}; /* by enum guard_mode */

enum { COMMON_COUNT = 5 };

static void put_options(struct role *role, struct config_option *options)
{
    static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
    const struct config_option common[COMMON_COUNT] = {
        {.name = "redis",
         .kind = CONFIG_STRING,
         .target = &role->redis,
         .argument = "URL",
         .fallback = "redis://127.0.0.1:6379",
         .help = "redis://[[user]:password@]host[:port][/db], unix:///path, "
                 "redis+sentinel://host:port,.../master or redis+cluster://host:port,...; rediss "
                 "for TLS; better given in the environment when it holds a password"},
        {.name = "redis-check",
         .kind = CONFIG_STRING,
         .target = &role->redis_check,
         .argument = "WHAT",
         .fallback = checks[GUARD_REFUSE],
         .choices = checks,
         .help =
             "about a Redis that is too old or may throw jobs away: end with status 1, or warn"},
        {.name = "node-id",
         .kind = CONFIG_STRING,
         .target = &role->node_id,
         .argument = "ID",
         .fallback = role->node_id,
         .help = "its name in the logs and in Redis, unique among its kind"},
        {.name = "log-level",
         .kind = CONFIG_STRING,
         .target = &role->log_level,
         .argument = "LEVEL",
         .fallback = "info",
         .choices = levels,
         .help = "least severe lines to log"},
        {.name = "metrics",
         .kind = CONFIG_HOST_PORT,
         .target = &role->metrics,
         .argument = "HOST:PORT",
         .help =
             "where to serve GET /metrics and /healthz to whoever can reach it (default: nowhere)"},
    };
    memcpy(options, common, sizeof(common));
}

_Noreturn static void refuse_url(const char *program, const char *url, const char *problem)
{
    AUTO_STR shown = store_url_shown(url);
    role_refuse(program, "redis", shown, problem);
}

static void check(const struct role *role, const char *program)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    if (store_check_url(role->redis, &problem) != ERR_OK) {
        AUTO_STR text = buf_take_str(&problem);
        refuse_url(program, role->redis, text);
    }
    if (!id_is_valid(slice_of(role->node_id))) {
        role_refuse(program, "node-id", role->node_id, "allowed: 1 to 128 of A-Z a-z 0-9 _ -");
    }
}

void role_load(struct role *role, const struct config_spec *spec, int argc, char **argv)
{
    struct config_spec whole = *spec;
    struct config_option *options =
        xcalloc(COMMON_COUNT + spec->option_count, sizeof(struct config_option));
    put_options(role, options);
    for (size_t i = 0; i < spec->option_count; i++) {
        options[COMMON_COUNT + i] = spec->options[i];
    }
    whole.options = options;
    whole.option_count = COMMON_COUNT + spec->option_count;
    (void)config_load(&whole, argc, argv);
    free(options);
    check(role, spec->program);
    role->guard = strcmp(role->redis_check, checks[GUARD_WARN]) == 0 ? GUARD_WARN : GUARD_REFUSE;
    enum log_level level = LOG_LEVEL_INFO;
    (void)log_level_parse(role->log_level, &level);
    log_init(role->node_id, level);
}

_Noreturn void role_refuse(const char *program, const char *option, const char *value,
                           const char *problem)
{
    (void)fprintf(stderr, "%s: --%s is \"%s\"; %s\n", program, option, value, problem);
    exit(2);
}

void role_read_file(const char *program, const char *option, const char *path, struct buf *out)
{
    enum err err = file_get(path, FILE_MAX, out);
    if (err != ERR_OK) {
        role_refuse(program, option, path, err_text(err));
    }
}

void role_check_certificates(const char *program, const char *option, const char *path)
{
    static const char begin[] = "BEGIN CERTIFICATE";
    AUTO(buf_done) struct buf text = BUF_INIT;
    role_read_file(program, option, path, &text);
    if (text.len == 0 || memmem(text.ptr, text.len, begin, sizeof(begin) - 1) == NULL) {
        role_refuse(program, option, path, "no certificates in PEM are in it");
    }
}

struct exporter *role_export(const struct role *role, const char *program, struct loop *loop,
                             exporter_fn fn, void *arg)
{
    struct exporter *exporter = NULL;
    if (role->metrics == NULL) {
        return NULL;
    }
    enum err err = exporter_new(loop, role->metrics, fn, arg, &exporter);
    if (err != ERR_OK) {
        (void)fprintf(stderr, "%s: cannot listen on %s: %s; choose another --metrics\n", program,
                      role->metrics, err_text(err));
        exit(1);
    }
    return exporter;
}
