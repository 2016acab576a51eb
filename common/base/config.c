/* Settings: the arguments are read first and mark the options they set; what is left unset then
 * comes from the environment, else from the fallback. So --help works whatever the environment
 * holds, and a bad variable that a flag overrides does no harm. An empty variable counts as unset.
 *
 * All values, the fallbacks too, pass the one check of their kind (the table at the end); a
 * fallback that does not pass is a programmer error. Every complaint is one line:
 *   millrace-api: --slots is "many"; allowed: a whole number from 0 to 64 */
#include "base/config.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/log.h"

#define HELP_WIDTH 100
#define HELP_LEFT_MAX 32 /* a longer left side gets a line of its own */
#define ENV_PREFIX "MILLRACE_"
#define ENV_NAME_SIZE 80
#define HOST_SIZE 256 /* a DNS name has at most 253 bytes */

struct parse {
    const struct config_spec *spec;
    struct buf *out;
    bool *is_given; /* owned; by option: set on the command line */
};

struct kind_ops {
    /* false: not allowed, the target is unchanged. text is borrowed for the life of the process. */
    bool (*set)(const struct config_option *option, const char *text);
    void (*describe)(const struct config_option *option, struct buf *out); /* what is allowed */
};

static enum config_result take_arguments(struct parse *parse, struct config_strings *args);
static enum config_result take_option(struct parse *parse, const struct config_strings *args,
                                      size_t *at);
static enum config_result take_rest(struct parse *parse, char *(*getenv_fn)(const char *));
static enum config_result complain(struct parse *parse, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void put_help(const struct config_spec *spec, struct buf *out);
static const struct kind_ops *ops_of(const struct config_option *option);

struct config_strings config_load(const struct config_spec *spec, int argc, char **argv)
{
    AUTO(buf_done)
    struct buf out = BUF_INIT;
    struct config_strings operands = {0};
    enum config_result result = config_parse(spec, argc, argv, getenv, &out, &operands);
    if (result == CONFIG_BAD) {
        (void)fprintf(stderr, "%.*s\n", SLICE_ARG(buf_slice(&out)));
        exit(2);
    }
    if (result != CONFIG_RUN) {
        (void)fwrite(out.ptr, 1, out.len, stdout);
        exit(fflush(stdout) == 0 ? 0 : 1);
    }
    return operands;
}

enum config_result config_parse(const struct config_spec *spec, int argc, char **argv,
                                char *(*getenv_fn)(const char *), struct buf *out,
                                struct config_strings *ret_operands)
{
    size_t skip = argc > 0 ? 1 : 0;
    struct config_strings args = {(const char **)(void *)(argv + skip), (size_t)argc - skip};
    struct parse parse = {.spec = spec, .out = out};
    parse.is_given = xcalloc(spec->option_count, sizeof(bool));
    enum config_result result = take_arguments(&parse, &args);
    if (result == CONFIG_RUN) {
        result = take_rest(&parse, getenv_fn);
    }
    if (result == CONFIG_RUN) {
        *ret_operands = args;
    }
    free(parse.is_given);
    return result;
}

/* The operands move to the front of the arguments, over those already read; args becomes them. */
static enum config_result take_arguments(struct parse *parse, struct config_strings *args)
{
    size_t count = 0;
    bool is_after_dashes = false;
    for (size_t i = 0; i < args->count; i++) {
        const char *arg = args->items[i];
        if (is_after_dashes || arg[0] != '-' || arg[1] == '\0') {
            args->items[count++] = arg;
            continue;
        }
        if (strcmp(arg, "--") == 0) {
            is_after_dashes = true;
            continue;
        }
        enum config_result result = take_option(parse, args, &i);
        if (result != CONFIG_RUN) {
            return result;
        }
    }
    if (count > 0 && parse->spec->operands == NULL) {
        return complain(parse, "unexpected argument %s; allowed: options only, see --help",
                        log_quote(slice_of(args->items[0])));
    }
    args->count = count;
    return CONFIG_RUN;
}

static enum config_result complain(struct parse *parse, const char *format, ...)
{
    (void)buf_printf(parse->out, "%s: ", parse->spec->program);
    va_list args;
    va_start(args, format);
    (void)buf_vprintf(parse->out, format, args);
    va_end(args);
    return CONFIG_BAD;
}

static enum config_result complain_value(struct parse *parse, const struct config_option *option,
                                         const char *where, const char *text)
{
    (void)complain(parse, "%s is %s; allowed: ", where, log_quote(slice_of(text)));
    ops_of(option)->describe(option, parse->out);
    return CONFIG_BAD;
}

static enum config_result complain_unknown(struct parse *parse, struct slice name)
{
    (void)complain(parse, "unknown option %s; allowed:", log_quote(name));
    for (size_t i = 0; i < parse->spec->option_count; i++) {
        (void)buf_printf(parse->out, " --%s", parse->spec->options[i].name);
    }
    (void)buf_put_str(parse->out, " --help --version");
    return CONFIG_BAD;
}

static const struct config_option *find_option(const struct config_spec *spec, struct slice name)
{
    for (size_t i = 0; i < spec->option_count; i++) {
        if (slice_is(name, spec->options[i].name)) {
            return &spec->options[i];
        }
    }
    return NULL;
}

/* A flag list starts empty with its first flag: what the environment or fallback says is replaced,
 * not continued. */
static void mark_given(struct parse *parse, const struct config_option *option)
{
    bool *is_given = &parse->is_given[option - parse->spec->options];
    if (!*is_given && option->kind == CONFIG_STRINGS) {
        *(struct config_strings *)option->target = (struct config_strings){0};
    }
    *is_given = true;
}

static void append_string(const struct config_option *option, const char *text)
{
    struct config_strings *list = option->target;
    list->items = xrealloc(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count++] = text;
}

static enum config_result set_given(struct parse *parse, const struct config_option *option,
                                    const char *text)
{
    mark_given(parse, option);
    if (option->kind == CONFIG_STRINGS) {
        append_string(option, text);
        return CONFIG_RUN;
    }
    if (ops_of(option)->set(option, text)) {
        return CONFIG_RUN;
    }
    char where[ENV_NAME_SIZE];
    (void)snprintf(where, sizeof(where), "--%s", option->name);
    return complain_value(parse, option, where, text);
}

static enum config_result put_version(struct parse *parse)
{
    (void)buf_printf(parse->out, "%s %s\n", parse->spec->program, MILLRACE_VERSION);
    return CONFIG_VERSION;
}

/* args->items[*at] starts with '-'; *at moves on when the value is the next argument. */
static enum config_result take_option(struct parse *parse, const struct config_strings *args,
                                      size_t *at)
{
    struct slice arg = slice_of(args->items[*at]);
    if (slice_is(arg, "--help") || slice_is(arg, "-h")) {
        put_help(parse->spec, parse->out);
        return CONFIG_HELP;
    }
    if (slice_is(arg, "--version")) {
        return put_version(parse);
    }
    struct slice rest = slice_from(arg, slice_starts(arg, SLICE("--")) ? 2 : 1);
    bool has_value = memchr(arg.ptr, '=', arg.len) != NULL;
    struct slice name = slice_cut(&rest, '=');
    const struct config_option *option = find_option(parse->spec, name);
    if (option == NULL || arg.ptr[1] != '-') {
        return complain_unknown(parse,
                                (struct slice){arg.ptr, (size_t)(name.ptr - arg.ptr) + name.len});
    }
    if (has_value) {
        return set_given(parse, option, name.ptr + name.len + 1);
    }
    if (option->kind == CONFIG_FLAG) {
        return set_given(parse, option, "true");
    }
    if (*at + 1 == args->count || strncmp(args->items[*at + 1], "--", 2) == 0) {
        (void)complain(parse, "--%s has no value; allowed: ", option->name);
        ops_of(option)->describe(option, parse->out);
        return CONFIG_BAD;
    }
    *at += 1;
    return set_given(parse, option, args->items[*at]);
}

static void env_name(const struct config_option *option, char out[ENV_NAME_SIZE])
{
    int len = snprintf(out, ENV_NAME_SIZE, ENV_PREFIX "%s", option->name);
    ensure(len > 0 && len < ENV_NAME_SIZE);
    for (char *at = out; *at != '\0'; at++) {
        if (*at == '-') {
            *at = '_';
        } else if (*at >= 'a' && *at <= 'z') {
            *at = (char)(*at - 'a' + 'A');
        }
    }
}

static enum config_result take_env(struct parse *parse, const struct config_option *option,
                                   const char *text)
{
    if (ops_of(option)->set(option, text)) {
        return CONFIG_RUN;
    }
    char where[ENV_NAME_SIZE];
    env_name(option, where);
    return complain_value(parse, option, where, text);
}

static enum config_result take_rest(struct parse *parse, char *(*getenv_fn)(const char *))
{
    for (size_t i = 0; i < parse->spec->option_count; i++) {
        const struct config_option *option = &parse->spec->options[i];
        if (parse->is_given[i]) {
            continue;
        }
        char name[ENV_NAME_SIZE];
        env_name(option, name);
        const char *text = getenv_fn ? getenv_fn(name) : NULL;
        if (text != NULL && text[0] != '\0') {
            enum config_result result = take_env(parse, option, text);
            if (result != CONFIG_RUN) {
                return result;
            }
        } else if (option->fallback != NULL) {
            ensure(ops_of(option)->set(option, option->fallback));
        }
    }
    return CONFIG_RUN;
}

/* --- help --- */

/* Appends words behind what the line already holds, continued at column `indent`. */
static void put_wrapped(struct buf *out, size_t indent, size_t column, struct slice words)
{
    while (words.len > 0) {
        struct slice word = slice_cut(&words, ' ');
        if (column > indent && column + 1 + word.len > HELP_WIDTH) {
            (void)buf_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            (void)buf_put_char(out, ' ');
            column++;
        }
        (void)buf_put_slice(out, word);
        column += word.len;
    }
    (void)buf_put_char(out, '\n');
}

static void put_left(const struct config_option *option, struct buf *out)
{
    (void)buf_printf(out, "  --%s", option->name);
    if (option->argument != NULL) {
        (void)buf_printf(out, " %s", option->argument);
    }
    (void)buf_put_str(out, option->kind == CONFIG_STRINGS ? " ..." : "");
}

static void put_option(const struct config_option *option, size_t indent, struct buf *out)
{
    size_t start = out->len;
    put_left(option, out);
    size_t width = out->len - start;
    if (width + 2 > indent) {
        (void)buf_put_char(out, '\n');
        width = 0;
    }
    (void)buf_printf(out, "%*s", (int)(indent - width), "");
    char name[ENV_NAME_SIZE];
    env_name(option, name);
    AUTO(buf_done)
    struct buf words = BUF_INIT;
    (void)buf_put_str(&words, option->help ? option->help : "");
    if (option->choices != NULL) {
        (void)buf_put_str(&words, " (");
        ops_of(option)->describe(option, &words);
        (void)buf_put_char(&words, ')');
    }
    if (option->fallback != NULL && option->fallback[0] != '\0') {
        (void)buf_printf(&words, " [default=%s]", option->fallback);
    }
    (void)buf_printf(&words, " [env=%s]", name);
    put_wrapped(out, indent, indent, buf_slice(&words));
}

static size_t left_width(const struct config_spec *spec)
{
    size_t widest = sizeof("  --version") - 1;
    AUTO(buf_done)
    struct buf left = BUF_INIT;
    for (size_t i = 0; i < spec->option_count; i++) {
        buf_clear(&left);
        put_left(&spec->options[i], &left);
        if (left.len <= HELP_LEFT_MAX && left.len > widest) {
            widest = left.len;
        }
    }
    return widest;
}

static void put_help(const struct config_spec *spec, struct buf *out)
{
    size_t indent = left_width(spec) + 2;
    (void)buf_printf(out, "Usage: %s [options]%s%s\n", spec->program, spec->operands ? " " : "",
                     spec->operands ? spec->operands : "");
    (void)buf_printf(out, "%s\n\nOptions:\n", spec->summary);
    for (size_t i = 0; i < spec->option_count; i++) {
        put_option(&spec->options[i], indent, out);
    }
    (void)buf_printf(out, "%-*s%s\n", (int)indent, "  --help", "Print this text and exit.");
    (void)buf_printf(out, "%-*s%s\n", (int)indent, "  --version", "Print the version and exit.");
    if (spec->epilogue != NULL) {
        (void)buf_printf(out, "\n%s\n", spec->epilogue);
    }
}

/* --- host and port --- */

static bool is_v6(struct slice host)
{
    char text[INET6_ADDRSTRLEN + 1];
    struct in6_addr address;
    host = slice_cut(&host, '%'); /* a zone, as in fe80::1%eth0, is the system's to know */
    if (host.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_host_name(struct slice host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool is_ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.';
        if (!is_ok) {
            return false;
        }
    }
    return host.len > 0;
}

enum err config_split_host_port(const char *text, char *ret_host, size_t host_size, int *ret_port)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text) {
        return ERR_BAD_REQUEST;
    }
    struct slice host = {text, (size_t)(colon - text)};
    bool is_bracketed = host.len > 2 && text[0] == '[' && colon[-1] == ']';
    if (is_bracketed) {
        host = (struct slice){text + 1, host.len - 2};
    }
    int64_t port;
    bool is_ok = (is_bracketed ? is_v6(host) : is_host_name(host)) && host.len < host_size &&
                 colon[1] != '-' && slice_to_i64(slice_of(colon + 1), &port) == ERR_OK &&
                 port <= UINT16_MAX;
    if (!is_ok) {
        return ERR_BAD_REQUEST;
    }
    memcpy(ret_host, host.ptr, host.len);
    ret_host[host.len] = '\0';
    *ret_port = (int)port;
    return ERR_OK;
}

/* --- kinds --- */

static bool set_string(const struct config_option *option, const char *text)
{
    bool is_allowed = option->choices == NULL;
    for (size_t i = 0; !is_allowed && option->choices[i] != NULL; i++) {
        is_allowed = strcmp(option->choices[i], text) == 0;
    }
    if (is_allowed) {
        *(const char **)option->target = text;
    }
    return is_allowed;
}

static void describe_string(const struct config_option *option, struct buf *out)
{
    for (size_t i = 0; option->choices != NULL && option->choices[i] != NULL; i++) {
        (void)buf_printf(out, "%s%s", i > 0 ? ", " : "", option->choices[i]);
    }
    if (option->choices == NULL) {
        (void)buf_printf(out, "one %s", option->argument ? option->argument : "value");
    }
}

static bool set_int(const struct config_option *option, const char *text)
{
    int64_t value;
    if (slice_to_i64(slice_of(text), &value) != ERR_OK || value < option->min ||
        value > option->max) {
        return false;
    }
    *(int64_t *)option->target = value;
    return true;
}

static void describe_int(const struct config_option *option, struct buf *out)
{
    (void)buf_put_str(out, "a whole number from ");
    (void)buf_put_i64(out, option->min);
    (void)buf_put_str(out, " to ");
    (void)buf_put_i64(out, option->max);
}

static bool set_flag(const struct config_option *option, const char *text)
{
    bool is_on = strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
    bool is_off = strcmp(text, "0") == 0 || strcmp(text, "false") == 0;
    if (is_on || is_off) {
        *(bool *)option->target = is_on;
    }
    return is_on || is_off;
}

static void describe_flag(const struct config_option *option, struct buf *out)
{
    (void)option;
    (void)buf_put_str(out, "0, 1, false, true");
}

/* The whole list at once, as the environment and the fallback give it; empty pieces are dropped.
 * The copy belongs to the process. */
static bool set_strings(const struct config_option *option, const char *text)
{
    *(struct config_strings *)option->target = (struct config_strings){0};
    struct slice rest = slice_of(text);
    while (rest.len > 0) {
        struct slice item = slice_trim(slice_cut(&rest, ','));
        if (item.len > 0) {
            append_string(option, slice_dup(item));
        }
    }
    return true;
}

static bool set_host_port(const struct config_option *option, const char *text)
{
    char host[HOST_SIZE];
    int port;
    if (config_split_host_port(text, host, sizeof(host), &port) != ERR_OK) {
        return false;
    }
    *(const char **)option->target = text;
    return true;
}

static void describe_host_port(const struct config_option *option, struct buf *out)
{
    (void)option;
    (void)buf_put_str(out, "HOST:PORT or [V6]:PORT with a port from 0 to 65535");
}

static const struct kind_ops *ops_of(const struct config_option *option)
{
    static const struct kind_ops kinds[] = {
        [CONFIG_STRING] = {set_string, describe_string},
        [CONFIG_INT] = {set_int, describe_int},
        [CONFIG_FLAG] = {set_flag, describe_flag},
        [CONFIG_STRINGS] = {set_strings, describe_string},
        [CONFIG_HOST_PORT] = {set_host_port, describe_host_port},
    };
    ensure((size_t)option->kind < COUNT_OF(kinds));
    return &kinds[option->kind];
}
