/* millrace-gpu-check sees the one card and prints one line of JSON; its exit status is the verdict.
 * Anything else (a signal, no line, too slow) is a card that a handler could not use either. */
#include "checkup.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/id.h"
#include "base/json.h"
#include "launch.h"
#include "process.h"

#define PROGRAM "millrace-gpu-check"
#define MARK "MILLRACE_CHECKUP="
enum { EXIT_FIT = 0, EXIT_UNFIT = 1, EXIT_IMPOSSIBLE = 3 };

struct checkup {
    checkup_fn fn;
    void *arg;
    struct process *process;
    struct timer limit;
    uint64_t limit_ms;
    bool is_late;
    struct buf report, said; /* the line of JSON; the last other line */
};

static void checkup_said(struct slice line, void *arg)
{
    struct checkup *checkup = arg;
    struct buf *out = slice_starts(line, SLICE("{")) ? &checkup->report : &checkup->said;
    buf_clear(out);
    buf_put_slice(out, line);
}

/* ---- verdict ---- */

static void put_problem(const struct checkup *checkup, const struct process_end *end,
                        struct buf *out)
{
    struct json_member problem = {.name = "problem"};
    if (checkup->is_late) {
        buf_printf(out, "the check did not end within %llu s",
                   (unsigned long long)checkup->limit_ms / 1000);
        return;
    }
    if (json_scan(buf_slice(&checkup->report), &problem, 1, NULL) == ERR_OK &&
        json_unquote(problem.value, out) == ERR_OK) {
        return;
    }
    buf_put_str(out, "the check ended with ");
    process_end_text(end, out);
    buf_put_str(out, checkup->said.len > 0 ? ": " : "");
    buf_put_excerpt(out, buf_slice(&checkup->said), 80);
}

static enum checkup_verdict verdict_of(const struct checkup *checkup, const struct process_end *end)
{
    bool has_report = json_check(buf_slice(&checkup->report), NULL, NULL) == ERR_OK;
    if (checkup->is_late || !has_report) {
        return CHECKUP_UNFIT;
    }
    return end->exit_code == EXIT_FIT          ? CHECKUP_FIT
           : end->exit_code == EXIT_IMPOSSIBLE ? CHECKUP_IMPOSSIBLE
                                               : CHECKUP_UNFIT;
}

static void checkup_ended(const struct process_end *end, void *arg)
{
    struct checkup *checkup = arg;
    AUTO(buf_done) struct buf text = BUF_INIT;
    timer_stop(&checkup->limit);
    enum checkup_verdict verdict = verdict_of(checkup, end);
    if (verdict != CHECKUP_FIT) {
        put_problem(checkup, end, &text);
    }
    AUTO_STR problem = buf_take_str(&text);
    AUTO_STR report = buf_take_str(&checkup->report);
    const struct checkup_end result = {verdict, problem, report};
    checkup->fn(&result, checkup->arg);
    buf_done(&checkup->report);
    buf_done(&checkup->said);
    free(checkup);
}

/* ---- start ---- */

static void checkup_late(struct timer *timer)
{
    struct checkup *checkup = container_of(timer, struct checkup, limit);
    checkup->is_late = true;
    process_kill(checkup->process);
}

static bool is_kept(const char *variable)
{
    struct slice text = slice_of(variable);
    return !slice_starts(text, SLICE("MILLRACE_")) &&
           !slice_starts(text, SLICE("CUDA_VISIBLE_DEVICES="));
}

/* The agent's environment, with this card visible and no other. */
static char **make_env(const char *uuid, const char *mark)
{
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    char **env = xcalloc(count + 3, sizeof(*env));
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_kept(environ[i])) {
            env[kept++] = xstrdup(environ[i]);
        }
    }
    env[kept++] = xasprintf("CUDA_VISIBLE_DEVICES=%s", uuid);
    env[kept] = xstrdup(mark);
    return env;
}

static enum err spawn(const struct checkup_spec *spec, struct checkup *checkup, struct buf *problem)
{
    char mark[] = MARK "0123456789abcdef0123456789abcdef";
    id_hex(strchr(mark, '=') + 1, 16);
    AUTO_STR program = launch_beside(PROGRAM);
    AUTO_STR uuid = xstrdup(spec->uuid);
    AUTO_STR fake = spec->fake != NULL ? xstrdup(spec->fake) : NULL;
    char gpu_flag[] = "--gpu", fake_flag[] = "--fake-gpus";
    char *argv[] = {program, gpu_flag, uuid, fake != NULL ? fake_flag : NULL, fake, NULL};
    AUTO(launch_free_argv) char **env = make_env(uuid, mark);
    struct process_spec process = {
        .loop = spec->loop,
        .reaper = spec->reaper,
        .keeper = spec->keeper,
        .name = uuid,
        .argv = argv,
        .env = env,
        .mark = mark,
    };
    return process_start(&process, &checkup->process, problem);
}

enum err checkup_start(const struct checkup_spec *spec, checkup_fn fn, void *arg,
                       struct checkup **ret_checkup, struct buf *problem)
{
    struct checkup *checkup = xcalloc(1, sizeof(*checkup));
    checkup->fn = fn;
    checkup->arg = arg;
    checkup->limit_ms = spec->limit_ms;
    enum err err = spawn(spec, checkup, problem);
    if (err != ERR_OK) {
        free(checkup);
        return err;
    }
    process_on_end(checkup->process, checkup_said, checkup_ended, checkup);
    timer_start(spec->loop, &checkup->limit, spec->limit_ms, checkup_late);
    *ret_checkup = checkup;
    return ERR_OK;
}

void checkup_kill(struct checkup *checkup)
{
    process_kill(checkup->process);
}
