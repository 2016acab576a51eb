/*   runtime -> ask for the pin ... pinned -> fetch it -> done
 *                 \ not pinned -> look for the reference, pull it -> pin what came
 *                                   -> mine is it -> done,  another's -> fetch it -> done
 *
 * A pin is a digest of the registry ("sha256:...") when the runtime knows one, else the id of an
 * image that is only local ("id:..."), which other machines must have, too. An image that is here
 * under the reference is taken as it is, so a machine without a registry works. A reference with a
 * digest says everything itself. While Redis is away nothing is pinned, and nothing starts. */
#include "image.h"

#include "agent.h"
#include "queue/endpoint.h"

#define RETRY_MS 1000

static void image_ready(struct runtime_wait *wait, struct slice problem);
static void image_ask(struct image_search *search);
static void image_asked(struct store_call *call, enum err err, const struct reply *reply);
static void image_resolve(struct image_search *search);
static void image_resolved(struct pull_wait *wait, const struct pull_result *result);
static void image_fetch(struct image_search *search);
static void image_fetched(struct pull_wait *wait, const struct pull_result *result);
static void image_finish(struct image_search *search, const char *id, struct slice problem);

static void forget(struct image_search *search)
{
    free(steal(search->ep));
    free(steal(search->reference));
    free(steal(search->proposal));
    free(steal(search->id));
    free(steal(search->pin));
    search->agent = NULL;
}

void image_find(struct image_search *search, struct agent *agent, const struct endpoint *endpoint)
{
    search->agent = agent;
    search->ep = xstrdup(endpoint->id);
    search->reference = xstrdup(endpoint->image.name);
    search->version = endpoint->version;
    search->release = endpoint->release;
    list_init(&search->pull.link);
    list_init(&search->runtime.link);
    search->pull.on_line = search->on_line;
    runtime_want(agent->runtime, &search->runtime, image_ready);
}

void image_note_version(struct image_search *search, int64_t version)
{
    search->version = version;
}

void image_cancel(struct image_search *search)
{
    if (search->agent != NULL) {
        runtime_forget(&search->runtime);
        pull_forget(&search->pull);
        store_detach(&search->pin_call);
        timer_stop(&search->retry);
        forget(search);
    }
}

static void image_ready(struct runtime_wait *wait, struct slice problem)
{
    struct image_search *search = container_of(wait, struct image_search, runtime);
    struct slice digest = image_digest(slice_of(search->reference));
    if (problem.len > 0) {
        AUTO_STR text = xasprintf("no container runtime: %.*s", SLICE_ARG(problem));
        image_finish(search, NULL, slice_of(text));
    } else if (digest.len > 0) {
        search->pin = slice_dup(digest);
        image_fetch(search);
    } else {
        image_ask(search);
    }
}

/* ---- the pin ---- */

/* Asks for it, with a proposal once there is one. */
static void image_ask(struct image_search *search)
{
    queue_pin(search->agent->store, &search->pin_call, slice_of(search->ep),
              &(struct pin_args){search->version, search->release, slice_of(search->proposal)},
              image_asked);
}

static void ask_again(struct timer *timer)
{
    image_ask(container_of(timer, struct image_search, retry));
}

/* Without an answer, or when the document has changed, it asks again: either the group reads the
 * document, too, or what wants the image is ended by others. */
static void image_asked(struct store_call *call, enum err err, const struct reply *reply)
{
    struct image_search *search = container_of(call, struct image_search, pin_call);
    if (err != ERR_OK || reply == NULL || reply_is_nil(reply)) {
        timer_start(search->agent->loop, &search->retry, RETRY_MS, ask_again);
        return;
    }
    struct slice pin = reply_slice(reply);
    if (pin.len == 0) {
        image_resolve(search);
    } else if (search->proposal != NULL && slice_is(pin, search->proposal)) {
        image_finish(search, search->id, SLICE_NONE);
    } else {
        search->pin = slice_dup(pin);
        image_fetch(search);
    }
}

static void want(struct image_search *search, const char *reference, pull_fn fn)
{
    search->pull.fn = fn;
    pull_want(search->agent->pulls, slice_of(reference), &search->pull);
}

static void image_resolve(struct image_search *search)
{
    want(search, search->reference, image_resolved);
}

static void image_resolved(struct pull_wait *wait, const struct pull_result *result)
{
    struct image_search *search = container_of(wait, struct image_search, pull);
    const struct image_facts *facts = &result->facts;
    if (facts->id.len == 0) {
        image_finish(search, NULL, result->problem);
        return;
    }
    search->id = slice_dup(facts->id);
    search->proposal = facts->digest.len > 0 ? slice_dup(facts->digest)
                                             : xasprintf("id:%.*s", SLICE_ARG(facts->id));
    image_ask(search);
}

/* ---- what is pinned ---- */

static bool is_local(const char *pin)
{
    return slice_starts(slice_of(pin), SLICE("id:"));
}

static void image_fetch(struct image_search *search)
{
    struct slice repository = image_repository(slice_of(search->reference));
    AUTO_STR reference = is_local(search->pin)
                             ? xstrdup(search->pin + 3)
                             : xasprintf("%.*s@%s", SLICE_ARG(repository), search->pin);
    want(search, reference, image_fetched);
}

static void image_fetched(struct pull_wait *wait, const struct pull_result *result)
{
    struct image_search *search = container_of(wait, struct image_search, pull);
    AUTO_STR id = slice_dup(result->facts.id);
    if (result->facts.id.len > 0) {
        image_finish(search, id, SLICE_NONE);
        return;
    }
    AUTO_STR text = is_local(search->pin)
                        ? xasprintf("the endpoint runs image %s, which was only local where it "
                                    "started first; bring it here, or name one of a registry",
                                    search->pin + 3)
                        : slice_dup(result->problem);
    image_finish(search, NULL, slice_of(text));
}

/* Forgotten first: the callback may begin a new search. */
static void image_finish(struct image_search *search, const char *id, struct slice problem)
{
    AUTO_STR found = id != NULL ? xstrdup(id) : NULL;
    AUTO_STR text = slice_dup(problem);
    forget(search);
    search->fn(search, found, slice_of(text));
}
