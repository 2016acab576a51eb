/* The bare server that Millrace is measured against: epoll, one Redis connection, one command a
 * request, one flush a loop turn. It checks nothing: what it leaves out is what a whole server
 * costs.
 *
 *   reference run REDIS-SOCKET SCRIPT-FILE ARGUMENT...
 *   reference status REDIS-SOCKET
 *
 * run: the same script (one EVALSHA), the input sliced out of the body; the arguments are those of
 * the script that follow the job's id and members. status: one HMGET of the job whose id ends the
 * path. Prints its port and serves until it is ended. */
#include <hiredis/hiredis.h>
#include <sys/random.h>

#include "bench.h"

#define CONNECTIONS_MAX 1024
#define EVENTS_MAX 256
#define SHA_LEN 40
#define ID_SIZE 64

struct client {
    int fd;
    struct bytes in, out;
};

struct server;
struct work {
    const char *name;
    void (*ask)(struct server *server, struct client *client, size_t head, size_t body);
    void (*answer)(const redisReply *reply, const char *id, struct bytes *out);
};

struct server {
    const struct work *work;
    int epoll, listener, redis;
    char sha[SHA_LEN + 1];
    char **rest; /* arguments of the script after id and members, the same for all */
    int rest_count;
    struct bytes to_redis;
    redisReader *reader;
    struct client *waiting[CONNECTIONS_MAX]; /* ring: who gets the next reply */
    char ids[CONNECTIONS_MAX][ID_SIZE];      /* the id that goes with it */
    unsigned first, count;
};

static void put_arg(struct bytes *out, const char *text, size_t len)
{
    bytes_printf(out, "$%zu\r\n", len);
    bytes_put(out, text, len);
    bytes_put(out, "\r\n", 2);
}

static void put_text(struct bytes *out, const char *text)
{
    put_arg(out, text, strlen(text));
}

static void make_id(char *ret_id)
{
    static uint8_t pool[4096];
    static size_t used = sizeof(pool);
    if (used + 16 > sizeof(pool)) {
        if (getrandom(pool, sizeof(pool), 0) < 0) {
            die("getrandom");
        }
        used = 0;
    }
    const uint8_t *r = pool + used;
    used += 16;
    (void)snprintf(ret_id, ID_SIZE,
                   "%02x%02x%02x%02x-%02x%02x-4%01x%02x-a%01x%02x-%02x%02x%02x%02x%02x%02x-u1",
                   r[0], r[1], r[2], r[3], r[4], r[5], r[6] & 15, r[7], r[8] & 15, r[9], r[10],
                   r[11], r[12], r[13], r[14], r[15]);
}

/* Room for the id of the job that this client asks about. */
static char *enqueue(struct server *server, struct client *client)
{
    unsigned slot = (server->first + server->count++) % CONNECTIONS_MAX;
    server->waiting[slot] = client;
    return server->ids[slot];
}

/* The members of the body are what lies between its outer braces. */
static void run_ask(struct server *server, struct client *client, size_t head, size_t len)
{
    const char *body = client->in.ptr + head;
    char *id = enqueue(server, client);
    make_id(id);
    struct bytes *out = &server->to_redis;
    bytes_printf(out, "*%d\r\n$7\r\nEVALSHA\r\n", server->rest_count + 6);
    put_arg(out, server->sha, SHA_LEN);
    put_text(out, "1");
    put_text(out, "mr:{bench}:");
    put_text(out, id);
    put_arg(out, body + 1, len - 2);
    for (int i = 0; i < server->rest_count; i++) {
        put_text(out, server->rest[i]);
    }
}

static void put_answer(struct bytes *out, const char *status, const char *body, int len)
{
    bytes_printf(out, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
                 status, len);
    bytes_put(out, body, (size_t)len);
}

static void run_answer(const redisReply *reply, const char *id, struct bytes *out)
{
    bool is_stored = reply->type == REDIS_REPLY_ARRAY && reply->element[0]->integer == 1;
    char body[128];
    int len = snprintf(body, sizeof(body), "{\"id\":\"%s\",\"status\":\"IN_QUEUE\"}", id);
    put_answer(out, is_stored ? "200 OK" : "500 Error", body, len);
}

static void status_ask(struct server *server, struct client *client, size_t head, size_t len)
{
    (void)head;
    (void)len;
    const char *line = client->in.ptr, *end = strstr(line + 5, " HTTP/");
    const char *from = end;
    while (from > line && from[-1] != '/') {
        from--;
    }
    char *id = enqueue(server, client);
    (void)snprintf(id, ID_SIZE, "%.*s", (int)(end - from), from);
    struct bytes *out = &server->to_redis;
    bytes_printf(out, "*10\r\n$5\r\nHMGET\r\n$%zu\r\nmr:{bench}:job:%s\r\n", 15 + strlen(id), id);
    static const char *const fields[] = {"s", "a", "t0", "t1", "t2", "w", "r", "tk"};
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        put_text(out, fields[i]);
    }
}

static long long number_of(const redisReply *reply)
{
    return reply->str != NULL ? strtoll(reply->str, NULL, 10) : 0;
}

static void status_answer(const redisReply *reply, const char *id, struct bytes *out)
{
    redisReply *const *field = reply->element;
    bool is_known = reply->type == REDIS_REPLY_ARRAY && field[0]->str != NULL;
    char body[256];
    int len = is_known ? snprintf(body, sizeof(body),
                                  "{\"delayTime\":%lld,\"executionTime\":%lld,\"id\":\"%s\","
                                  "\"status\":\"%s\",\"workerId\":\"%s\"}",
                                  number_of(field[3]) - number_of(field[2]),
                                  number_of(field[4]) - number_of(field[3]), id,
                                  field[0]->str[0] == 'C' ? "COMPLETED" : "IN_QUEUE",
                                  field[5]->str != NULL ? field[5]->str : "")
                       : 0;
    put_answer(out, is_known ? "200 OK" : "404 Not Found", body, len);
}

static const struct work works[] = {{"run", run_ask, run_answer},
                                    {"status", status_ask, status_answer}};

static void drop_client(struct client *client)
{
    (void)close(client->fd); /* its memory stays: replies may still point to it */
    client->fd = -1;
}

static void on_client(struct server *server, struct client *client)
{
    size_t head, body;
    if (!bytes_read(&client->in, client->fd)) {
        drop_client(client);
        return;
    }
    while (message_complete(&client->in, &head, &body)) {
        server->work->ask(server, client, head, body);
        bytes_drop(&client->in, head + body);
    }
}

static void answer(struct server *server, const redisReply *reply)
{
    struct client *client = server->waiting[server->first];
    const char *id = server->ids[server->first];
    server->first = (server->first + 1) % CONNECTIONS_MAX;
    server->count--;
    if (reply->type == REDIS_REPLY_ERROR) {
        (void)fprintf(stderr, "reference: %s\n", reply->str);
        exit(1);
    }
    server->work->answer(reply, id, &client->out);
    if (client->fd >= 0) {
        bytes_flush(&client->out, client->fd);
    }
}

static void on_redis(struct server *server)
{
    static struct bytes in;
    in.len = 0;
    if (!bytes_read(&in, server->redis)) {
        die("redis");
    }
    redisReaderFeed(server->reader, in.ptr, in.len);
    for (void *reply = NULL; redisReaderGetReply(server->reader, &reply) == REDIS_OK && reply;
         reply = NULL) {
        answer(server, reply);
        freeReplyObject(reply);
    }
}

static void on_listener(struct server *server)
{
    int fd = accept(server->listener, NULL, NULL);
    if (fd < 0) {
        return;
    }
    struct client *client = calloc(1, sizeof(*client));
    client->fd = fd;
    no_delay(fd);
    watch(server->epoll, fd, client);
}

static void run(struct server *server)
{
    struct epoll_event events[EVENTS_MAX];
    for (;;) {
        int count = epoll_wait(server->epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            void *owner = events[i].data.ptr;
            if (owner == &server->listener) {
                on_listener(server);
            } else if (owner == &server->redis) {
                on_redis(server);
            } else {
                on_client(server, owner);
            }
        }
        bytes_flush(&server->to_redis, server->redis);
    }
}

static int connect_redis(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        die(path);
    }
    return fd;
}

static void load_script(struct server *server, const char *path)
{
    struct bytes text = {0}, reply = {0};
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        die(path);
    }
    text.len = fread(bytes_room(&text, 65536), 1, 65536, file);
    (void)fclose(file);
    struct bytes out = {0};
    bytes_put(&out, "*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n", 26);
    put_arg(&out, text.ptr, text.len);
    bytes_flush(&out, server->redis);
    while (reply.len < SHA_LEN + 7) {
        if (!bytes_read(&reply, server->redis)) {
            die("SCRIPT LOAD");
        }
    }
    memcpy(server->sha, reply.ptr + 5, SHA_LEN);
}

static int listen_anywhere(int *ret_port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 512) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        die("listen");
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int main(int argc, char **argv)
{
    static struct server server;
    int port;
    bool is_run = argc > 3 && strcmp(argv[1], works[0].name) == 0;
    if (!is_run && (argc != 3 || strcmp(argv[1], works[1].name) != 0)) {
        (void)fprintf(stderr, "usage: reference run REDIS-SOCKET SCRIPT-FILE ARGUMENT...\n"
                              "       reference status REDIS-SOCKET\n");
        return 2;
    }
    server.work = &works[is_run ? 0 : 1];
    server.epoll = epoll_create1(0);
    server.reader = redisReaderCreate();
    server.redis = connect_redis(argv[2]);
    if (is_run) {
        load_script(&server, argv[3]);
        server.rest = argv + 4;
        server.rest_count = argc - 4;
    }
    server.listener = listen_anywhere(&port);
    watch(server.epoll, server.redis, &server.redis);
    watch(server.epoll, server.listener, &server.listener);
    (void)printf("%d\n", port);
    (void)fflush(stdout);
    run(&server);
    return 0;
}
