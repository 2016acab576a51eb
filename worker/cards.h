/* The cards of this machine over time: looked at while the agent runs, checked before their first
 * use and after a trouble, given to handler processes only while they are well. */
#ifndef WORKER_CARDS_H
#define WORKER_CARDS_H

#include "card_check.h"
#include "gpu/source.h"

struct agent;

struct cards_config {
    struct gpus *gpus;
    struct gpu_source *source; /* NULL without cards; taken */
    bool is_checking;          /* cards are checked before their first use */
    const char *fake;          /* see card_check.h */
    uint64_t limit_ms;         /* of one check */
    struct health_rules rules;
};

struct cards;
struct cards *cards_new(struct agent *agent, const struct cards_config *config);
/* `count` usable cards of one type, see gpus_give(). */
bool cards_give(struct cards *cards, size_t count, char *const *types, int *ret_indexes);
void cards_take_back(struct cards *cards, const int *indexes, size_t count);
bool cards_are_well(const struct cards *cards, const int *indexes, size_t count);
/* All are of one of the types; NULL or empty: any. */
bool cards_are_of(const struct cards *cards, const int *indexes, size_t count, char *const *types);
void cards_put_json(const struct cards *cards, struct buf *out); /* "gpus":[...] and versions */
void cards_put_metrics(const struct cards *cards, struct buf *out);
void cards_stop(struct cards *cards); /* no further checks; those that run are ended */
void cards_free(struct cards *cards); /* accepts NULL */

#endif
