/* curl's multi interface on libuv.
 *
 * curl tells which sockets to watch (on_socket) and when to be called again (on_timeout); events go
 * back by curl_multi_socket_action(), after which finished requests are collected. Starting only
 * sets curl's timer, so no callback comes from inside. Names are resolved by curl's own threads;
 * QUICK_EXIT lets a request that is given up leave its thread behind instead of waiting for it.
 *
 * Pieces of an answer are gathered while curl works and handed out afterwards: inside curl's own
 * callbacks nothing may be started or cancelled. */
#include "net/fetch.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/list.h"

#define KEPT_CONNECTIONS 64
#define HEAD_MAX 65536
#define CA_CACHE_S 60 /* a file of trusted certificates may be replaced */

struct fetcher {
    struct loop *loop;
    CURLM *multi;
    struct timer timer;
    struct list running; /* fetch.link */
    struct list fed;     /* fetch.fed: have pieces for their owners */
};

/* One socket that curl wants watched; freed by uv_close. */
struct watch_socket {
    uv_poll_t poll;
    curl_socket_t fd;
    struct fetcher *fetcher;
};

struct fetch {
    struct list link;
    struct list fed; /* fetcher.fed */
    struct fetcher *fetcher;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body, head, answer;
    struct buf refusal; /* why the last address that was asked for is not allowed */
    size_t answer_max;
    bool is_cut, is_refused, is_opened, is_paused;
    char problem[CURL_ERROR_SIZE];
    fetch_allow_fn allow;
    void *allow_arg;
    fetch_data_fn on_data;
    fetch_fn fn;
    void *arg;
};

static void collect(struct fetcher *fetcher);

/* ---- curl's wishes ---- */

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct watch_socket *watch = poll->data;
    struct fetcher *fetcher = watch->fetcher;
    int running, flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= (events & UV_READABLE) ? CURL_CSELECT_IN : 0;
    flags |= (events & UV_WRITABLE) ? CURL_CSELECT_OUT : 0;
    (void)curl_multi_socket_action(fetcher->multi, watch->fd, flags, &running);
    collect(fetcher);
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct watch_socket *watch_new(struct fetcher *fetcher, curl_socket_t fd)
{
    struct watch_socket *watch = xcalloc(1, sizeof(*watch));
    watch->fetcher = fetcher;
    watch->fd = fd;
    ensure(uv_poll_init_socket(loop_uv(fetcher->loop), &watch->poll, fd) == 0);
    watch->poll.data = watch;
    (void)curl_multi_assign(fetcher->multi, fd, watch);
    return watch;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
    (void)easy;
    struct watch_socket *watch = assigned;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL) {
            (void)uv_poll_stop(&watch->poll);
            uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
            (void)curl_multi_assign(((struct fetcher *)arg)->multi, fd, NULL);
        }
        return 0;
    }
    watch = watch != NULL ? watch : watch_new(arg, fd);
    int events = (what & CURL_POLL_IN) ? UV_READABLE : 0;
    events |= (what & CURL_POLL_OUT) ? UV_WRITABLE : 0;
    (void)uv_poll_start(&watch->poll, events, on_event);
    return 0;
}

static void on_timer(struct timer *timer)
{
    struct fetcher *fetcher = container_of(timer, struct fetcher, timer);
    int running;
    (void)curl_multi_socket_action(fetcher->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(fetcher);
}

static int on_timeout(CURLM *multi, long timeout_ms, void *arg)
{
    (void)multi;
    struct fetcher *fetcher = arg;
    if (timeout_ms < 0) {
        timer_stop(&fetcher->timer);
    } else {
        timer_start(fetcher->loop, &fetcher->timer, (uint64_t)timeout_ms, on_timer);
    }
    return 0;
}

/* ---- one request ---- */

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch *fetch = arg;
    buf_clear(&fetch->refusal);
    if (purpose != CURLSOCKTYPE_IPCXN ||
        (fetch->allow != NULL &&
         !fetch->allow(&address->addr, &fetch->refusal, fetch->allow_arg))) {
        fetch->is_refused = true;
        return CURL_SOCKET_BAD;
    }
    fetch->is_opened = true;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* One header line at a time. Interim answers (100) and the trailer leave no trace. */
static size_t on_head(char *bytes, size_t size, size_t count, void *arg)
{
    struct fetch *fetch = arg;
    struct slice line = {bytes, size * count};
    if (slice_starts(line, SLICE("HTTP/"))) {
        buf_clear(&fetch->head);
    } else if (line.len > 2) {
        (void)buf_put_slice(&fetch->head, line);
    }
    return fetch->head.len <= HEAD_MAX ? line.len : 0;
}

/* Keeps what fits; the first byte too many ends the request. */
static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct fetch *fetch = arg;
    if (fetch->on_data != NULL) {
        (void)buf_put(&fetch->answer, bytes, size * count);
        if (!list_is_linked(&fetch->fed)) {
            list_push(&fetch->fetcher->fed, &fetch->fed);
        }
        return size * count;
    }
    size_t len = size * count, room = fetch->answer_max - fetch->answer.len;
    (void)buf_put(&fetch->answer, bytes, len < room ? len : room);
    fetch->is_cut = len > room;
    return len > room ? 0 : len;
}

static void set_body(struct fetch *fetch, struct buf *body)
{
    if (body == NULL) {
        return;
    }
    fetch->body = *body;
    *body = BUF_INIT;
    (void)curl_easy_setopt(fetch->easy, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(fetch->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)fetch->body.len);
    (void)curl_easy_setopt(fetch->easy, CURLOPT_POSTFIELDS, fetch->body.ptr ? fetch->body.ptr : "");
}

static void set_headers(struct fetch *fetch, const char *const *headers)
{
    fetch->headers = curl_slist_append(NULL, "Expect:");
    for (; headers != NULL && *headers != NULL; headers++) {
        fetch->headers = curl_slist_append(fetch->headers, *headers);
    }
    (void)curl_easy_setopt(fetch->easy, CURLOPT_HTTPHEADER, fetch->headers);
}

static void set_options(struct fetch *fetch, const struct fetch_request *request)
{
    CURL *easy = fetch->easy;
    (void)curl_easy_setopt(easy, CURLOPT_URL, request->url);
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "Millrace/" MILLRACE_VERSION);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, fetch);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
    (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->is_once ? 1L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, request->is_once ? 1L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch);
    (void)curl_easy_setopt(easy, CURLOPT_NOBODY, strcmp(request->method, "HEAD") == 0 ? 1L : 0L);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->problem);
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
    if (request->ca_file != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
        (void)curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, (long)CA_CACHE_S);
    }
}

static void fetch_free(struct fetch *fetch)
{
    list_unlink(&fetch->link);
    list_unlink(&fetch->fed);
    (void)curl_multi_remove_handle(fetch->fetcher->multi, fetch->easy);
    curl_easy_cleanup(fetch->easy);
    curl_slist_free_all(fetch->headers);
    buf_done(&fetch->body);
    buf_done(&fetch->head);
    buf_done(&fetch->answer);
    buf_done(&fetch->refusal);
    free(fetch);
}

struct fetch *fetch_start(struct fetcher *fetcher, const struct fetch_request *request, fetch_fn fn,
                          void *arg)
{
    struct fetch *fetch = xcalloc(1, sizeof(*fetch));
    fetch->fetcher = fetcher;
    fetch->easy = curl_easy_init();
    ensure(fetch->easy != NULL);
    fetch->answer_max = request->response_max;
    fetch->allow = request->allow;
    fetch->allow_arg = request->allow_arg;
    fetch->on_data = request->on_data;
    fetch->fn = fn;
    fetch->arg = arg;
    set_body(fetch, request->body);
    set_headers(fetch, request->headers);
    set_options(fetch, request);
    list_push(&fetcher->running, &fetch->link);
    list_init(&fetch->fed);
    ensure(curl_multi_add_handle(fetcher->multi, fetch->easy) == CURLM_OK);
    return fetch;
}

void fetch_cancel(struct fetch *fetch)
{
    fetch_free(fetch);
}

int fetch_status(const struct fetch *fetch)
{
    long status = 0;
    (void)curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

struct slice fetch_head(const struct fetch *fetch)
{
    return buf_slice(&fetch->head);
}

struct slice fetch_header(struct slice head, const char *name)
{
    while (head.len > 0) {
        struct slice value = slice_cut(&head, '\n');
        struct slice key = slice_cut(&value, ':');
        if (slice_eq_nocase(key, slice_of(name))) {
            value.len -= value.len > 0 && value.ptr[value.len - 1] == '\r';
            return slice_trim(value);
        }
    }
    return SLICE_NONE;
}

/* ---- pieces ---- */

void fetch_pause(struct fetch *fetch)
{
    if (!fetch->is_paused) {
        fetch->is_paused = true;
        (void)curl_easy_pause(fetch->easy, CURLPAUSE_RECV);
    }
}

/* curl may hand over kept bytes at once; they leave in the next turn. */
void fetch_resume(struct fetch *fetch)
{
    if (fetch->is_paused) {
        fetch->is_paused = false;
        (void)curl_easy_pause(fetch->easy, CURLPAUSE_CONT);
        timer_start(fetch->fetcher->loop, &fetch->fetcher->timer, 0, on_timer);
    }
}

/* The owner may cancel from inside: the fetch is not touched afterwards. */
static void hand_out(struct fetch *fetch)
{
    AUTO(buf_done) struct buf piece = fetch->answer;
    fetch->answer = BUF_INIT;
    list_unlink(&fetch->fed);
    fetch->on_data(fetch, buf_slice(&piece), fetch->arg);
}

static void hand_out_all(struct fetcher *fetcher)
{
    while (!list_is_empty(&fetcher->fed)) {
        hand_out(container_of(fetcher->fed.next, struct fetch, fed));
    }
}

/* ---- the end of a request ---- */

static enum err error_of(const struct fetch *fetch, CURLcode code)
{
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && fetch->is_cut)) {
        return ERR_OK;
    }
    if (code == CURLE_COULDNT_CONNECT) {
        return fetch->is_refused && !fetch->is_opened ? ERR_NO_PERMISSION : ERR_REFUSED;
    }
    return code == CURLE_OPERATION_TIMEDOUT ? ERR_NO_ANSWER : ERR_IO;
}

static void finish(struct fetch *fetch, CURLcode code)
{
    long status = 0;
    (void)curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
    struct fetch_result result = {.err = error_of(fetch, code),
                                  .head = buf_slice(&fetch->head),
                                  .body = buf_slice(&fetch->answer)};
    result.status = result.err == ERR_OK ? (int)status : 0;
    AUTO_STR refusal = buf_take_str(&fetch->refusal);
    result.problem = result.err == ERR_NO_PERMISSION ? refusal
                     : fetch->problem[0] != '\0'     ? fetch->problem
                                                     : curl_easy_strerror(code);
    fetch->fn(&result, fetch->arg);
    fetch_free(fetch);
}

static void collect(struct fetcher *fetcher)
{
    CURLMsg *message;
    int left;
    hand_out_all(fetcher);
    while ((message = curl_multi_info_read(fetcher->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            char *fetch = NULL;
            CURLcode code = message->data.result; /* the message dies with its handle */
            (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch);
            finish((struct fetch *)(void *)fetch, code);
        }
    }
}

/* ---- life ---- */

struct fetcher *fetcher_new(struct loop *loop)
{
    ensure(curl_global_init_mem(CURL_GLOBAL_DEFAULT, xmalloc, free, xrealloc, xstrdup, xcalloc) ==
           CURLE_OK);
    struct fetcher *fetcher = xcalloc(1, sizeof(*fetcher));
    fetcher->loop = loop;
    fetcher->multi = curl_multi_init();
    ensure(fetcher->multi != NULL);
    list_init(&fetcher->running);
    list_init(&fetcher->fed);
    (void)curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher);
    (void)curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    (void)curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher);
    (void)curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
    return fetcher;
}

void fetcher_free(struct fetcher *fetcher)
{
    if (fetcher == NULL) {
        return;
    }
    ensure(list_is_empty(&fetcher->running));
    (void)curl_multi_cleanup(fetcher->multi);
    timer_stop(&fetcher->timer);
    curl_global_cleanup();
    free(fetcher);
}
