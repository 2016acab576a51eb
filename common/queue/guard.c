/* One look at a time; a connection that is lost during a look brings the next one when it is back.
 */
#include "queue/guard.h"

#include "base/log.h"
#include "queue/checkup.h"

static void guard_read(struct survey *survey, const char *node, enum err err,
                       const struct reply *reply);

void guard_init(struct guard *guard, struct loop *loop, enum guard_mode mode)
{
    *guard = (struct guard){.mode = mode, .loop = loop};
}

void guard_look(struct guard *guard, struct store *store)
{
    static const struct slice info[] = {{"INFO", 4}};
    if (!guard->is_asking) {
        guard->is_asking = true;
        guard->has_answer = false;
        survey_start(&guard->survey, store, info, COUNT_OF(info), guard_read);
    }
}

static void judge(struct guard *guard, const char *node, const struct checkup_finding *finding)
{
    if (finding->level == CHECKUP_REFUSE && guard->mode == GUARD_REFUSE && !guard->has_passed) {
        guard->is_refused = true;
        log_error("store.refused", "redis=%s what=%s problem=\"%s\"", node, finding->what,
                  finding->text);
    } else if (finding->level != CHECKUP_OK) {
        log_warn("store.unfit", "redis=%s what=%s problem=\"%s\"", node, finding->what,
                 finding->text);
    }
}

static void guard_read(struct survey *survey, const char *node, enum err err,
                       const struct reply *reply)
{
    struct guard *guard = container_of(survey, struct guard, survey);
    struct checkup_finding findings[CHECKUP_MAX];
    if (node == NULL) {
        guard->is_asking = false;
        guard->has_passed = guard->has_passed || (guard->has_answer && !guard->is_refused);
        if (guard->is_refused && !guard->has_passed) {
            loop_stop(guard->loop);
        }
    } else if (err == ERR_OK) {
        guard->has_answer = true;
        size_t count = checkup_read(reply_slice(reply), findings);
        for (size_t i = 0; i < count; i++) {
            judge(guard, node, &findings[i]);
        }
    }
}

bool guard_is_refused(const struct guard *guard)
{
    return guard->is_refused;
}

void guard_done(struct guard *guard)
{
    survey_stop(&guard->survey);
}
