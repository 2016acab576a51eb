/* One HTTP client for all commands: where the API is, the key, one call at a time, kept alive. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/config.h"

#define CLIENT_URL_DEFAULT "http://127.0.0.1:8080/v2"

/* What every command that talks to the API may be told; the first options of its table. */
struct client_options {
    const char *url, *key, *data;
};
#define CLIENT_OPTION_COUNT 4
#define CLIENT_OPTIONS(to)                                                                        \
    {"url", CONFIG_STRING, &(to).url, "URL", CLIENT_URL_DEFAULT, 0, 0, NULL, "where the API is"}, \
        {"api-key", CONFIG_STRING, &(to).key,                                                     \
         "KEY",     NULL,          0,                                                             \
         0,         NULL,          "key to use (default: the one in DIR/api-key)"},               \
        {"key", CONFIG_STRING, &(to).key, "KEY", NULL, 0, 0, NULL, "the same, shorter"},          \
    {                                                                                             \
        "data", CONFIG_STRING, &(to).data, "DIR", "./.millrace", 0, 0, NULL,                      \
            "data folder of `millrace up`, where the key is looked for"                           \
    }

struct client;
struct client *client_new(const struct client_options *options);
void client_free(struct client *client);
AUTO_DEFINE(client_free, struct client *)

/* Pure: the URL without trailing slashes and without a last "/v2"; the caller's. NULL when it is no
 * http:// or https:// URL. */
char *client_root(const char *url);

struct call {
    const char *method; /* "GET", "POST" ... */
    const char *path;   /* "/v2/echo/run", after the root */
    struct slice body;  /* sent as JSON when its ptr is not NULL */
    long wait_ms;       /* how long the answer may be held back on purpose */
    const char *header; /* one more line of the head; NULL: none */
    /* Set, it gets the bytes of a 2xx answer as they come; false: no more. The answer then is cut
     * after wait_ms (0: never) or when nothing comes for long, and a cut is ERR_OK. */
    bool (*on_bytes)(struct slice bytes, void *arg);
    void *arg;
};

struct answer {
    long status;
    struct buf body;
    long retry_after_s; /* 0: not said */
};
void answer_done(struct answer *answer);
AUTO_DEFINE_EMBEDDED(answer_done, struct answer)

/* ERR_OK when the API answered, whatever the status. Otherwise client_problem() says in a line what
 * happened and what to do. ERR_CLOSING: Ctrl-C. `answer` may be a used one. */
enum err client_call(struct client *client, const struct call *call, struct answer *answer);
const char *client_problem(const struct client *client);
/* The same line for an answer that is not 2xx; false (and no line) for one that is. */
bool client_is_refusal(struct client *client, const struct answer *answer);
/* client_call(), and an error line on stderr for whatever is not 2xx: is it? */
bool client_ask(struct client *client, const struct call *call, struct answer *answer);

/* Pure: appends what an error answer says in one line: its "error", "message" or "title", else the
 * beginning of the body. */
void client_error_text(struct slice body, struct buf *out);

bool client_is_interrupted(void); /* by Ctrl-C */
int client_failure(void);         /* exit status of a command whose call failed: 1, or 130 */

/* Called about once a second while a call waits; NULL: nobody. */
void client_on_tick(struct client *client, void (*on_tick)(void *arg), void *arg);

#endif
