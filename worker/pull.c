/*   want -> inspect ... here -> tell
 *             \ not here -> pull -> inspect -> tell
 *
 * A pull that nobody waits for any more goes on: what it has brought is not lost, and who comes
 * back for it finds it further on. Failures are not remembered: who asks has pauses of its own. */
#include "pull.h"

#include "agent.h"
#include "base/log.h"
#include "runtime.h"
#include "tool.h"

#define INSPECT_MS 30000

struct pulls {
    struct agent *agent;
    uint64_t timeout_ms;
    struct list pulls; /* pull.link */
};

struct pull {
    struct list link;
    struct pulls *pulls;
    char *reference; /* owned */
    struct list waits;
    struct tool *tool;
    bool was_pulled;
    uint64_t since_ms;
};

static void pull_inspect(struct pull *pull);
static void pull_inspected(const struct tool_result *result, void *arg);
static void pull_load(struct pull *pull);
static void pull_said(struct slice line, void *arg);
static void pull_loaded(const struct tool_result *result, void *arg);
static void pull_finish(struct pull *pull, const struct pull_result *result);

struct pulls *pulls_new(struct agent *agent, uint64_t timeout_ms)
{
    struct pulls *pulls = xcalloc(1, sizeof(*pulls));
    pulls->agent = agent;
    pulls->timeout_ms = timeout_ms;
    list_init(&pulls->pulls);
    return pulls;
}

static struct pull *find(const struct pulls *pulls, struct slice reference)
{
    list_each (at, &pulls->pulls) {
        struct pull *pull = container_of(at, struct pull, link);
        if (slice_is(reference, pull->reference)) {
            return pull;
        }
    }
    return NULL;
}

void pull_want(struct pulls *pulls, struct slice reference, struct pull_wait *wait)
{
    struct pull *pull = find(pulls, reference);
    if (pull == NULL) {
        pull = xcalloc(1, sizeof(*pull));
        pull->pulls = pulls;
        pull->reference = slice_dup(reference);
        list_init(&pull->waits);
        list_push(&pulls->pulls, &pull->link);
        pull_inspect(pull);
    }
    list_push(&pull->waits, &wait->link);
}

void pull_forget(struct pull_wait *wait)
{
    list_unlink(&wait->link);
}

static void pull_free(struct pull *pull)
{
    tool_cancel(pull->tool);
    list_unlink(&pull->link);
    free(pull->reference);
    free(pull);
}

void pulls_stop(struct pulls *pulls)
{
    list_each_safe (at, &pulls->pulls) {
        struct pull *pull = container_of(at, struct pull, link);
        ensure(list_is_empty(&pull->waits));
        pull_free(pull);
    }
}

void pulls_free(struct pulls *pulls)
{
    if (pulls != NULL) {
        pulls_stop(pulls);
        free(pulls);
    }
}

/* ---- steps ---- */

static const char *program_of(const struct pull *pull)
{
    return runtime_program(pull->pulls->agent->runtime);
}

static void pull_inspect(struct pull *pull)
{
    const char *const argv[] = {program_of(pull), "image",         "inspect", "--format",
                                IMAGE_FORMAT,     pull->reference, NULL};
    const struct tool_spec spec = {
        .argv = argv, .timeout_ms = INSPECT_MS, .fn = pull_inspected, .arg = pull};
    pull->tool = tool_start(&pull->pulls->agent->tools, &spec);
}

/* Something that is nobody's name for an image: it cannot be pulled. */
static bool is_id(const char *reference)
{
    size_t head = strncmp(reference, "sha256:", 7) == 0 ? 7 : 0;
    return strlen(reference + head) == 64 && strspn(reference + head, "0123456789abcdef") == 64;
}

static void pull_inspected(const struct tool_result *result, void *arg)
{
    struct pull *pull = arg;
    struct pull_result answer = {.problem = result->problem};
    pull->tool = NULL;
    bool is_here = result->is_ok && image_facts_read(result->output, slice_of(pull->reference),
                                                     &answer.facts) == ERR_OK;
    if (!is_here && !pull->was_pulled && !is_id(pull->reference)) {
        pull_load(pull);
        return;
    }
    if (!is_here && answer.problem.len == 0) {
        answer.problem = SLICE("the runtime's answer to `image inspect` has no id");
    }
    pull_finish(pull, &answer);
}

static void pull_load(struct pull *pull)
{
    struct agent *agent = pull->pulls->agent;
    const char *const argv[] = {program_of(pull), "pull", pull->reference, NULL};
    const struct tool_spec spec = {.argv = argv,
                                   .timeout_ms = pull->pulls->timeout_ms,
                                   .on_line = pull_said,
                                   .fn = pull_loaded,
                                   .arg = pull};
    log_info("image.pull", "image=%s", log_quote(slice_of(pull->reference)));
    pull->was_pulled = true;
    pull->since_ms = loop_now_ms(agent->loop);
    pull->tool = tool_start(&agent->tools, &spec);
}

static void pull_said(struct slice line, void *arg)
{
    struct pull *pull = arg;
    list_each_safe (at, &pull->waits) {
        struct pull_wait *wait = container_of(at, struct pull_wait, link);
        wait->on_line(wait, line);
    }
}

static void pull_loaded(const struct tool_result *result, void *arg)
{
    struct pull *pull = arg;
    uint64_t took_ms = loop_now_ms(pull->pulls->agent->loop) - pull->since_ms;
    pull->tool = NULL;
    if (!result->is_ok) {
        log_warn("image.no_pull", "image=%s problem=%s", log_quote(slice_of(pull->reference)),
                 log_quote(result->problem));
        pull_finish(pull, &(struct pull_result){.problem = result->problem});
        return;
    }
    log_info("image.pulled", "image=%s took_ms=%llu", log_quote(slice_of(pull->reference)),
             (unsigned long long)took_ms);
    pull_inspect(pull);
}

/* Gone before the first callback: who fails may ask again at once. */
static void pull_finish(struct pull *pull, const struct pull_result *result)
{
    struct list waits;
    list_init(&waits);
    list_splice(&waits, &pull->waits);
    list_unlink(&pull->link);
    for (struct list *at; (at = list_pop(&waits)) != NULL;) {
        struct pull_wait *wait = container_of(at, struct pull_wait, link);
        wait->fn(wait, result);
    }
    free(pull->reference);
    free(pull);
}
