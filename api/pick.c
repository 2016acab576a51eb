/* Affinity first, then load. */
#include "pick.h"

struct affinity affinity_read(struct slice header)
{
    struct slice rest = slice_trim(header);
    struct slice word = slice_cut(&rest, ' ');
    bool is_strict = slice_is(word, "strict") || slice_is(word, "strict-resume");
    return (struct affinity){is_strict ? slice_trim(rest) : word, is_strict && rest.len > 0};
}

static enum pick_outcome pick_named(const struct candidate *candidates, size_t count,
                                    struct slice worker, size_t *ret_index)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(candidates[i].worker, worker)) {
            *ret_index = i;
            return candidates[i].is_gone    ? PICK_GONE
                   : candidates[i].is_ready ? PICK_FOUND
                                            : PICK_WAIT;
        }
    }
    return PICK_GONE;
}

static bool is_before(const struct candidate *a, const struct candidate *b)
{
    return a->in_flight != b->in_flight ? a->in_flight < b->in_flight : a->turn < b->turn;
}

enum pick_outcome pick(const struct candidate *candidates, size_t count,
                       const struct affinity *affinity, size_t *ret_index)
{
    size_t best = count;
    if (affinity->worker.len > 0) {
        enum pick_outcome named = pick_named(candidates, count, affinity->worker, ret_index);
        if (named == PICK_FOUND || affinity->is_strict) {
            return named;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (candidates[i].is_ready && !candidates[i].is_gone &&
            (best == count || is_before(&candidates[i], &candidates[best]))) {
            best = i;
        }
    }
    *ret_index = best;
    return best < count ? PICK_FOUND : PICK_WAIT;
}
