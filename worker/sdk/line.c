/* curl with one easy handle on a multi handle of its own: the same as the easy interface, but the
 * wait also watches the quit bell. The connection lives in the multi handle's cache; curl itself
 * repeats a request whose reused connection turned out to be dead.
 *
 * Proxies are off: the agent is on loopback, whatever http_proxy says. */
#include "line.h"

#include <curl/curl.h>
#include <strings.h>

#include "base/clock.h"

#define CONNECT_TIMEOUT_MS 5000L
#define BODY_KEPT_MAX ((size_t)1 << 20) /* a bigger answer's memory is given back */
#define NEVER_MS UINT64_MAX

struct line {
    CURLM *multi;
    CURL *easy;
    struct line_config config;
    struct buf body;
};

static size_t on_body(char *bytes, size_t size, size_t count, void *arg);
static enum err line_perform(struct line *line);
static void line_poll(struct line *line, uint64_t *leave_at_ms);
static enum err line_result(struct line *line);

struct line *line_new(const struct line_config *config)
{
    struct line *line = xcalloc(1, sizeof(*line));
    line->config = *config;
    line->multi = curl_multi_init();
    line->easy = curl_easy_init();
    ensure(line->multi != NULL && line->easy != NULL);
    curl_easy_setopt(line->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(line->easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(line->easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(line->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(line->easy, CURLOPT_USERAGENT, "Millrace-Handler/" MILLRACE_VERSION);
    curl_easy_setopt(line->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(line->easy, CURLOPT_WRITEDATA, line);
    return line;
}

void line_free(struct line *line)
{
    if (line == NULL) {
        return;
    }
    curl_easy_cleanup(line->easy);
    curl_multi_cleanup(line->multi);
    buf_done(&line->body);
    free(line);
}

static void add_header(struct curl_slist **headers, const char *name, const char *value)
{
    AUTO_STR text = xasprintf("%s: %s", name, value);
    *headers = curl_slist_append(*headers, text);
}

/* "Expect:" without a value stops curl from waiting for 100 Continue before a big body. */
static struct curl_slist *make_headers(const struct line *line, const struct line_request *request)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    add_header(&headers, "Content-Type", "application/json");
    if (line->config.key != NULL && line->config.key[0] != '\0') {
        add_header(&headers, "Authorization", line->config.key);
    }
    if (request->request_id != NULL) {
        add_header(&headers, "X-Request-ID", request->request_id);
    }
    return headers;
}

static void set_method(struct line *line, const struct slice *body)
{
    if (body == NULL) {
        curl_easy_setopt(line->easy, CURLOPT_HTTPGET, 1L);
        return;
    }
    curl_easy_setopt(line->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(line->easy, CURLOPT_POSTFIELDS, body->ptr);
    curl_easy_setopt(line->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
}

static bool is_json_reply(CURL *easy)
{
    const char *type = NULL;
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    struct slice rest = slice_of(type);
    return slice_eq_nocase(slice_trim(slice_cut(&rest, ';')), SLICE("application/json"));
}

enum err line_send(struct line *line, const struct line_request *request,
                   struct line_reply *ret_reply)
{
    if (line->body.len > BODY_KEPT_MAX) {
        buf_done(&line->body);
    }
    buf_clear(&line->body);
    struct curl_slist *headers = make_headers(line, request);
    curl_easy_setopt(line->easy, CURLOPT_URL, request->url);
    curl_easy_setopt(line->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(line->easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    set_method(line, request->body);
    curl_multi_add_handle(line->multi, line->easy);
    enum err err = line_perform(line);
    curl_multi_remove_handle(line->multi, line->easy);
    curl_easy_setopt(line->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    if (err == ERR_OK) {
        curl_easy_getinfo(line->easy, CURLINFO_RESPONSE_CODE, &ret_reply->status);
        ret_reply->is_json = is_json_reply(line->easy);
        ret_reply->body = buf_slice(&line->body);
    }
    return err;
}

static enum err line_perform(struct line *line)
{
    uint64_t leave_at_ms = NEVER_MS;
    int running = 0;
    while (curl_multi_perform(line->multi, &running) == CURLM_OK && running > 0) {
        line_poll(line, &leave_at_ms);
        if (leave_at_ms != NEVER_MS && clock_mono_ms() >= leave_at_ms) {
            return ERR_CLOSING;
        }
    }
    return line_result(line);
}

/* Waits for the socket or, until it has rung, the bell. */
static void line_poll(struct line *line, uint64_t *leave_at_ms)
{
    bool is_listening = line->config.quit != NULL && *leave_at_ms == NEVER_MS;
    struct curl_waitfd bell = {.fd = is_listening ? line->config.quit->fd : -1,
                               .events = CURL_WAIT_POLLIN};
    int wait_ms = *leave_at_ms == NEVER_MS ? 1000 : 50;
    curl_multi_poll(line->multi, &bell, is_listening ? 1 : 0, wait_ms, NULL);
    if (is_listening && bell.revents != 0) {
        *leave_at_ms = clock_mono_ms() + line->config.grace_ms;
    }
}

static enum err line_result(struct line *line)
{
    int left = 0;
    const CURLMsg *message = curl_multi_info_read(line->multi, &left);
    switch (message != NULL ? message->data.result : CURLE_RECV_ERROR) {
    case CURLE_OK:
        return ERR_OK;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        return ERR_REFUSED;
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_REQUEST_TIMEOUT;
    case CURLE_WRITE_ERROR:
        return ERR_TOO_LARGE;
    default:
        return ERR_GONE;
    }
}

/* A short count tells curl to give up: the answer is over the buffer's maximum. */
static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct line *line = arg;
    return buf_put(&line->body, bytes, size * count) == ERR_OK ? size * count : 0;
}
