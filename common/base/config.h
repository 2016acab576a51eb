/* Settings of a program from its flags and environment.
 *
 * Each option `--redis-url` is also MILLRACE_REDIS_URL in the environment; the flag wins, both win
 * over the default. `--name value` and `--name=value` are the same; `--` ends the options. An
 * unknown flag or a bad value is one line on stderr that names the value and what is allowed, exit
 * status 2. --help and --version print on stdout and exit 0. */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/buf.h"

enum config_kind {
    CONFIG_STRING,    /* target: const char **, borrowed from argv, the environment or fallback */
    CONFIG_INT,       /* target: int64_t *, between min and max inclusive */
    CONFIG_FLAG,      /* target: bool *; --name alone is true, else --name=0/1/true/false as in the
                         environment */
    CONFIG_STRINGS,   /* target: struct config_strings *; may be given several times; in the
                         environment separated by ',' */
    CONFIG_HOST_PORT, /* target: const char **, checked to be HOST:PORT or [V6]:PORT */
};

struct config_strings {
    const char **items; /* owned by the process, never freed */
    size_t count;
};

struct config_option {
    const char *name; /* "redis-url", without the dashes */
    enum config_kind kind;
    void *target;
    const char *argument;       /* "URL", shown by --help; NULL for CONFIG_FLAG */
    const char *fallback;       /* default as text, NULL for none (target keeps what it holds) */
    int64_t min, max;           /* CONFIG_INT */
    const char *const *choices; /* CONFIG_STRING: NULL-terminated list of allowed values, or NULL */
    const char *help;
};

struct config_spec {
    const char *program;  /* "millrace-api" */
    const char *summary;  /* one line */
    const char *operands; /* "FILE..." for usage; NULL: operands are refused */
    const struct config_option *options;
    size_t option_count;
    const char *epilogue; /* more text for --help, or NULL */
};

/* Fills the targets, returns the operands (in argv's order, reusing argv's memory), or exits. */
struct config_strings config_load(const struct config_spec *spec, int argc, char **argv);

/* The same without exits, for tests and for sub-commands. On CONFIG_BAD `out` holds the one line
 * without its newline, on CONFIG_HELP and CONFIG_VERSION the text to print. getenv_fn may be NULL.
 */
enum config_result { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION, CONFIG_BAD };
enum config_result config_parse(const struct config_spec *spec, int argc, char **argv,
                                char *(*getenv_fn)(const char *), struct buf *out,
                                struct config_strings *ret_operands);

/* Splits "HOST:PORT" / "[V6]:PORT": host is copied without brackets. */
enum err config_split_host_port(const char *text, char *ret_host, size_t host_size, int *ret_port);

#endif
