/* Requests against a server on the same loop: what comes back, what is refused, that it ends once.
 */
#include "net/fetch.h"

#include "test.h"

#include <netinet/in.h>
#include <stdio.h>

#include "net/http.h"

struct fixture {
    struct loop *loop;
    struct http_server *server;
    struct fetcher *fetcher;
    int port, connections;
    struct http_request *parked;
    int asked; /* addresses */
    int ended; /* requests */
    int left;  /* before the loop stops */
    enum err err;
    int status;
    char problem[200];
    struct buf body;
};

/* ---- the server ---- */

static void on_head(struct http_request *request, void *arg)
{
    (void)arg;
    http_accept(request, 1 << 20);
}

static void on_gone(struct http_request *request)
{
    struct fixture *f = request->op;
    f->parked = NULL;
    loop_stop(f->loop);
}

static void on_request(struct http_request *request, void *arg)
{
    struct fixture *f = arg;
    static char big[100000];
    struct http_answer answer = {.status = 200, .body = request->body};
    memset(big, 'x', sizeof(big));
    if (slice_is(request->path, "/park")) {
        request->op = f;
        request->on_gone = on_gone;
        request->eof_is_gone = true;
        f->parked = request;
        loop_stop(f->loop);
        return;
    }
    if (slice_is(request->path, "/redirect")) {
        answer = (struct http_answer){.status = 302, .headers = SLICE("Location: /echo\r\n")};
    } else if (slice_is(request->path, "/big")) {
        answer.body = (struct slice){big, sizeof(big)};
    } else if (slice_is(request->path, "/header")) {
        answer.body = http_header(request, "x-test");
    }
    http_reply(request, &answer);
}

static void on_refused(enum err err, const char *detail, struct buf *out, void *arg)
{
    (void)err;
    (void)detail;
    (void)out;
    (void)arg;
}

/* ---- the client ---- */

static int set_up(void **state)
{
    static const struct http_handlers handlers = {
        .on_head = on_head, .on_request = on_request, .on_refused = on_refused};
    struct fixture *f = xcalloc(1, sizeof(*f));
    *state = f;
    f->loop = loop_new();
    f->server = http_server_new(f->loop, &(struct http_config){0}, &handlers, f);
    f->fetcher = fetcher_new(f->loop);
    return http_server_listen(f->server, "127.0.0.1", 0, &f->port) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    http_server_close(f->server);
    fetcher_free(f->fetcher);
    loop_free(f->loop);
    buf_done(&f->body);
    free(f);
    return 0;
}

static void on_fetched(const struct fetch_result *result, void *arg)
{
    struct fixture *f = arg;
    f->ended++;
    f->err = result->err;
    f->status = result->status;
    (void)snprintf(f->problem, sizeof(f->problem), "%s", result->problem);
    buf_clear(&f->body);
    (void)buf_put_slice(&f->body, result->body);
    if (--f->left <= 0) {
        loop_stop(f->loop);
    }
}

static bool count_and_allow(const struct sockaddr *address, struct buf *problem, void *arg)
{
    struct fixture *f = arg;
    (void)problem;
    assert_int_equal(address->sa_family, AF_INET);
    f->asked++;
    return true;
}

static bool refuse(const struct sockaddr *address, struct buf *problem, void *arg)
{
    (void)address;
    ((struct fixture *)arg)->asked++;
    buf_put_str(problem, "not today");
    return false;
}

static bool refuse_the_first(const struct sockaddr *address, struct buf *problem, void *arg)
{
    (void)refuse(address, problem, arg);
    return ((struct fixture *)arg)->asked > 1;
}

static struct fetch *start(struct fixture *f, const char *path, struct fetch_request request)
{
    AUTO_STR url = xasprintf("http://127.0.0.1:%d%s", f->port, path);
    request.method = request.method ? request.method : "POST";
    request.url = request.url ? request.url : url;
    request.timeout_ms = request.timeout_ms ? request.timeout_ms : 5000;
    request.response_max = request.response_max ? request.response_max : 4096;
    request.allow_arg = f;
    return fetch_start(f->fetcher, &request, on_fetched, f);
}

static void fetch(struct fixture *f, const char *path, struct fetch_request request)
{
    f->left = 1;
    f->ended = 0;
    (void)start(f, path, request);
    assert_int_equal(f->ended, 0);
    loop_run(f->loop);
    assert_int_equal(f->ended, 1);
}

static void a_body_goes_there_and_comes_back(void **state)
{
    struct fixture *f = *state;
    struct buf body = BUF_INIT;
    (void)buf_put_str(&body, "{\"a\":1}");
    fetch(f, "/echo", (struct fetch_request){.body = &body});
    assert_int_equal(f->err, ERR_OK);
    assert_int_equal(f->status, 200);
    assert_slice(buf_slice(&f->body), "{\"a\":1}");
    assert_null(body.ptr);
}

static void headers_are_sent(void **state)
{
    struct fixture *f = *state;
    const char *const headers[] = {"X-Test: yes", NULL};
    fetch(f, "/header", (struct fetch_request){.method = "GET", .headers = headers});
    assert_slice(buf_slice(&f->body), "yes");
}

static void a_redirect_is_an_answer(void **state)
{
    struct fixture *f = *state;
    fetch(f, "/redirect", (struct fetch_request){0});
    assert_int_equal(f->err, ERR_OK);
    assert_int_equal(f->status, 302);
}

static void a_long_answer_is_cut(void **state)
{
    struct fixture *f = *state;
    fetch(f, "/big", (struct fetch_request){.method = "GET", .response_max = 1000});
    assert_int_equal(f->err, ERR_OK);
    assert_int_equal(f->status, 200);
    assert_int_equal(f->body.len, 1000);
}

static void a_refused_address_is_never_connected_to(void **state)
{
    struct fixture *f = *state;
    fetch(f, "/echo", (struct fetch_request){.allow = refuse});
    assert_int_equal(f->err, ERR_NO_PERMISSION);
    assert_int_equal(f->status, 0);
    assert_string_equal(f->problem, "not today");
    assert_int_equal(f->asked, 1);
    assert_int_equal(http_server_connections(f->server), 0);
}

/* What the address that was tried said counts, not the other one of the name. */
static void a_name_with_an_allowed_address_is_not_refused(void **state)
{
    struct fixture *f = *state;
    fetch(f, "", (struct fetch_request){.url = "http://localhost:1/", .allow = refuse_the_first});
    if (f->asked < 2) {
        skip(); /* the name has one address here */
    }
    assert_int_equal(f->err, ERR_REFUSED);
    assert_null(strstr(f->problem, "not today"));
}

static void a_proxy_of_the_environment_is_not_used(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    fetch(f, "/echo", (struct fetch_request){.method = "GET"});
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(f->status, 200);
}

static void a_connection_is_used_again(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        fetch(f, "/echo", (struct fetch_request){.method = "GET", .allow = count_and_allow});
        assert_int_equal(f->status, 200);
    }
    assert_int_equal(f->asked, 1);
}

static void silence_ends_in_time(void **state)
{
    struct fixture *f = *state;
    f->left = 1;
    (void)start(f, "/park", (struct fetch_request){.timeout_ms = 50});
    while (f->ended == 0) {
        loop_run(f->loop);
    }
    assert_int_equal(f->err, ERR_NO_ANSWER);
    assert_int_equal(f->status, 0);
}

static void nobody_listens(void **state)
{
    struct fixture *f = *state;
    fetch(f, "", (struct fetch_request){.url = "http://127.0.0.1:1/"});
    assert_int_equal(f->err, ERR_REFUSED);
}

static void other_protocols_are_not_spoken(void **state)
{
    struct fixture *f = *state;
    fetch(f, "", (struct fetch_request){.url = "file:///etc/hostname"});
    assert_int_equal(f->err, ERR_IO);
    fetch(f, "", (struct fetch_request){.url = "nonsense"});
    assert_int_not_equal(f->err, ERR_OK);
}

static void many_at_once(void **state)
{
    struct fixture *f = *state;
    f->left = 50;
    for (int i = 0; i < 50; i++) {
        (void)start(f, "/echo", (struct fetch_request){.method = "GET"});
    }
    loop_run(f->loop);
    assert_int_equal(f->ended, 50);
}

static void a_cancelled_one_does_not_call_back(void **state)
{
    struct fixture *f = *state;
    fetch_cancel(start(f, "/echo", (struct fetch_request){0}));
    struct fetch *parked = start(f, "/park", (struct fetch_request){0});
    loop_run(f->loop);
    assert_non_null(f->parked);
    fetch_cancel(parked);
    loop_run(f->loop);
    assert_int_equal(f->ended, 0);
    assert_null(f->parked);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_body_goes_there_and_comes_back),
        TEST(headers_are_sent),
        TEST(a_redirect_is_an_answer),
        TEST(a_long_answer_is_cut),
        TEST(a_refused_address_is_never_connected_to),
        TEST(a_name_with_an_allowed_address_is_not_refused),
        TEST(a_proxy_of_the_environment_is_not_used),
        TEST(a_connection_is_used_again),
        TEST(silence_ends_in_time),
        TEST(nobody_listens),
        TEST(other_protocols_are_not_spoken),
        TEST(many_at_once),
        TEST(a_cancelled_one_does_not_call_back),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
