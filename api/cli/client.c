/* libcurl's easy interface: the command line does one thing at a time, so it may block. Ctrl-C only
 * sets a flag, which the progress callback sees within a second (at once in poll, by EINTR), so
 * that a command can still say what goes on without it. */
#include "client.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>

#include "base/json.h"
#include "data.h"
#include "message.h"
#include "result.h"

#define CONNECT_MS 10000
#define ANSWER_MS 30000 /* beyond what the answer may be held back */
#define ERROR_MAX 600   /* of a peer's text in an error line */
#define SILENCE_S 30    /* of a streamed answer, which has a sign of life each 10 s */

struct client {
    CURL *curl;
    struct curl_slist *headers;      /* of calls without a body */
    struct curl_slist *json_headers; /* of calls with one */
    struct curl_slist *own_headers;  /* of the last call that had some of its own */
    char *root;
    const char *data; /* where the key was looked for */
    bool has_key;
    struct buf problem;
    void (*on_tick)(void *arg);
    void *on_tick_arg;
};

static volatile sig_atomic_t is_interrupted; /* set by the signal handler of the process */

static void on_interrupt(int number)
{
    (void)number;
    is_interrupted = 1;
}

bool client_is_interrupted(void)
{
    return is_interrupted != 0;
}

int client_failure(void)
{
    return is_interrupted ? EXIT_INTERRUPTED : EXIT_ERROR;
}

/* --- life --- */

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

char *client_root(const char *url)
{
    if (!starts_with(url, "http://") && !starts_with(url, "https://")) {
        return NULL;
    }
    struct slice root = slice_of(url);
    while (root.len > 0 && root.ptr[root.len - 1] == '/') {
        root.len--;
    }
    if (root.len > 3 && memcmp(root.ptr + root.len - 3, "/v2", 3) == 0) {
        root.len -= 3;
    }
    while (root.len > 0 && root.ptr[root.len - 1] == '/') {
        root.len--;
    }
    size_t scheme = starts_with(url, "https://") ? strlen("https://") : strlen("http://");
    return root.len > scheme ? slice_dup(root) : NULL;
}

static char *find_key(const struct client_options *options)
{
    if (options->key != NULL) {
        return xstrdup(options->key);
    }
    AUTO_STR path = xasprintf("%s/api-key", options->data);
    return data_read_key(path);
}

static void build_headers(struct client *client, const char *key)
{
    if (key != NULL) {
        AUTO_STR line = xasprintf("Authorization: Bearer %s", key);
        client->headers = curl_slist_append(client->headers, line);
        client->json_headers = curl_slist_append(client->json_headers, line);
    }
    client->json_headers =
        curl_slist_append(client->json_headers, "Content-Type: application/json");
    client->json_headers = curl_slist_append(client->json_headers, "Expect:");
}

struct client *client_new(const struct client_options *options)
{
    char *root = client_root(options->url);
    if (root == NULL) {
        message_error("--url is %s; allowed: http://HOST:PORT/v2 or https://HOST:PORT/v2",
                      options->url);
        return NULL;
    }
    struct client *client = xcalloc(1, sizeof(*client));
    AUTO_STR key = find_key(options);
    client->root = root;
    client->data = options->data;
    client->has_key = key != NULL;
    ensure(curl_global_init(CURL_GLOBAL_DEFAULT) == 0);
    client->curl = curl_easy_init();
    ensure(client->curl != NULL);
    build_headers(client, key);
    struct sigaction action = {.sa_handler = on_interrupt};
    (void)sigaction(SIGINT, &action, NULL);
    return client;
}

void client_free(struct client *client)
{
    if (client == NULL) {
        return;
    }
    curl_easy_cleanup(client->curl);
    curl_slist_free_all(client->headers);
    curl_slist_free_all(client->json_headers);
    curl_slist_free_all(client->own_headers);
    curl_global_cleanup();
    free(client->root);
    buf_done(&client->problem);
    free(client);
}

void client_on_tick(struct client *client, void (*on_tick)(void *arg), void *arg)
{
    client->on_tick = on_tick;
    client->on_tick_arg = arg;
}

void answer_done(struct answer *answer)
{
    buf_done(&answer->body);
}

const char *client_problem(const struct client *client)
{
    return client->problem.ptr != NULL ? client->problem.ptr : "";
}

static void set_problem(struct client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void set_problem(struct client *client, const char *format, ...)
{
    buf_clear(&client->problem);
    va_list args;
    va_start(args, format);
    (void)buf_vprintf(&client->problem, format, args);
    va_end(args);
    (void)buf_put_char(&client->problem, '\0');
}

/* --- one call --- */

/* Where the body of an answer goes. */
struct sink {
    struct client *client;
    const struct call *call;
    struct answer *answer;
};

static bool is_2xx(struct client *client)
{
    long status = 0;
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    const struct sink *sink = arg;
    struct slice some = {bytes, size * count};
    if (sink->call->on_bytes != NULL && is_2xx(sink->client)) {
        return sink->call->on_bytes(some, sink->call->arg) ? some.len : 0;
    }
    return buf_put_slice(&sink->answer->body, some) == ERR_OK ? some.len : 0;
}

static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    (void)down_total, (void)down, (void)up_total, (void)up;
    struct client *client = arg;
    if (client->on_tick != NULL) {
        client->on_tick(client->on_tick_arg);
    }
    return is_interrupted;
}

static bool is_loopback(const char *root)
{
    const char *host = strstr(root, "://") + 3;
    return starts_with(host, "127.") || starts_with(host, "localhost") ||
           starts_with(host, "[::1]");
}

static void set_body(struct client *client, const struct call *call)
{
    CURL *curl = client->curl;
    bool has_body = call->body.ptr != NULL;
    bool is_post = strcmp(call->method, "POST") == 0;
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER,
                           has_body || is_post ? client->json_headers : client->headers);
    if (has_body || is_post) {
        (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, has_body ? call->body.ptr : "");
    }
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
}

/* With the line of the call itself. */
static void set_header(struct client *client, const char *line)
{
    curl_slist_free_all(client->own_headers);
    client->own_headers = curl_slist_append(NULL, line);
    for (const struct curl_slist *at = client->headers; at != NULL; at = at->next) {
        client->own_headers = curl_slist_append(client->own_headers, at->data);
    }
    (void)curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->own_headers);
}

static void set_times(struct client *client, const struct call *call)
{
    bool is_streamed = call->on_bytes != NULL;
    (void)curl_easy_setopt(client->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    (void)curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS,
                           call->wait_ms + (is_streamed ? 0 : ANSWER_MS));
    if (is_streamed) {
        (void)curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        (void)curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
    }
}

static void set_call(struct client *client, const struct call *call, struct sink *sink)
{
    CURL *curl = client->curl;
    curl_easy_reset(curl); /* keeps the connection */
    AUTO_STR url = xasprintf("%s%s", client->root, call->path);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "millrace/" MILLRACE_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    set_times(client, call);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, sink);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, client);
    if (is_loopback(client->root)) {
        (void)curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* a proxy cannot reach our loopback */
    }
    set_body(client, call);
    if (call->header != NULL) {
        set_header(client, call->header);
    }
}

static enum err explain(struct client *client, CURLcode code)
{
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        set_problem(client, "interrupted");
        return ERR_CLOSING;
    }
    if (code == CURLE_COULDNT_CONNECT) {
        set_problem(client,
                    "nothing answers at %s: is `millrace up` running there? (another place: "
                    "--url or MILLRACE_URL)",
                    client->root);
        return ERR_REFUSED;
    }
    set_problem(client, "no answer from %s (%s): check --url and the network", client->root,
                curl_easy_strerror(code));
    return code == CURLE_OPERATION_TIMEDOUT ? ERR_REQUEST_TIMEOUT : ERR_GONE;
}

enum err client_call(struct client *client, const struct call *call, struct answer *answer)
{
    buf_clear(&answer->body);
    struct sink sink = {client, call, answer};
    set_call(client, call, &sink);
    CURLcode code = curl_easy_perform(client->curl);
    bool is_cut = call->on_bytes != NULL && is_2xx(client) && code != CURLE_ABORTED_BY_CALLBACK;
    if (code != CURLE_OK && !is_cut) {
        return explain(client, code);
    }
    curl_off_t retry_after = 0;
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &answer->status);
    (void)curl_easy_getinfo(client->curl, CURLINFO_RETRY_AFTER, &retry_after);
    answer->retry_after_s = (long)retry_after;
    return ERR_OK;
}

/* --- refusals --- */

void client_error_text(struct slice body, struct buf *out)
{
    struct json_member members[] = {{.name = "error"}, {.name = "message"}, {.name = "title"}};
    struct json_problem where;
    if (json_scan(body, members, COUNT_OF(members), &where) == ERR_OK) {
        for (size_t i = 0; i < COUNT_OF(members) && out->len == 0; i++) {
            if (members[i].value.len > 0 && members[i].type == JSON_STRING) {
                (void)json_unquote(members[i].value, out);
            }
        }
    }
    if (out->len == 0) {
        body.len = body.len < ERROR_MAX ? body.len : ERROR_MAX;
        (void)buf_put_slice(out, body);
    }
    for (size_t i = 0; i < out->len; i++) {
        if ((unsigned char)out->ptr[i] < ' ') {
            out->ptr[i] = ' ';
        }
    }
}

static bool has_text(struct slice text, const char *part)
{
    return text.len > 0 && memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static void explain_status(struct client *client, const struct answer *answer, struct slice text)
{
    if (answer->status == 401 && !client->has_key) {
        set_problem(client,
                    "no key given and none in %s/api-key: set MILLRACE_API_KEY or --api-key "
                    "to the key that `millrace up` keeps in its DIR/api-key",
                    client->data);
    } else if (answer->status == 401) {
        set_problem(client,
                    "the API at %s does not accept this key: set MILLRACE_API_KEY or "
                    "--api-key to the one that `millrace up` keeps in its DIR/api-key",
                    client->root);
    } else if (answer->status == 503 && has_text(text, "No space left")) {
        set_problem(client,
                    "the disk of Redis is full: free some space there (`millrace up` has it in its "
                    "data folder), then try again");
    } else if (answer->status == 429 || answer->status == 503) {
        set_problem(client, "%.*s: try again in %ld s", SLICE_ARG(text),
                    answer->retry_after_s > 0 ? answer->retry_after_s : 1);
    } else {
        set_problem(client, "%.*s (HTTP %ld)", SLICE_ARG(text), answer->status);
    }
}

bool client_is_refusal(struct client *client, const struct answer *answer)
{
    if (answer->status >= 200 && answer->status < 300) {
        return false;
    }
    AUTO(buf_done) struct buf text = BUF_INIT;
    client_error_text(buf_slice(&answer->body), &text);
    explain_status(client, answer, buf_slice(&text));
    return true;
}

bool client_ask(struct client *client, const struct call *call, struct answer *answer)
{
    enum err err = client_call(client, call, answer);
    if (err == ERR_OK && !client_is_refusal(client, answer)) {
        return true;
    }
    if (err != ERR_CLOSING) {
        message_error("%s", client_problem(client));
    }
    return false;
}
