#include "net/hop.h"

#include "net/fetch.h"

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

bool hop_is_header(struct slice name, struct slice value)
{
    static const char word[] = "!#$%&'*+-.^_`|~0123456789"
                               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (size_t i = 0; i < name.len; i++) {
        if (memchr(word, name.ptr[i], sizeof(word) - 1) == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return name.len > 0;
}

void hop_put_reply_headers(struct buf *out, struct slice head)
{
    while (head.len > 0) {
        struct slice line = slice_cut(&head, '\n');
        line.len -= line.len > 0 && line.ptr[line.len - 1] == '\r';
        struct slice value = line;
        struct slice name = slice_cut(&value, ':');
        if (name.len < line.len && hop_is_header(name, value) && !hop_is_own(name) &&
            !slice_eq_nocase(name, SLICE("content-type"))) {
            (void)buf_put_slice(out, line);
            (void)buf_put_str(out, "\r\n");
        }
    }
}

struct slice hop_reply_type(struct slice head, const char *otherwise)
{
    struct slice type = fetch_header(head, "content-type");
    bool is_usable = type.len > 0 && hop_is_header(SLICE("content-type"), type);
    return is_usable ? type : slice_of(otherwise);
}
