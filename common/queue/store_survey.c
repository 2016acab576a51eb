/* first (any node: waits until the nodes are known) -> one probe for each node -> the end.
 *
 * A probe is on the heap, because only the first answer tells how many are needed. */
#include "queue/store_survey.h"

#include "queue/store_core.h"

#define WORDS_MAX 8

struct probe {
    struct list link; /* survey.probes */
    struct store_call call;
    struct survey *survey;
    char *node;
};

static void survey_ready(struct store_call *call, enum err err, const struct reply *reply);
static void survey_answered(struct store_call *call, enum err err, const struct reply *reply);
static void survey_end(struct survey *survey);

static void forget_words(struct survey *survey)
{
    for (size_t i = 0; i < survey->word_count; i++) {
        free(survey->words[i]);
    }
    free(survey->words);
    survey->words = NULL;
    survey->word_count = 0;
}

static void probe_free(struct probe *probe)
{
    store_detach(&probe->call);
    list_unlink(&probe->link);
    free(probe->node);
    free(probe);
}

void survey_start(struct survey *survey, struct store *store, const struct slice *args,
                  size_t count, survey_fn fn)
{
    ensure(survey->words == NULL && count > 0 && count <= WORDS_MAX);
    *survey = (struct survey){.fn = fn, .store = store, .word_count = count};
    list_init(&survey->probes);
    survey->words = xcalloc(count, sizeof(char *));
    for (size_t i = 0; i < count; i++) {
        survey->words[i] = slice_dup(args[i]);
    }
    store_command(store, &survey->first, &SLICE("PING"), 1, survey_ready);
}

static void probe_start(struct survey *survey, size_t index, const struct slice *words)
{
    struct probe *probe = xcalloc(1, sizeof(*probe));
    probe->survey = survey;
    probe->node = store_node_name(survey->store, index);
    list_push(&survey->probes, &probe->link);
    store_command_at(survey->store, index, &probe->call, words, survey->word_count,
                     survey_answered);
}

static void start_probes(struct survey *survey, size_t count)
{
    struct slice words[WORDS_MAX];
    for (size_t i = 0; i < survey->word_count; i++) {
        words[i] = slice_of(survey->words[i]);
    }
    for (size_t i = 0; i < count; i++) {
        probe_start(survey, i, words);
    }
}

/* When there is one node at most, who did not answer is known, and is not waited for twice. */
static void survey_ready(struct store_call *call, enum err err, const struct reply *reply)
{
    (void)reply;
    struct survey *survey = container_of(call, struct survey, first);
    size_t count = store_node_count(survey->store);
    if (count > 1 || (count == 1 && err == ERR_OK)) {
        start_probes(survey, count);
        return;
    }
    AUTO_STR node = count == 1 ? store_node_name(survey->store, 0) : xstrdup("");
    survey->fn(survey, node, err != ERR_OK ? err : ERR_STORE_AWAY, NULL);
    if (survey->words != NULL) {
        survey_end(survey);
    }
}

static void survey_answered(struct store_call *call, enum err err, const struct reply *reply)
{
    struct probe *probe = container_of(call, struct probe, call);
    struct survey *survey = probe->survey;
    survey->fn(survey, probe->node, err, reply);
    if (survey->words == NULL) {
        return; /* stopped, which freed the probe */
    }
    probe_free(probe);
    if (list_is_empty(&survey->probes)) {
        survey_end(survey);
    }
}

static void survey_end(struct survey *survey)
{
    forget_words(survey);
    survey->fn(survey, NULL, ERR_OK, NULL);
}

void survey_stop(struct survey *survey)
{
    if (survey->words == NULL) {
        return;
    }
    store_detach(&survey->first);
    while (!list_is_empty(&survey->probes)) {
        probe_free(container_of(survey->probes.next, struct probe, link));
    }
    forget_words(survey);
}
