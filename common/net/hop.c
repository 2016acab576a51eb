#include "net/hop.h"

bool hop_is_own(struct slice name)
{
    static const char *const names[] = {"connection",
                                        "keep-alive",
                                        "proxy-authenticate",
                                        "proxy-authorization",
                                        "proxy-connection",
                                        "te",
                                        "trailer",
                                        "transfer-encoding",
                                        "upgrade",
                                        "content-length",
                                        "host",
                                        "expect"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (slice_eq_nocase(name, slice_of(names[i]))) {
            return true;
        }
    }
    return false;
}

void hop_put_reply_headers(struct buf *out, struct slice head)
{
    while (head.len > 0) {
        struct slice line = slice_cut(&head, '\n');
        struct slice rest = line;
        struct slice name = slice_cut(&rest, ':');
        if (!hop_is_own(name) && !slice_eq_nocase(name, SLICE("content-type"))) {
            (void)buf_put_slice(out, line);
            (void)buf_put_char(out, '\n');
        }
    }
}
