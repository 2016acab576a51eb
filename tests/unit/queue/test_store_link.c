/* A link against a peer that says what a test wants, in the pieces it wants. */
#include "queue/store_link.h"

#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "queue/store.h"
#include "test.h"

#define PONG "+PONG\r\n"

/* One connection after the other: reads until PING has come, says `answer`, then waits for the end
 * of the other side, or ends itself. */
struct peer {
    const char *answer;
    size_t len;
    bool hangs_up;
    char folder[32];
    struct store_address address;
    int listener;
    pthread_t thread;
};

static bool peer_greeted(int fd)
{
    char bytes[4096];
    size_t got = 0;
    while (got < sizeof(bytes) - 1) {
        ssize_t more = read(fd, bytes + got, sizeof(bytes) - 1 - got);
        if (more <= 0) {
            return false;
        }
        got += (size_t)more;
        bytes[got] = '\0';
        if (strstr(bytes, "PING\r\n") != NULL) {
            return true;
        }
    }
    return false;
}

static void *peer_run(void *arg)
{
    const struct peer *peer = arg;
    for (int fd; (fd = accept(peer->listener, NULL, NULL)) >= 0;) {
        bool is_greeted = peer_greeted(fd);
        for (size_t at = 0; is_greeted && at < peer->len;) {
            ssize_t sent = send(fd, peer->answer + at, peer->len - at, MSG_NOSIGNAL);
            if (sent <= 0) {
                break;
            }
            at += (size_t)sent;
        }
        char byte;
        while (!peer->hangs_up && read(fd, &byte, 1) > 0) {
        }
        (void)close(fd);
    }
    return NULL;
}

static void peer_start(struct peer *peer)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)strcpy(peer->folder, "/tmp/mr-link-XXXXXX");
    assert_non_null(mkdtemp(peer->folder));
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", peer->folder);
    (void)strcpy(peer->address.host, address.sun_path);
    peer->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(peer->listener, 8), 0);
    assert_int_equal(pthread_create(&peer->thread, NULL, peer_run, peer), 0);
}

static void peer_stop(struct peer *peer)
{
    (void)shutdown(peer->listener, SHUT_RDWR);
    assert_int_equal(pthread_join(peer->thread, NULL), 0);
    (void)close(peer->listener);
    (void)unlink(peer->address.host);
    (void)rmdir(peer->folder);
}

/* What the owner does with the reply of this number, counted from 1. */
enum deed { DEED_NONE, DEED_BREAK, DEED_CLOSE };

struct owner {
    struct loop *loop;
    struct store_link *link;
    int ready, lost, failed;
    long long replies; /* each must be an integer, one more than the one before */
    long long at;
    enum deed deed;
    char problem[256];
};

static void on_ready(void *arg)
{
    struct owner *owner = arg;
    owner->ready++;
}

static void owner_ended(struct owner *owner)
{
    (void)snprintf(owner->problem, sizeof(owner->problem), "%s", store_link_problem(owner->link));
    loop_stop(owner->loop);
}

static void on_lost(void *arg)
{
    struct owner *owner = arg;
    owner->lost++;
    owner_ended(owner);
}

static void on_failed(void *arg)
{
    struct owner *owner = arg;
    owner->failed++;
    owner_ended(owner);
}

static void on_reply(struct redisReply *reply, void *arg)
{
    struct owner *owner = arg;
    assert_int_equal(reply->type, REDIS_REPLY_INTEGER);
    assert_int_equal(reply->integer, owner->replies);
    owner->replies++;
    if (owner->replies != owner->at) {
        return;
    }
    if (owner->deed == DEED_BREAK) {
        store_link_break(owner->link, "had enough");
    } else if (owner->deed == DEED_CLOSE) {
        store_link_close(steal(owner->link));
        loop_stop(owner->loop);
    }
}

/* Connects once, until the link is lost, has failed or the deed is done. */
static void meet(struct owner *owner, const struct store_address *address)
{
    static const struct store_url url;
    owner->loop = loop_new();
    const struct store_link_config config = {.loop = owner->loop, .url = &url, .peer = LINK_REDIS};
    owner->link = store_link_new(&config, address,
                                 &(struct store_link_owner){.on_ready = on_ready,
                                                            .on_lost = on_lost,
                                                            .on_reply = on_reply,
                                                            .on_failed = on_failed,
                                                            .arg = owner});
    loop_run(owner->loop);
    store_link_close(owner->link);
    loop_free(owner->loop);
}

static void meet_peer(struct owner *owner, struct peer *peer)
{
    peer_start(peer);
    meet(owner, &peer->address);
    peer_stop(peer);
}

static void what_fails_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        bool hangs_up;
        const char *problem;
    } cases[] = {
        {"-ERR max number of clients reached\r\n", false, "ERR max number of clients reached"},
        {"-LOADING Redis is loading the dataset in memory\r\n", true,
         "LOADING Redis is loading the dataset in memory"},
        {"", true, "Server closed the connection"},
        {"+PO", true, "Server closed the connection"},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", false, "Protocol error, got \"H\" as reply type byte"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct peer peer = {.answer = cases[i].answer,
                            .len = strlen(cases[i].answer),
                            .hangs_up = cases[i].hangs_up};
        struct owner owner = {0};
        meet_peer(&owner, &peer);
        assert_string_equal(owner.problem, cases[i].problem);
        assert_int_equal(owner.failed, 1);
        assert_int_equal(owner.ready + owner.lost, 0);
    }
}

static void nobody_there_is_said(void **state)
{
    (void)state;
    struct owner owner = {0};
    struct store_address address = {.host = "/nowhere/redis.sock"};
    meet(&owner, &address);
    assert_string_equal(owner.problem, "No such file or directory");
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound and not listening: a port that refuses */
    struct sockaddr_in bound = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(bound);
    assert_int_equal(bind(fd, (struct sockaddr *)&bound, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &size), 0);
    owner = (struct owner){0};
    address = (struct store_address){.host = "127.0.0.1", .port = ntohs(bound.sin_port)};
    meet(&owner, &address);
    assert_string_equal(owner.problem, "Connection refused");
    assert_int_equal(owner.failed, 1);
    (void)close(fd);
}

#define REPLIES 60000 /* several times what one read takes */

/* PONG, then the integers from 0. */
static void peer_counts(struct peer *peer, struct buf *text)
{
    (void)buf_put_str(text, PONG);
    for (int i = 0; i < REPLIES; i++) {
        (void)buf_printf(text, ":%d\r\n", i);
    }
    peer->answer = text->ptr;
    peer->len = text->len;
}

static void all_replies_come_in_order_then_the_loss(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct peer peer = {.hangs_up = true};
    struct owner owner = {0};
    peer_counts(&peer, &text);
    meet_peer(&owner, &peer);
    assert_int_equal(owner.replies, REPLIES);
    assert_string_equal(owner.problem, "Server closed the connection");
    assert_int_equal(owner.ready, 1);
    assert_int_equal(owner.lost, 1);
}

/* Also in the first piece that is parsed and in the first read. */
static void the_owner_may_end_it_at_any_reply(void **state)
{
    (void)state;
    static const long long places[] = {1, 2, 1000, 20000, REPLIES};
    static const enum deed deeds[] = {DEED_BREAK, DEED_CLOSE};
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct peer peer = {0};
    peer_counts(&peer, &text);
    for (size_t i = 0; i < COUNT_OF(places) * COUNT_OF(deeds); i++) {
        struct owner owner = {.at = places[i / 2], .deed = deeds[i % 2]};
        meet_peer(&owner, &peer);
        assert_int_equal(owner.replies, owner.at);
        assert_int_equal(owner.lost, owner.deed == DEED_BREAK);
    }
}

struct keeper {
    struct loop *loop;
    struct store *store;
    int ready, lost;
};

static void on_change(void *arg, bool is_ready)
{
    struct keeper *keeper = arg;
    keeper->ready += is_ready;
    keeper->lost += !is_ready;
    if (!is_ready) {
        loop_stop(keeper->loop);
    }
}

static void a_store_leaves_a_redis_that_answers_what_nobody_asked(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *problem;
    } cases[] = {
        {PONG "-ERR out of turn\r\n", "ERR out of turn"},
        {PONG ":1\r\n", "Redis answers what nobody asked"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct peer peer = {.answer = cases[i].answer, .len = strlen(cases[i].answer)};
        struct keeper keeper = {.loop = loop_new()};
        char url[sizeof(peer.address.host) + 8];
        peer_start(&peer);
        (void)snprintf(url, sizeof(url), "unix://%s", peer.address.host);
        keeper.store =
            store_new(keeper.loop,
                      &(struct store_config){.url = url, .on_change = on_change, .arg = &keeper});
        loop_run(keeper.loop);
        assert_string_equal(store_problem(keeper.store), cases[i].problem);
        assert_int_equal(keeper.ready, 1);
        assert_int_equal(keeper.lost, 1);
        store_close(keeper.store);
        loop_free(keeper.loop);
        peer_stop(&peer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fails_says_why),
        cmocka_unit_test(nobody_there_is_said),
        cmocka_unit_test(all_replies_come_in_order_then_the_loss),
        cmocka_unit_test(the_owner_may_end_it_at_any_reply),
        cmocka_unit_test(a_store_leaves_a_redis_that_answers_what_nobody_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
