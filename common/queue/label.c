/* Nothing that JSON would have to escape, and what Kubernetes allows for its own labels. */
#include "queue/label.h"

static bool is_plain(struct slice text)
{
    static const char others[] = "_-./";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_letter && memchr(others, c, sizeof(others) - 1) == NULL) {
            return false;
        }
    }
    return text.len > 0 && text.len <= LABEL_MAX;
}

bool label_is_valid(struct slice key, struct slice value)
{
    return is_plain(key) && is_plain(value);
}
