/* Runtimes write a repository in their own way ("alpine" of docker is "docker.io/library/alpine" of
 * podman), so two are the same when one ends with the other. */
#include "image_name.h"

#include "base/json.h"

struct slice image_repository(struct slice reference)
{
    struct slice name = reference;
    const char *at = memchr(name.ptr, '@', name.len);
    name.len = at != NULL ? (size_t)(at - name.ptr) : name.len;
    for (size_t i = name.len; i > 0 && name.ptr[i - 1] != '/'; i--) {
        if (name.ptr[i - 1] == ':') { /* behind the last '/': a tag; before it: a port */
            return (struct slice){name.ptr, i - 1};
        }
    }
    return name;
}

struct slice image_digest(struct slice reference)
{
    const char *at = reference.len > 0 ? memchr(reference.ptr, '@', reference.len) : NULL;
    return at != NULL ? slice_from(reference, (size_t)(at - reference.ptr) + 1) : SLICE_NONE;
}

/* "docker.io/library/alpine" and "alpine". */
static bool ends_with(struct slice name, struct slice part)
{
    return name.len > part.len && name.ptr[name.len - part.len - 1] == '/' &&
           slice_eq(slice_from(name, name.len - part.len), part);
}

struct search {
    struct slice repository;
    struct slice digest;
};

static void look_at(struct slice element, void *arg)
{
    struct search *search = arg;
    if (element.len < 2 || element.ptr[0] != '"') {
        return;
    }
    struct slice text = {element.ptr + 1, element.len - 2};
    struct slice name = image_repository(text);
    bool is_same = slice_eq(name, search->repository) || ends_with(name, search->repository) ||
                   ends_with(search->repository, name);
    if (is_same && search->digest.len == 0) {
        search->digest = image_digest(text);
    }
}

/* Go prints "null" for an empty list. */
static struct slice find_digest(struct slice list, struct slice reference)
{
    struct search search = {image_repository(reference), SLICE_NONE};
    enum json_type type = JSON_NULL;
    struct json_problem problem;
    if (json_check(list, &type, &problem) == ERR_OK && type == JSON_ARRAY) {
        json_each(list, look_at, &search);
    }
    return search.digest;
}

enum err image_facts_read(struct slice output, struct slice reference,
                          struct image_facts *ret_facts)
{
    while (output.len > 0) {
        struct slice line = slice_cut(&output, '\n');
        struct slice rest = line;
        if (slice_is(slice_cut(&rest, ' '), "millrace-image")) {
            struct slice id = slice_cut(&rest, ' ');
            if (id.len > 0) {
                *ret_facts = (struct image_facts){id, find_digest(rest, reference)};
                return ERR_OK;
            }
        }
    }
    return ERR_NOT_FOUND;
}
