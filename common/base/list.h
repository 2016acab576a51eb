/* Intrusive doubly linked list. A head and a member are the same struct; an unlinked member points
 * to itself, so unlinking twice is harmless. Zeroed memory is not a list: list_init() first. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>

#include "base/alloc.h"

struct list {
    struct list *prev;
    struct list *next;
};

static inline void list_init(struct list *list)
{
    list->prev = list;
    list->next = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

/* For a member: is it in some list? */
static inline bool list_is_linked(const struct list *link)
{
    return link->next != link;
}

static inline void list_push(struct list *head, struct list *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

static inline void list_push_front(struct list *head, struct list *link)
{
    list_push(head->next, link);
}

static inline void list_unlink(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

static inline struct list *list_pop(struct list *head)
{
    struct list *first = head->next;
    if (first == head) {
        return NULL;
    }
    list_unlink(first);
    return first;
}

/* Moves all members of `from` to the end of `to`. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_is_empty(from)) {
        return;
    }
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#define list_each(at, head) for (struct list *at = (head)->next; at != (head); at = at->next)
/* The current member may be unlinked (and freed) inside the loop; others may not. */
#define list_each_safe(at, head)                                                 \
    for (struct list *at = (head)->next, *next_of_##at = at->next; at != (head); \
         at = next_of_##at, next_of_##at = at->next)

#endif
