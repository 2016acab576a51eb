/* Settings: which source wins, what each kind allows, and the one line that says what is wrong. */
#include "base/config.h"

#include "test.h"

struct settings {
    const char *redis;
    const char *level;
    const char *listen;
    int64_t slots;
    int64_t any;
    bool is_private;
    struct config_strings endpoints;
};

struct fixture {
    struct settings settings;
    struct config_option options[7];
    struct config_spec spec;
    struct buf out;
    struct config_strings operands;
};

static const char *const levels[] = {"debug", "info", NULL};

/* The environment of the tests: "NAME=value" pairs. */
static const char *const *environment;

static int set_up(void **state)
{
    environment = NULL;
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct settings *s = &f->settings;
    s->any = 5;
    const struct config_option options[] = {
        {.name = "redis",
         .kind = CONFIG_STRING,
         .target = &s->redis,
         .argument = "URL",
         .fallback = "redis://r",
         .help = "Where Redis is."},
        {.name = "log-level",
         .kind = CONFIG_STRING,
         .target = &s->level,
         .argument = "LEVEL",
         .fallback = "info",
         .choices = levels,
         .help = "How much is logged."},
        {.name = "listen",
         .kind = CONFIG_HOST_PORT,
         .target = &s->listen,
         .argument = "HOST:PORT",
         .fallback = "127.0.0.1:8080",
         .help = "Where to listen."},
        {.name = "slots",
         .kind = CONFIG_INT,
         .target = &s->slots,
         .argument = "N",
         .fallback = "1",
         .min = 0,
         .max = 64,
         .help = "How many handlers may run."},
        {.name = "any",
         .kind = CONFIG_INT,
         .target = &s->any,
         .argument = "N",
         .min = INT64_MIN,
         .max = INT64_MAX,
         .help = "Any number."},
        {.name = "private", .kind = CONFIG_FLAG, .target = &s->is_private, .help = "Stay private."},
        {.name = "endpoint",
         .kind = CONFIG_STRINGS,
         .target = &s->endpoints,
         .argument = "FILE",
         .help = "Apply this file."},
    };
    memcpy(f->options, options, sizeof(options));
    f->spec = (struct config_spec){.program = "millrace-x",
                                   .summary = "Does x.",
                                   .operands = "FILE...",
                                   .options = f->options,
                                   .option_count = COUNT_OF(options),
                                   .epilogue = "See the README."};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    buf_done(&f->out);
    free(f->settings.endpoints.items);
    free(f);
    return 0;
}

static char *fake_getenv(const char *name)
{
    for (const char *const *at = environment; at != NULL && *at != NULL; at++) {
        struct slice rest = slice_of(*at);
        if (slice_is(slice_cut(&rest, '='), name)) {
            return (char *)(uintptr_t)(strchr(*at, '=') + 1);
        }
    }
    return NULL;
}

static enum config_result parse(struct fixture *f, const char *const *args)
{
    static char *argv[20];
    int argc = 0;
    argv[argc++] = (char *)(uintptr_t) "millrace-x";
    for (; args[argc - 1] != NULL; argc++) {
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
    }
    argv[argc] = NULL;
    return config_parse(&f->spec, argc, argv, fake_getenv, &f->out, &f->operands);
}

#define PARSE(...) parse(f, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define ENVIRON(...)                    \
    environment = (const char *const[]) \
    {                                   \
        __VA_ARGS__, NULL               \
    }
#define assert_line(text) assert_slice(buf_slice(&f->out), text)

static void fallbacks_fill_what_nobody_set(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE(), CONFIG_RUN);
    assert_string_equal(f->settings.redis, "redis://r");
    assert_string_equal(f->settings.listen, "127.0.0.1:8080");
    assert_int_equal(f->settings.slots, 1);
    assert_false(f->settings.is_private);
    assert_int_equal(f->settings.endpoints.count, 0);
}

static void a_target_without_fallback_keeps_what_it_holds(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE(), CONFIG_RUN);
    assert_int_equal(f->settings.any, 5);
}

static void a_value_follows_its_flag_or_an_equals_sign(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE("--redis", "unix:///a=b", "--slots=3", "--any", "-7"), CONFIG_RUN);
    assert_string_equal(f->settings.redis, "unix:///a=b");
    assert_int_equal(f->settings.slots, 3);
    assert_int_equal(f->settings.any, -7);
}

static void an_empty_value_behind_equals_is_a_value(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE("--redis="), CONFIG_RUN);
    assert_string_equal(f->settings.redis, "");
}

static void a_value_behind_equals_may_begin_with_dashes(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE("--redis=--x=y"), CONFIG_RUN);
    assert_string_equal(f->settings.redis, "--x=y");
}

static void the_environment_wins_over_the_fallback(void **state)
{
    struct fixture *f = *state;
    ENVIRON("MILLRACE_LOG_LEVEL=debug", "MILLRACE_SLOTS=9", "MILLRACE_PRIVATE=1");
    assert_int_equal(PARSE(), CONFIG_RUN);
    assert_string_equal(f->settings.level, "debug");
    assert_int_equal(f->settings.slots, 9);
    assert_true(f->settings.is_private);
}

static void the_flag_wins_over_the_environment(void **state)
{
    struct fixture *f = *state;
    ENVIRON("MILLRACE_SLOTS=9", "MILLRACE_PRIVATE=true", "MILLRACE_ENDPOINT=a,b");
    assert_int_equal(PARSE("--slots", "2", "--private=false", "--endpoint", "c"), CONFIG_RUN);
    assert_int_equal(f->settings.slots, 2);
    assert_false(f->settings.is_private);
    assert_int_equal(f->settings.endpoints.count, 1);
    assert_string_equal(f->settings.endpoints.items[0], "c");
}

static void a_bad_variable_does_no_harm_when_the_flag_is_given(void **state)
{
    struct fixture *f = *state;
    ENVIRON("MILLRACE_SLOTS=many");
    assert_int_equal(PARSE("--slots=2"), CONFIG_RUN);
    assert_int_equal(f->settings.slots, 2);
}

static void an_empty_variable_counts_as_unset(void **state)
{
    struct fixture *f = *state;
    ENVIRON("MILLRACE_SLOTS=", "MILLRACE_REDIS=");
    assert_int_equal(PARSE(), CONFIG_RUN);
    assert_int_equal(f->settings.slots, 1);
    assert_string_equal(f->settings.redis, "redis://r");
}

static void the_last_of_repeated_flags_wins(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE("--slots=2", "--slots=3"), CONFIG_RUN);
    assert_int_equal(f->settings.slots, 3);
}

static void a_list_collects_repeated_flags_in_order(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE("--endpoint", "a,b", "--slots=1", "--endpoint=c"), CONFIG_RUN);
    assert_int_equal(f->settings.endpoints.count, 2);
    assert_string_equal(f->settings.endpoints.items[0], "a,b");
    assert_string_equal(f->settings.endpoints.items[1], "c");
}

static void a_list_in_the_environment_is_cut_at_commas(void **state)
{
    struct fixture *f = *state;
    ENVIRON("MILLRACE_ENDPOINT=a, b,,c,");
    assert_int_equal(PARSE(), CONFIG_RUN);
    struct config_strings *list = &f->settings.endpoints;
    assert_int_equal(list->count, 3);
    assert_string_equal(list->items[0], "a");
    assert_string_equal(list->items[1], "b");
    assert_string_equal(list->items[2], "c");
    for (size_t i = 0; i < list->count; i++) {
        free((void *)(uintptr_t)list->items[i]); /* a program keeps them for its life */
    }
}

static void operands_are_returned_in_order_from_between_the_flags(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE("one", "--slots", "2", "-", "--private", "two"), CONFIG_RUN);
    assert_int_equal(f->operands.count, 3);
    assert_string_equal(f->operands.items[0], "one");
    assert_string_equal(f->operands.items[1], "-");
    assert_string_equal(f->operands.items[2], "two");
}

static void two_dashes_end_the_options(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE("--slots=2", "--", "--slots=3", "--", "--help"), CONFIG_RUN);
    assert_int_equal(f->settings.slots, 2);
    assert_int_equal(f->operands.count, 3);
    assert_string_equal(f->operands.items[0], "--slots=3");
    assert_string_equal(f->operands.items[1], "--");
}

static void operands_are_refused_where_none_are_taken(void **state)
{
    struct fixture *f = *state;
    f->spec.operands = NULL;
    assert_int_equal(PARSE("stray"), CONFIG_BAD);
    assert_line("millrace-x: unexpected argument \"stray\"; allowed: options only, see --help");
}

static void an_unknown_flag_is_named_with_all_that_are_allowed(void **state)
{
    struct fixture *f = *state;
    f->spec.option_count = 2;
    assert_int_equal(PARSE("--slot=3"), CONFIG_BAD);
    assert_line(
        "millrace-x: unknown option \"--slot\"; allowed: --redis --log-level --help --version");
}

static void names_are_neither_shortened_nor_given_with_one_dash(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE("--red", "x"), CONFIG_BAD);
    assert_int_equal(PARSE("-redis", "x"), CONFIG_BAD);
    assert_int_equal(PARSE("---redis", "x"), CONFIG_BAD);
    assert_int_equal(PARSE("--Redis", "x"), CONFIG_BAD);
    assert_int_equal(PARSE("--=x"), CONFIG_BAD);
    assert_int_equal(PARSE("-s"), CONFIG_BAD);
}

static void a_bad_number_is_named_with_its_range(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE("--slots", "65"), CONFIG_BAD);
    assert_line("millrace-x: --slots is \"65\"; allowed: a whole number from 0 to 64");
}

static void numbers_are_whole_decimal_and_in_range(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {
        "--slots=-1", "--slots=65",  "--slots=",    "--slots=1x",
        "--slots= 1", "--slots=1.0", "--slots=0x1", "--slots=99999999999999999999"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(PARSE(bad[i]), CONFIG_BAD);
    }
    assert_int_equal(PARSE("--slots=0"), CONFIG_RUN);
    assert_int_equal(PARSE("--slots=64"), CONFIG_RUN);
    assert_int_equal(f->settings.slots, 64);
}

static void a_bad_variable_is_named_as_the_variable(void **state)
{
    struct fixture *f = *state;
    ENVIRON("MILLRACE_LOG_LEVEL=loud");
    assert_int_equal(PARSE(), CONFIG_BAD);
    assert_line("millrace-x: MILLRACE_LOG_LEVEL is \"loud\"; allowed: debug, info");
}

static void a_missing_value_is_named_with_what_is_allowed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE("--redis"), CONFIG_BAD);
    assert_line("millrace-x: --redis has no value; allowed: one URL");
}

static void the_next_flag_is_not_taken_for_a_value(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE("--redis", "--private"), CONFIG_BAD);
}

static void a_complaint_is_one_line_whatever_the_value_holds(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE("--slots=a\nb\x1b[31m"), CONFIG_BAD);
    assert_null(memchr(f->out.ptr, '\n', f->out.len));
    assert_null(memchr(f->out.ptr, '\x1b', f->out.len));
}

static void a_flag_allows_only_the_four_words(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE("--private"), CONFIG_RUN);
    assert_true(f->settings.is_private);
    assert_int_equal(PARSE("--private=0"), CONFIG_RUN);
    assert_false(f->settings.is_private);
    assert_int_equal(PARSE("--private=yes"), CONFIG_BAD);
    assert_line("millrace-x: --private is \"yes\"; allowed: 0, 1, false, true");
}

static void host_and_port_are_checked(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE("--listen", "[::1]:0"), CONFIG_RUN);
    assert_string_equal(f->settings.listen, "[::1]:0");
    assert_int_equal(PARSE("--listen", "localhost"), CONFIG_BAD);
    assert_line("millrace-x: --listen is \"localhost\"; allowed: HOST:PORT or [V6]:PORT with a "
                "port from 0 to 65535");
}

static void help_shows_each_option_with_its_default_and_variable(void **state)
{
    struct fixture *f = *state;
    f->spec.option_count = 4;
    assert_int_equal(PARSE("--help"), CONFIG_HELP);
    assert_line(
        "Usage: millrace-x [options] FILE...\n"
        "Does x.\n"
        "\n"
        "Options:\n"
        "  --redis URL         Where Redis is. [default=redis://r] [env=MILLRACE_REDIS]\n"
        "  --log-level LEVEL   How much is logged. (debug, info) [default=info] "
        "[env=MILLRACE_LOG_LEVEL]\n"
        "  --listen HOST:PORT  Where to listen. [default=127.0.0.1:8080] [env=MILLRACE_LISTEN]\n"
        "  --slots N           How many handlers may run. [default=1] [env=MILLRACE_SLOTS]\n"
        "  --help              Print this text and exit.\n"
        "  --version           Print the version and exit.\n"
        "\n"
        "See the README.\n");
}

static void help_wraps_long_texts_under_their_column(void **state)
{
    struct fixture *f = *state;
    f->options[0].help =
        "One long text that goes on and on, past the right edge of the screen of a "
        "terminal, and further.";
    f->options[1].name = "a-name-too-long-for-the-column-of-names";
    f->spec.option_count = 2;
    assert_int_equal(PARSE("--help"), CONFIG_HELP);
    buf_put_char(&f->out, '\0');
    assert_non_null(strstr(f->out.ptr, "  --redis URL  One long"));
    assert_non_null(strstr(f->out.ptr, "\n               "));
    assert_non_null(strstr(f->out.ptr, "  --a-name-too-long-for-the-column-of-names LEVEL\n"
                                       "               How much"));
}

static void help_works_whatever_the_environment_holds(void **state)
{
    struct fixture *f = *state;
    ENVIRON("MILLRACE_SLOTS=many");
    assert_int_equal(PARSE("--slots=1", "-h"), CONFIG_HELP);
}

static void version_names_the_program(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE("--version"), CONFIG_VERSION);
    assert_line("millrace-x " MILLRACE_VERSION "\n");
}

static void a_program_may_have_no_arguments_at_all(void **state)
{
    struct fixture *f = *state;
    char *argv[] = {NULL};
    assert_int_equal(config_parse(&f->spec, 0, argv, NULL, &f->out, &f->operands), CONFIG_RUN);
    assert_int_equal(f->operands.count, 0);
}

static void assert_split(const char *text, const char *host, int port)
{
    char got[64];
    int got_port;
    assert_int_equal(config_split_host_port(text, got, sizeof(got), &got_port), ERR_OK);
    assert_string_equal(got, host);
    assert_int_equal(got_port, port);
}

static void split_takes_names_and_both_kinds_of_address(void **state)
{
    (void)state;
    assert_split("localhost:80", "localhost", 80);
    assert_split("10.0.0.1:0", "10.0.0.1", 0);
    assert_split("a-b_c.example.com:65535", "a-b_c.example.com", 65535);
    assert_split("[::1]:8080", "::1", 8080);
    assert_split("[fe80::1%eth0]:1", "fe80::1%eth0", 1);
    assert_split("[::ffff:10.0.0.1]:1", "::ffff:10.0.0.1", 1);
}

static void split_refuses_everything_else(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        ":",
                                        ":80",
                                        "a",
                                        "a:",
                                        "a:x",
                                        "a:-1",
                                        "a:-0",
                                        "a:65536",
                                        "a: 1",
                                        "a:1 ",
                                        "::1:80",
                                        "[::1]",
                                        "[::1]80",
                                        "[]:80",
                                        "[a]:80",
                                        "[::1:80",
                                        "::1]:80",
                                        "http://a:80",
                                        "a/b:80",
                                        "a b:80",
                                        "[10.0.0.1]:80",
                                        "a:99999999999999999999",
                                        "[::1]]:80",
                                        "[%eth0]:1"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        char host[64];
        int port;
        if (config_split_host_port(texts[i], host, sizeof(host), &port) == ERR_OK) {
            fail_msg("accepted %s", texts[i]);
        }
    }
}

static void split_refuses_a_host_that_does_not_fit(void **state)
{
    (void)state;
    char host[4];
    int port;
    assert_int_equal(config_split_host_port("abc:1", host, sizeof(host), &port), ERR_OK);
    assert_int_equal(config_split_host_port("abcd:1", host, sizeof(host), &port), ERR_BAD_REQUEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fallbacks_fill_what_nobody_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_target_without_fallback_keeps_what_it_holds, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_value_follows_its_flag_or_an_equals_sign, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_empty_value_behind_equals_is_a_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_value_behind_equals_may_begin_with_dashes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_environment_wins_over_the_fallback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_flag_wins_over_the_environment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_variable_does_no_harm_when_the_flag_is_given, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_empty_variable_counts_as_unset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_of_repeated_flags_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_list_collects_repeated_flags_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_list_in_the_environment_is_cut_at_commas, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(operands_are_returned_in_order_from_between_the_flags,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_dashes_end_the_options, set_up, tear_down),
        cmocka_unit_test_setup_teardown(operands_are_refused_where_none_are_taken, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_flag_is_named_with_all_that_are_allowed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(names_are_neither_shortened_nor_given_with_one_dash, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_bad_number_is_named_with_its_range, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_are_whole_decimal_and_in_range, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_variable_is_named_as_the_variable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_value_is_named_with_what_is_allowed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_next_flag_is_not_taken_for_a_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_complaint_is_one_line_whatever_the_value_holds, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_flag_allows_only_the_four_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(host_and_port_are_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(help_shows_each_option_with_its_default_and_variable,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(help_wraps_long_texts_under_their_column, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(help_works_whatever_the_environment_holds, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(version_names_the_program, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_program_may_have_no_arguments_at_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(split_takes_names_and_both_kinds_of_address, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(split_refuses_everything_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(split_refuses_a_host_that_does_not_fit, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
