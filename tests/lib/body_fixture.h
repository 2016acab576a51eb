/* For tests of request bodies: what a parser wrote, and what it complained about. */
#ifndef BODY_FIXTURE_H
#define BODY_FIXTURE_H

#include "test.h"

#include "base/buf.h"

struct body_fixture {
    struct buf members, problem;
};

static inline int body_setup(void **state)
{
    *state = xcalloc(1, sizeof(struct body_fixture));
    return 0;
}

static inline int body_teardown(void **state)
{
    struct body_fixture *fixture = *state;
    buf_done(&fixture->members);
    buf_done(&fixture->problem);
    free(fixture);
    return 0;
}

#endif
