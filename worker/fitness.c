/* One after the other, so that the figures are those of an idle machine. */
#include "fitness.h"

#include <stdio.h>
#include <stdlib.h>

#include "gpu/gpu.h"

#define ALIVE_MS 1000

struct fitness {
    const struct fitness_spec *spec;
    struct loop *loop;
    struct tools tools;
    struct timer alive;
    size_t at, end; /* indexes of cards still to do */
    size_t fit, unfit;
};

static void check_next(struct fitness *fitness);

static const struct gpu *card_of(const struct fitness *fitness)
{
    return &fitness->spec->cards->gpus->items[fitness->at];
}

static void print_end(const struct fitness *fitness, const struct card_check_end *end)
{
    static const char *const words[] = {
        [CARD_FIT] = "fit", [CARD_UNFIT] = "NOT FIT", [CARD_UNCHECKED] = "not checked"};
    const struct gpu *gpu = card_of(fitness);
    if (!fitness->spec->is_json) {
        (void)printf("%zu %s %s: %s%s%s\n", fitness->at, gpu->uuid, gpu->name, words[end->verdict],
                     end->problem[0] != '\0' ? ": " : "", end->problem);
        return;
    }
    if (end->report[0] != '\0') {
        (void)printf("%s\n", end->report);
        return;
    }
    AUTO(buf_done) struct buf out = BUF_INIT;
    buf_put_str(&out, "{\"gpu\":");
    buf_put_json_str(&out, slice_of(gpu->uuid));
    buf_put_str(&out, ",\"fit\":false,\"problem\":");
    buf_put_json_str(&out, slice_of(end->problem));
    (void)printf("%.*s}\n", SLICE_ARG(buf_slice(&out)));
}

static void check_ended(const struct card_check_end *end, void *arg)
{
    struct fitness *fitness = arg;
    print_end(fitness, end);
    (void)fflush(stdout);
    fitness->fit += end->verdict == CARD_FIT;
    fitness->unfit += end->verdict == CARD_UNFIT;
    fitness->at++;
    check_next(fitness);
}

static void check_next(struct fitness *fitness)
{
    if (fitness->at == fitness->end) {
        loop_stop(fitness->loop);
        return;
    }
    const struct card_check_spec spec = {
        .tools = &fitness->tools,
        .uuid = card_of(fitness)->uuid,
        .fake = fitness->spec->cards->fake,
        .limit_ms = fitness->spec->cards->limit_ms,
    };
    (void)card_check_start(&spec, check_ended, fitness);
}

/* The loop does not wait for the end of a child alone. */
static void stay(struct timer *timer)
{
    struct fitness *fitness = container_of(timer, struct fitness, alive);
    timer_start(fitness->loop, timer, ALIVE_MS, stay);
}

/* False: there is no such card. */
static bool choose(struct fitness *fitness)
{
    const struct gpus *gpus = fitness->spec->cards->gpus;
    const char *wanted = fitness->spec->gpu;
    fitness->end = gpus->count;
    if (wanted == NULL) {
        return true;
    }
    int64_t index = slice_to_i64_or(slice_of(wanted), -1);
    for (size_t i = 0; i < gpus->count; i++) {
        if (strcmp(gpus->items[i].uuid, wanted) == 0 || (int64_t)i == index) {
            fitness->at = i;
            fitness->end = i + 1;
            return true;
        }
    }
    return false;
}

int fitness_run(const struct fitness_spec *spec)
{
    struct fitness fitness = {.spec = spec};
    if (spec->cards->gpus->count == 0) {
        (void)fprintf(stderr, "millrace-worker: no graphics card: NVML finds none\n");
        return FITNESS_NO_CARD;
    }
    if (!choose(&fitness)) {
        (void)fprintf(stderr,
                      "millrace-worker: --gpu is \"%s\"; allowed: the UUID of a card of this "
                      "machine, or its index from 0 to %zu\n",
                      spec->gpu, spec->cards->gpus->count - 1);
        return 2;
    }
    fitness.loop = loop_new();
    fitness.tools = (struct tools){
        .loop = fitness.loop, .reaper = reaper_new(fitness.loop), .keeper = spec->keeper};
    timer_start(fitness.loop, &fitness.alive, ALIVE_MS, stay);
    check_next(&fitness);
    loop_run(fitness.loop);
    timer_stop(&fitness.alive);
    reaper_close(fitness.tools.reaper);
    loop_free(fitness.loop);
    return fitness.unfit > 0 ? 1 : fitness.fit > 0 ? 0 : FITNESS_NO_CARD;
}
