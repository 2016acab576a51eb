/* Sort once, then deal round after round until everybody is full or the take is. */
#include "share.h"

#include <stdbool.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const struct share *left = a, *right = b;
    if (left->held != right->held) {
        return left->held < right->held ? -1 : 1;
    }
    return left->since < right->since ? -1 : left->since > right->since;
}

size_t share_deal(struct share *shares, size_t count, void **ret_order, size_t most)
{
    if (count > 1) {
        qsort(shares, count, sizeof(*shares), compare);
    }
    size_t dealt = 0;
    for (bool is_progress = true; is_progress && dealt < most;) {
        is_progress = false;
        for (size_t i = 0; i < count && dealt < most; i++) {
            if (shares[i].dealt < shares[i].wanted) {
                shares[i].dealt++;
                ret_order[dealt++] = shares[i].poll;
                is_progress = true;
            }
        }
    }
    return dealt;
}
