/* A handler that needs nothing of its image: the worker protocol over plain sockets, linked
 * statically by the test that puts it into an image.
 *
 *   {"do":"echo"}   output: pid, command line, GREETING, current folder, the file /data/hello
 *   {"do":"block"}  prints "blocking" and never ends */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEXT_MAX 65536

/* "http://127.0.0.1:PORT/PATH" with $ID replaced by id. */
struct target {
    int port;
    char path[4096];
};

static int target_read(struct target *target, const char *variable, const char *id)
{
    const char *url = getenv(variable);
    char text[4096];
    if (url == NULL || sscanf(url, "http://127.0.0.1:%d%4095s", &target->port, text) != 2) {
        fprintf(stderr, "no %s\n", variable);
        return -1;
    }
    char *mark = strstr(text, "$ID");
    if (mark == NULL) {
        (void)snprintf(target->path, sizeof(target->path), "%s", text);
    } else {
        *mark = '\0';
        (void)snprintf(target->path, sizeof(target->path), "%s%s%s", text, id, mark + 3);
    }
    return 0;
}

/* The whole answer with its head; its length, -1 without one. */
static ssize_t ask(const struct target *target, const char *method, const char *body, char *answer)
{
    static char request[2 * TEXT_MAX];
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((unsigned short)target->port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int len = snprintf(request, sizeof(request),
                       "%s %s HTTP/1.1\r\nHost: agent\r\nAuthorization: %s\r\n"
                       "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
                       method, target->path, getenv("RUNPOD_AI_API_KEY"), strlen(body), body);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        write(fd, request, (size_t)len) != len) {
        (void)close(fd);
        return -1;
    }
    ssize_t total = 0;
    for (ssize_t got = 1; got > 0 && total<TEXT_MAX - 1; total += got> 0 ? got : 0) {
        got = read(fd, answer + total, (size_t)(TEXT_MAX - 1 - total));
    }
    answer[total] = '\0';
    (void)close(fd);
    return total;
}

static void echo(char **argv, char *out, size_t size)
{
    char folder[1024] = "", file[256] = "";
    const char *greeting = getenv("GREETING");
    FILE *data = fopen("/data/hello", "r");
    if (data != NULL) {
        (void)!fscanf(data, "%255[a-z ]", file);
        (void)fclose(data);
    }
    (void)snprintf(out, size,
                   "{\"output\":{\"pid\":%d,\"argument\":\"%s\",\"greeting\":\"%s\",\"cwd\":\"%s\","
                   "\"file\":\"%s\"}}",
                   (int)getpid(), argv[1] != NULL ? argv[1] : "", greeting != NULL ? greeting : "",
                   getcwd(folder, sizeof(folder)), file);
}

static int work(char **argv, const char *job)
{
    static char body[TEXT_MAX], answer[TEXT_MAX];
    struct target target;
    char id[256];
    const char *mark = strstr(job, "\"id\":\"");
    if (mark == NULL || sscanf(mark + 6, "%255[^\"]", id) != 1 ||
        target_read(&target, "RUNPOD_WEBHOOK_POST_OUTPUT", id) != 0) {
        return -1;
    }
    if (strstr(job, "\"block\"") != NULL) {
        printf("blocking\n");
        (void)fflush(stdout);
        for (;;) {
            (void)pause();
        }
    }
    echo(argv, body, sizeof(body));
    return ask(&target, "POST", body, answer) > 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    static char answer[TEXT_MAX];
    struct target target;
    (void)argc;
    if (target_read(&target, "RUNPOD_WEBHOOK_GET_JOB", "") != 0) {
        return 2;
    }
    while (ask(&target, "GET", "", answer) > 0) {
        if (strncmp(answer, "HTTP/1.1 200", 12) == 0 && work(argv, answer) != 0) {
            return 3;
        }
    }
    return 4;
}
