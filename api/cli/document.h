/* Endpoint documents on disk: JSON text whose relative paths count from the document's folder,
 * while the node that gets it knows no folders. */
#ifndef CLI_DOCUMENT_H
#define CLI_DOCUMENT_H

#include "base/buf.h"

/* Pure: "." and ".." are resolved in the text; an absolute `path` replaces `base`. The caller's. */
char *document_join(const char *base, const char *path);
/* Pure: appends the document with handler.cwd and a handler.library that has a slash made absolute
 * against `base`; an absent cwd becomes `base` (not for an image). Whatever else it holds passes.
 * ERR_BAD_JSON with one line in problem. */
enum err document_fix(struct slice text, const char *base, struct buf *out, struct buf *problem);

/* Reads and fixes one file ("-": standard input, paths count from the current folder). *ret_id may
 * be NULL when the document has none; both are the caller's. */
enum err document_load(const char *path, char **ret_text, char **ret_id, struct buf *problem);
enum err document_check(const char *path, struct buf *problem); /* can it be loaded? */

#endif
