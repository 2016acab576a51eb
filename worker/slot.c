/* A slot is a place; processes come and go in it, each with its own worker id and token.
 *
 *   resting -> (pulling ->) starting -> ready -> draining -> stopping -> (resting -> ...) | gone
 *
 * A process that ends before it has asked for a job has crashed: the slot rests 0.5, 1, 2
 * ... 60 s, reported as unhealthy; the third in a row is the scheduler's business, see crash.c. One
 * that was told to end and shall be replaced starts anew at once. One that ends at once with its
 * first job rests, too, but has not crashed: the job is to blame, and fails after its retries.
 *
 * What must never happen: a process gets a job after its polls were ended for a stop (an SDK takes
 * it and never runs it); a busy process is stopped because it is surplus. */
#include "slot.h"

#include "base/log.h"
#include "base/sm.h"
#include "cards.h"
#include "crash.h"
#include "gate.h"
#include "held.h"
#include "launch.h"
#include "lost.h"
#include "server.h"

#define CARDS_MS 100         /* so often one without its cards looks for them */
#define FIRST_TAKE_MS 420000 /* a cold start may take so long */
#define REST_MS UINT64_C(500)
#define REST_MAX_MS 60000
#define DRAIN_GRACE_MS 10000 /* an idle process that was told to end */
#define START_GRACE_MS 5000
#define QUICK_END_MS 1000 /* asked for a job, did nothing, ended: a crash, too */
#define LOG_LINES 5
#define LOG_BYTES 2048

static void slot_launch(struct slot *slot);
static void slot_pull(struct slot *slot);
static void slot_pull_said(struct pull_wait *wait, struct slice line);
static void slot_pulled(struct image_search *search, const char *id, struct slice problem);
static void slot_start(struct slot *slot);
static void slot_wait(struct slot *slot);
static void slot_not_started(struct slot *slot, struct slice problem);
static void slot_overdue(struct timer *timer);
static void slot_said(struct slice line, void *arg);
static void slot_ended(const struct process_end *end, void *arg);
static void slot_rest(struct slot *slot);
static void slot_rested(struct timer *timer);
static void slot_leave(struct slot *slot);

static const char *const state_names[] = {"resting",  "pulling",  "starting", "ready",
                                          "draining", "stopping", "gone"};
static const uint32_t moves[] = {
    [SLOT_RESTING] = SM_TO(SLOT_PULLING) | SM_TO(SLOT_STARTING) | SM_TO(SLOT_GONE),
    [SLOT_PULLING] = SM_TO(SLOT_RESTING),
    [SLOT_STARTING] = SM_TO(SLOT_READY) | SM_TO(SLOT_STOPPING) | SM_TO(SLOT_RESTING),
    [SLOT_READY] = SM_TO(SLOT_DRAINING) | SM_TO(SLOT_STOPPING) | SM_TO(SLOT_RESTING),
    [SLOT_DRAINING] = SM_TO(SLOT_READY) | SM_TO(SLOT_STOPPING) | SM_TO(SLOT_RESTING),
    [SLOT_STOPPING] = SM_TO(SLOT_RESTING),
    [SLOT_GONE] = 0,
};
static const struct sm slot_sm = {"slot", state_names, moves, SLOT_STATE_COUNT};

static struct loop *loop_of(const struct slot *slot)
{
    return slot->group->agent->loop;
}

static void touch(struct slot *slot)
{
    slot->since_ms = loop_now_ms(loop_of(slot));
    report_change(slot->group);
}

static void move(struct slot *slot, enum slot_state state)
{
    sm_move(&slot_sm, &slot->state, state, slot->worker);
    touch(slot);
}

/* ---- start ---- */

void slot_new(struct group *group)
{
    struct slot *slot = xcalloc(1, sizeof(*slot));
    slot->group = group;
    list_init(&slot->jobs);
    list_init(&slot->takes);
    list_init(&slot->stops);
    list_push(&group->slots, &slot->link);
    slot_launch(slot);
}

/* False when so many are not free: given to others that still end, being checked, or out. */
static bool give_cards(struct slot *slot)
{
    size_t count = (size_t)slot->group->endpoint->gpu_count;
    if (count == 0 || slot->group->agent->pod != NULL) { /* those of a pod are its container's */
        return true;
    }
    slot->cards = xcalloc(count, sizeof(*slot->cards));
    if (!cards_give(slot->group->agent->cards, count, slot->group->endpoint->gpu_types,
                    slot->cards)) {
        free(steal(slot->cards));
        return false;
    }
    slot->card_count = count;
    return true;
}

static void take_back_cards(struct slot *slot)
{
    cards_take_back(slot->group->agent->cards, slot->cards, slot->card_count);
    free(steal(slot->cards));
    slot->card_count = 0;
}

static void forget_worker(struct slot *slot)
{
    if (slot->worker[0] != '\0') {
        report_gone(slot->group, slot->worker);
        slot->worker[0] = '\0';
    }
}

static void drop_server(struct slot *slot)
{
    server_free(slot->server);
    slot->server = NULL;
}

static void slot_launch(struct slot *slot)
{
    forget_worker(slot);
    launch_identity(slot);
    slot->fate = FATE_STAY;
    slot->is_unhealthy = false;
    slot->has_taken = false;
    slot->has_worked = false;
    slot->is_overdue = false;
    slot->has_pinged = slot->lists_jobs = false;
    slot->release = slot->group->endpoint->release;
    slot->version = slot->group->endpoint->version;
    slot->polled_ms = 0;
    free(steal(slot->image_id));
    if (slot->group->endpoint->handler == HANDLER_IMAGE && slot->group->agent->pod == NULL) {
        slot_pull(slot);
    } else {
        slot_start(slot);
    }
}

bool slot_is_current(const struct slot *slot)
{
    const struct endpoint *endpoint = slot->group->endpoint;
    return endpoint != NULL && endpoint->release == slot->release;
}

void slot_note_document(struct slot *slot)
{
    if (slot_is_current(slot)) {
        slot->version = slot->group->endpoint->version;
        image_note_version(&slot->image, slot->version);
        if (slot->server != NULL) { /* its concurrency may be another */
            slot->most_jobs = 0;
            server_feed(slot->server);
        }
        report_change(slot->group);
    }
}

/* No card waits for an image to come. */
static void slot_pull(struct slot *slot)
{
    move(slot, SLOT_PULLING);
    slot->image.fn = slot_pulled;
    slot->image.on_line = slot_pull_said;
    image_find(&slot->image, slot->group->agent, slot->group->endpoint);
}

/* One of the endpoint's slots is enough to tell of a pull that many wait for. */
static void slot_pull_said(struct pull_wait *wait, struct slice line)
{
    struct slot *slot = container_of(wait, struct slot, image.pull);
    list_each (at, &slot->group->slots) {
        struct slot *first = container_of(at, struct slot, link);
        if (first->state == SLOT_PULLING) {
            if (first == slot) {
                scribe_note(slot, line);
            }
            return;
        }
    }
}

static void slot_pulled(struct image_search *search, const char *id, struct slice problem)
{
    struct slot *slot = container_of(search, struct slot, image);
    const struct endpoint *endpoint = slot->group->endpoint;
    move(slot, SLOT_RESTING);
    if (!slot_is_current(slot)) {
        agent_converge(slot->group->agent); /* which begins it anew */
    } else if (id == NULL) {
        scribe_note(slot, problem);
        slot_not_started(slot, problem);
    } else {
        agent_note_cached(slot->group->agent, CACHE_IMAGE, slice_of(endpoint->image.name));
        slot->image_id = xstrdup(id);
        slot_start(slot);
    }
}

static void slot_start(struct slot *slot)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    slot->born_ms = loop_now_ms(loop_of(slot));
    if (!give_cards(slot)) {
        slot_wait(slot);
        return;
    }
    slot->waits_for_cards = false;
    if (launch_process(slot, slot->image_id, &problem) != ERR_OK) {
        slot_not_started(slot, buf_slice(&problem));
        return;
    }
    move(slot, SLOT_STARTING);
    map_put(&slot->group->agent->workers, &slot->node, slice_of(slot->worker));
    process_on_end(slot->process, slot_said, slot_ended, slot);
    if (slot->server != NULL) {
        server_start(slot->server);
    }
    if (process_is_up(slot->process)) {
        timer_start(loop_of(slot), &slot->timer, FIRST_TAKE_MS, slot_overdue);
    }
    log_info("worker.start", "ep=%s worker=%s pid=%d version=%lld release=%012llx", slot->group->ep,
             slot->worker, (int)process_pid(slot->process), (long long)slot->version,
             (unsigned long long)slot->release);
}

static void slot_not_started(struct slot *slot, struct slice problem)
{
    take_back_cards(slot);
    drop_server(slot);
    slot->crashes++;
    log_warn("worker.no_start", "ep=%s worker=%s tries=%u problem=%s", slot->group->ep,
             slot->worker, slot->crashes, log_quote(problem));
    slot_rest(slot);
    crash_report(slot, problem);
}

/* Whoever decided to start it knows what is free only by and by; no reason to report a crash. */
static void slot_wait(struct slot *slot)
{
    if (!slot->waits_for_cards) {
        log_info("worker.waits", "ep=%s worker=%s cards=%lld", slot->group->ep, slot->worker,
                 (long long)slot->group->endpoint->gpu_count);
        slot->waits_for_cards = true;
        touch(slot);
    }
    timer_start(loop_of(slot), &slot->timer, CARDS_MS, slot_rested);
}

void slot_announced(struct slot *slot)
{
    if (slot->state == SLOT_STARTING) {
        slot->born_ms = loop_now_ms(loop_of(slot));
        timer_start(loop_of(slot), &slot->timer, FIRST_TAKE_MS, slot_overdue);
    }
}

static void slot_said(struct slice line, void *arg)
{
    scribe_note(arg, line);
}

static void slot_overdue(struct timer *timer)
{
    struct slot *slot = container_of(timer, struct slot, timer);
    log_warn("worker.overdue", "worker=%s reason=\"asked for no job within %d s\"", slot->worker,
             FIRST_TAKE_MS / 1000);
    slot->is_overdue = true;
    process_kill(slot->process);
}

/* What it read to start is at hand for the next one. */
static void note_cached(const struct slot *slot)
{
    AUTO_STR name = xasprintf("%s@%lld", slot->group->ep, (long long)slot->release);
    agent_note_cached(slot->group->agent, CACHE_ENDPOINT, slice_of(name));
}

void slot_polled(struct slot *slot)
{
    if (slot->state == SLOT_STARTING) {
        timer_stop(&slot->timer);
        slot->polled_ms = loop_now_ms(loop_of(slot));
        meter_time(slot->group, METER_START, slot->polled_ms - slot->born_ms);
        move(slot, SLOT_READY);
        log_info("worker.ready", "ep=%s worker=%s", slot->group->ep, slot->worker);
        note_cached(slot);
    }
}

void slot_taken(struct slot *slot)
{
    if (!slot->has_taken) {
        slot->has_taken = true;
        crash_disprove(slot);
    }
}

/* ---- drain and stop ---- */

bool slot_is_open(const struct slot *slot)
{
    return slot->state == SLOT_READY && !slot->is_unhealthy && !slot->group->agent->is_stopping;
}

bool slot_is_busy(const struct slot *slot)
{
    list_each (at, &slot->jobs) {
        if (container_of(at, struct held, slot_link)->state == HELD_RUNNING) {
            return true;
        }
    }
    return false;
}

size_t slot_job_count(const struct slot *slot)
{
    size_t count = slot->server != NULL ? slot->server->passage_count : 0;
    list_each (at, &slot->jobs) {
        count++;
    }
    return count;
}

/* Hungry polls stay open, unfed, until the process is stopped: it would only ask again. */
static void stop_feeding(struct slot *slot)
{
    list_each (at, &slot->takes) {
        taker_forget(&slot->group->taker, container_of(at, struct poll, link));
    }
}

void slot_drain(struct slot *slot, enum slot_fate fate)
{
    if (slot->fate != FATE_LEAVE) {
        slot->fate = fate;
    }
    if (slot->state == SLOT_PULLING) {
        image_cancel(&slot->image);
        move(slot, SLOT_RESTING);
    }
    switch ((enum slot_state)slot->state) {
    case SLOT_RESTING:
        timer_stop(&slot->timer);
        slot->waits_for_cards = false;
        if (fate == FATE_REPLACE) {
            slot->crashes = 0; /* a new release deserves a new try */
            slot_launch(slot);
        } else {
            slot_leave(slot);
        }
        break;
    case SLOT_STARTING:
        slot_stop(slot, fate, START_GRACE_MS);
        break;
    case SLOT_READY:
        move(slot, SLOT_DRAINING);
        stop_feeding(slot);
        if (slot->server != NULL) {
            gate_drain(slot->server);
        }
        slot_check(slot);
        break;
    case SLOT_DRAINING:
        slot_check(slot);
        break;
    case SLOT_PULLING:
    case SLOT_STOPPING:
    case SLOT_GONE:
    case SLOT_STATE_COUNT:
        break;
    }
}

bool slot_revive(struct slot *slot)
{
    if (slot->state != SLOT_DRAINING || slot->fate != FATE_SURPLUS) {
        return false;
    }
    slot->fate = FATE_STAY;
    move(slot, SLOT_READY);
    list_each (at, &slot->takes) {
        taker_add(&slot->group->taker, container_of(at, struct poll, link));
    }
    return true;
}

void slot_check(struct slot *slot)
{
    if (list_is_empty(&slot->jobs)) {
        slot->since_ms = loop_now_ms(loop_of(slot));
    }
    if (slot->server != NULL) {
        server_feed(slot->server);
    }
    if (slot->state == SLOT_DRAINING && slot->process != NULL && slot_job_count(slot) == 0) {
        slot_stop(slot, slot->fate, DRAIN_GRACE_MS);
    }
}

void slot_hold_off(struct slot *slot)
{
    if (slot->state == SLOT_RESTING && timer_is_running(&slot->timer) && !slot->waits_for_cards) {
        timer_start(loop_of(slot), &slot->timer, REST_MAX_MS, slot_rested);
    }
}

static bool is_wanted(const struct slot *slot)
{
    return slot->fate == FATE_STAY || slot->fate == FATE_REPLACE;
}

void slot_stop(struct slot *slot, enum slot_fate fate, uint64_t grace_ms)
{
    slot->fate = fate;
    timer_stop(&slot->timer);
    if (slot->state != SLOT_STOPPING) {
        move(slot, SLOT_STOPPING);
    }
    poll_answer_all(&slot->takes);
    poll_answer_all(&slot->stops);
    if (is_wanted(slot) || slot_job_count(slot) > 0) {
        process_stop(slot->process, grace_ms);
    } else {
        process_release(slot->process, grace_ms);
    }
}

/* ---- end ---- */

static void log_end(const struct slot *slot, const struct process_end *end)
{
    AUTO(buf_done) struct buf how = BUF_INIT;
    process_end_text(end, &how);
    if (slot->fate != FATE_STAY) {
        log_info("worker.end", "ep=%s worker=%s how=\"%.*s\"", slot->group->ep, slot->worker,
                 SLICE_ARG(buf_slice(&how)));
        return;
    }
    AUTO(buf_done) struct buf tail = BUF_INIT;
    ring_tail(end->output, LOG_LINES, LOG_BYTES, &tail);
    log_warn("worker.died", "ep=%s worker=%s how=\"%.*s\" lived_ms=%llu jobs=%zu", slot->group->ep,
             slot->worker, SLICE_ARG(buf_slice(&how)), (unsigned long long)end->lived_ms,
             slot_job_count(slot));
    for (struct slice rest = buf_slice(&tail); rest.len > 0;) {
        struct slice line = slice_cut(&rest, '\n');
        log_warn("worker.said", "worker=%s line=%s", slot->worker, log_quote(line));
    }
}

static bool is_crash(const struct slot *slot, const struct process_end *end)
{
    return slot->fate == FATE_STAY &&
           (slot->state == SLOT_STARTING || (!slot->has_worked && end->lived_ms < QUICK_END_MS));
}

/* ---- quarantine ---- */

static bool is_due(const struct slot *slot)
{
    return slot->state == SLOT_READY && quarantine_is_due(&slot->streak, &slot->group->tally);
}

static void quarantine(struct slot *slot)
{
    log_warn("worker.quarantine",
             "ep=%s worker=%s failures=%llu reason=\"its siblings complete their jobs\"",
             slot->group->ep, slot->worker, (unsigned long long)slot->streak.failures);
    slot->streak = (struct streak){0};
    slot->quarantines++;
}

void slot_note_result(struct slot *slot, enum ending_kind kind)
{
    if (kind == ENDING_COMPLETED) {
        quarantine_success(&slot->streak, &slot->group->tally);
        slot->quarantines = 0;
        return;
    }
    quarantine_failure(&slot->streak, &slot->group->tally);
    if (is_due(slot)) {
        quarantine(slot);
        slot->is_unhealthy = true;
        slot_drain(slot, FATE_REPLACE);
    }
}

/* The end of a process with jobs in work is one failure, however many they were. */
static void note_death(struct slot *slot)
{
    if (slot->fate == FATE_STAY && slot_is_busy(slot)) {
        quarantine_failure(&slot->streak, &slot->group->tally);
        if (is_due(slot)) {
            quarantine(slot);
        }
    }
}

static void slot_ended(const struct process_end *end, void *arg)
{
    struct slot *slot = arg;
    slot->process = NULL;
    drop_server(slot);
    note_death(slot);
    bool has_crashed = is_crash(slot, end);
    slot->crashes = has_crashed ? slot->crashes + 1 : slot->quarantines;
    timer_stop(&slot->timer);
    timer_stop(&slot->stop_timer);
    timer_stop(&slot->doubt_timer);
    lost_forget(slot);
    log_end(slot, end);
    map_del(&slot->group->agent->workers, &slot->node);
    poll_answer_all(&slot->takes);
    poll_answer_all(&slot->stops);
    move(slot, SLOT_RESTING);
    lost_process(slot, end);
    take_back_cards(slot);
    if (has_crashed && !slot->has_taken) {
        crash_report_end(slot, end);
    }
    if (!is_wanted(slot) || slot->group->endpoint == NULL || slot->group->agent->is_stopping) {
        slot_leave(slot);
    } else if (slot->crashes > 0 && slot->group->agent->pod == NULL) {
        slot_rest(slot); /* a pod's container is started after pauses anyway */
    } else {
        slot_launch(slot);
    }
}

static void slot_rest(struct slot *slot)
{
    unsigned doublings = slot->crashes > 6 ? 6 : slot->crashes - 1;
    uint64_t delay_ms = REST_MS << doublings;
    delay_ms = delay_ms < REST_MAX_MS ? delay_ms : REST_MAX_MS;
    log_warn("worker.rest", "ep=%s worker=%s crashes=%u again_ms=%llu", slot->group->ep,
             slot->worker, slot->crashes, (unsigned long long)delay_ms);
    touch(slot);
    timer_start(loop_of(slot), &slot->timer, delay_ms, slot_rested);
}

static void slot_rested(struct timer *timer)
{
    struct slot *slot = container_of(timer, struct slot, timer);
    if (slot->group->endpoint == NULL || slot->group->agent->is_stopping) {
        slot_leave(slot);
    } else if (slot->waits_for_cards && slot_is_current(slot)) {
        slot_start(slot);
    } else {
        slot_launch(slot);
    }
}

/* The slot is dead afterwards. */
static void slot_leave(struct slot *slot)
{
    struct agent *agent = slot->group->agent;
    move(slot, SLOT_GONE);
    store_detach(&slot->crash_call);
    store_detach(&slot->proof_call);
    forget_worker(slot);
    list_unlink(&slot->link);
    free(slot->image_id);
    free(slot);
    agent_converge(agent);
    agent_check_stopped(agent);
}

const char *slot_word(const struct slot *slot)
{
    switch ((enum slot_state)slot->state) {
    case SLOT_RESTING:
        return slot->waits_for_cards ? "initializing" : "unhealthy";
    case SLOT_PULLING:
        return "pulling";
    case SLOT_STARTING:
        return slot->is_unhealthy ? "unhealthy" : "initializing";
    case SLOT_READY:
    case SLOT_DRAINING:
        return slot->is_unhealthy                              ? "unhealthy"
               : slot->server != NULL && !slot->server->is_fit ? "initializing"
               : slot_job_count(slot) == 0                     ? "idle"
                                                               : "running";
    case SLOT_STOPPING:
    case SLOT_GONE:
    case SLOT_STATE_COUNT:
        break;
    }
    return "";
}
