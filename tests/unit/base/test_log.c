/* Log lines: their form, their levels, and that text of peers cannot break them. */
#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include "test.h"

/* stderr goes into a pipe while a test logs. */
struct fixture {
    int saved;
    int pipe[2];
    char text[8192];
};

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    f->saved = dup(STDERR_FILENO);
    ensure(pipe2(f->pipe, O_NONBLOCK | O_CLOEXEC) == 0);
    (void)dup2(f->pipe[1], STDERR_FILENO);
    log_init("api-0", LOG_LEVEL_INFO);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    (void)dup2(f->saved, STDERR_FILENO);
    (void)close(f->saved);
    (void)close(f->pipe[0]);
    (void)close(f->pipe[1]);
    free(f);
    return 0;
}

static const char *logged(struct fixture *f)
{
    ssize_t len = read(f->pipe[0], f->text, sizeof(f->text) - 1);
    f->text[len > 0 ? len : 0] = '\0';
    return f->text;
}

static void a_line_has_time_level_node_event_and_the_rest(void **state)
{
    struct fixture *f = *state;
    log_warn("job.lost", "job=%s tries=%d", "abc", 3);
    const char *line = logged(f);
    assert_string_equal(line + strlen("2026-01-31T12:00:00.000Z"),
                        " warn node=api-0 event=job.lost job=abc tries=3\n");
    assert_int_equal(line[4], '-');
    assert_int_equal(line[10], 'T');
    assert_int_equal(line[19], '.');
    assert_int_equal(line[23], 'Z');
}

static void an_event_may_stand_alone(void **state)
{
    struct fixture *f = *state;
    const char *nothing = "";
    log_write(LOG_LEVEL_INFO, "start", "%s", nothing);
    assert_non_null(strstr(logged(f), " event=start"));
}

static void lower_levels_are_silent(void **state)
{
    struct fixture *f = *state;
    log_debug("loop.turn", "n=%d", 1);
    assert_string_equal(logged(f), "");
    log_init("api-0", LOG_LEVEL_ERROR);
    log_warn("x", "n=%d", 1);
    assert_string_equal(logged(f), "");
    log_error("x", "n=%d", 1);
    assert_non_null(strstr(logged(f), " error "));
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
    struct fixture *f = *state;
    char *text = xmalloc(6000);
    memset(text, 'a', 5999);
    text[5999] = '\0';
    log_info("long", "text=%s", text);
    free(text);
    const char *line = logged(f);
    assert_true(strlen(line) <= 4096);
    assert_int_equal(line[strlen(line) - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void an_overlong_head_is_cut_and_still_ends(void **state)
{
    struct fixture *f = *state;
    char *node = xmalloc(6000);
    memset(node, 'n', 5999);
    node[5999] = '\0';
    log_init(node, LOG_LEVEL_INFO);
    log_info("event", "k=%d", 1);
    log_init("api-0", LOG_LEVEL_INFO);
    free(node);
    const char *line = logged(f);
    assert_true(strlen(line) <= 4096);
    assert_int_equal(line[strlen(line) - 1], '\n');
}

static void levels_have_names(void **state)
{
    (void)state;
    enum log_level level;
    assert_int_equal(log_level_parse("debug", &level), ERR_OK);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_int_equal(log_level_parse("error", &level), ERR_OK);
    assert_int_equal(level, LOG_LEVEL_ERROR);
    assert_int_equal(log_level_parse("Error", &level), ERR_BAD_REQUEST);
    assert_int_equal(log_level_parse("", &level), ERR_BAD_REQUEST);
}

static void quoted_text_cannot_break_the_line(void **state)
{
    (void)state;
    assert_string_equal(log_quote(SLICE("a\nb\"c\x1b\x7f\0d")), "\"a?b\\\"c???d\"");
    assert_string_equal(log_quote(SLICE("C:\\x\"")), "\"C:\\\\x\\\"\"");
    assert_string_equal(log_quote(SLICE_NONE), "\"\"");
}

static void quoted_text_is_cut_at_400_bytes(void **state)
{
    (void)state;
    char text[401];
    memset(text, 'a', sizeof(text));
    assert_int_equal(strlen(log_quote((struct slice){text, 400})), 402);
    const char *cut = log_quote((struct slice){text, 401});
    assert_int_equal(strlen(cut), 405);
    assert_string_equal(cut + 401, "...\"");
}

static void four_quotes_live_at_once(void **state)
{
    (void)state;
    const char *quotes[] = {log_quote(SLICE("a")), log_quote(SLICE("b")), log_quote(SLICE("c")),
                            log_quote(SLICE("d"))};
    assert_string_equal(quotes[0], "\"a\"");
    assert_string_equal(quotes[3], "\"d\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_time_level_node_event_and_the_rest, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_event_may_stand_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lower_levels_are_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_line_is_cut_and_still_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_overlong_head_is_cut_and_still_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(levels_have_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(quoted_text_cannot_break_the_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(quoted_text_is_cut_at_400_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(four_quotes_live_at_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
