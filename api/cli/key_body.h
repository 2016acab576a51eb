/* What `millrace keys create` asks the API for, from its flags. Pure. */
#ifndef CLI_KEY_BODY_H
#define CLI_KEY_BODY_H

#include "base/config.h"

/* name, scopes as "ENDPOINT=run,read" or "*=admin", expires: a date, milliseconds, or NULL. What
 * the API checks is not checked here. ERR_BAD_REQUEST: problem says which scope has no '='. */
enum err key_body_put(struct buf *out, const char *name, const struct config_strings *scopes,
                      const char *expires, struct buf *problem);

#endif
