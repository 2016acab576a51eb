/* millrace-gpu-check sees the one card and prints one line of JSON; its exit status is the verdict.
 * Anything else (a signal, no line, too slow) is a card that a handler could not use either. */
#include "card_check.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/id.h"
#include "base/json.h"
#include "env.h"
#include "launch.h"

#define PROGRAM "millrace-gpu-check"
#define MARK "MILLRACE_CHECKUP"
enum { EXIT_FIT = 0, EXIT_IMPOSSIBLE = 3 };

struct card_check {
    card_check_fn fn;
    void *arg;
    struct tool *tool;
    uint64_t limit_ms;
    struct buf report, said; /* the line of JSON; the last other line */
};

static void check_said(struct slice line, void *arg);
static void check_ended(const struct tool_result *result, void *arg);

/* The agent's environment, with this card visible and no other. */
static char **make_env(const char *uuid, const char *mark)
{
    char **env = env_outside(environ);
    env = env_with(env, "CUDA_VISIBLE_DEVICES", uuid);
    return env_with(env, MARK, mark);
}

struct card_check *card_check_start(const struct card_check_spec *spec, card_check_fn fn, void *arg)
{
    struct card_check *check = xcalloc(1, sizeof(*check));
    *check = (struct card_check){.fn = fn, .arg = arg, .limit_ms = spec->limit_ms};
    char secret[33];
    id_hex(secret, 16);
    AUTO_STR program = launch_beside(PROGRAM);
    AUTO_STR mark = xasprintf(MARK "=%s", secret);
    AUTO(env_free) char **env = make_env(spec->uuid, secret);
    const char *const argv[] = {
        program, "--gpu", spec->uuid, spec->fake != NULL ? "--fake-gpus" : NULL, spec->fake, NULL};
    const struct tool_spec tool = {.argv = argv,
                                   .env = env,
                                   .mark = mark,
                                   .timeout_ms = spec->limit_ms,
                                   .on_line = check_said,
                                   .fn = check_ended,
                                   .arg = check};
    check->tool = tool_start(spec->tools, &tool);
    return check;
}

static void check_free(struct card_check *check)
{
    buf_done(&check->report);
    buf_done(&check->said);
    free(check);
}

void card_check_cancel(struct card_check *check)
{
    if (check != NULL) {
        tool_cancel(check->tool);
        check_free(check);
    }
}

static void check_said(struct slice line, void *arg)
{
    struct card_check *check = arg;
    struct buf *out = slice_starts(line, SLICE("{")) ? &check->report : &check->said;
    buf_clear(out);
    (void)buf_put_slice(out, line);
}

/* ---- verdict ---- */

static void put_problem(const struct card_check *check, const struct tool_result *result,
                        struct buf *out)
{
    struct json_member problem = {.name = "problem"};
    if (result->end == NULL) {
        (void)buf_put_slice(out, result->problem);
        return;
    }
    if (result->is_late) {
        buf_printf(out, "the check did not end within %llu s",
                   (unsigned long long)check->limit_ms / 1000);
        return;
    }
    if (json_scan(buf_slice(&check->report), &problem, 1, NULL) == ERR_OK &&
        json_unquote(problem.value, out) == ERR_OK) {
        return;
    }
    buf_put_str(out, "the check ended with ");
    process_end_text(result->end, out);
    buf_put_str(out, check->said.len > 0 ? ": " : "");
    buf_put_excerpt(out, buf_slice(&check->said), 80);
}

static enum card_verdict verdict_of(const struct card_check *check,
                                    const struct tool_result *result)
{
    if (result->end == NULL) {
        return CARD_UNCHECKED;
    }
    bool has_report = json_check(buf_slice(&check->report), NULL, NULL) == ERR_OK;
    if (result->is_late || !has_report) {
        return CARD_UNFIT;
    }
    return result->end->exit_code == EXIT_FIT          ? CARD_FIT
           : result->end->exit_code == EXIT_IMPOSSIBLE ? CARD_UNCHECKED
                                                       : CARD_UNFIT;
}

static void check_ended(const struct tool_result *result, void *arg)
{
    struct card_check *check = arg;
    AUTO(buf_done) struct buf text = BUF_INIT;
    enum card_verdict verdict = verdict_of(check, result);
    if (verdict != CARD_FIT) {
        put_problem(check, result, &text);
    }
    AUTO_STR problem = buf_take_str(&text);
    AUTO_STR report = buf_take_str(&check->report);
    check->fn(&(struct card_check_end){verdict, problem, report}, check->arg);
    check_free(check);
}
