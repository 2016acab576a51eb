/* References to container images, and what runtimes say about images. Pure. */
#ifndef WORKER_IMAGE_NAME_H
#define WORKER_IMAGE_NAME_H

#include "base/buf.h"

/* "reg:5000/a/b" of "reg:5000/a/b:1@sha256:...". */
struct slice image_repository(struct slice reference);
/* "sha256:..." of a reference; empty when it has none. */
struct slice image_digest(struct slice reference);

/* One line that `image inspect --format IMAGE_FORMAT` prints. */
#define IMAGE_FORMAT "millrace-image {{.Id}} {{json .RepoDigests}}"
struct image_facts {
    struct slice id;     /* "sha256:..." or 64 digits, parts of the text */
    struct slice digest; /* "sha256:..." in the repository of the reference; empty: none is known */
};
/* Finds that line among others; ERR_NOT_FOUND without it. */
enum err image_facts_read(struct slice output, struct slice reference,
                          struct image_facts *ret_facts);

#endif
