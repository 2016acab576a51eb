/* The release of a document: one number for all that a handler process is started with. While two
 * documents have the same one, what runs stays and works by the newer; when it differs, each
 * process is replaced, idle ones at once, busy ones after their job. A handler may have loaded a
 * model for ten minutes, so nothing is in here that takes effect without a new process: time
 * limits, scaling, retention and `concurrency` of a server are read anew for each use.
 *
 * Two keys are looked at where the machine is known instead: `gpuTypeIds` by the agent (a process
 * on a card that still fits stays), `labels` by the scheduler.
 *
 * What counts is what a key means, not how it is written: a default may be written out. Whoever
 * adds a key puts nothing for its default, else an upgrade of Millrace replaces every process there
 * is; test_endpoint_release.c asks for a decision on each key. */
#include <stdlib.h>

#include "base/digest.h"
#include "base/json.h"
#include "queue/endpoint_read.h"

#define RELEASE_DIGITS 12 /* of the digest: fits where numbers are doubles, as in Lua */

static void put_name(struct buf *out, const char *name)
{
    (void)buf_printf(out, "\n%s ", name);
}

static void put_number(struct buf *out, const char *name, int64_t value, int64_t fallback)
{
    if (value != fallback) {
        put_name(out, name);
        (void)buf_printf(out, "%lld", (long long)value);
    }
}

static void put_text(struct buf *out, const char *name, const char *value)
{
    if (value != NULL) {
        put_name(out, name);
        buf_put_json_str(out, slice_of(value));
    }
}

static void put_texts(struct buf *out, const char *name, char *const *values)
{
    if (values == NULL) {
        return;
    }
    put_name(out, name);
    for (; *values != NULL; values++) {
        buf_put_json_str(out, slice_of(*values));
    }
}

static int compare_env(const void *a, const void *b)
{
    const struct endpoint_env *one = a, *other = b;
    int order = strcmp(one->name, other->name);
    return order != 0 ? order : strcmp(one->value, other->value);
}

/* By name: programs that write documents keep no order. */
static void put_env(struct buf *out, const struct endpoint *endpoint)
{
    size_t count = endpoint->env_count;
    struct endpoint_env *env = xcalloc(count + 1, sizeof(*env));
    for (size_t i = 0; i < count; i++) {
        env[i] = endpoint->env[i];
    }
    qsort(env, count, sizeof(*env), compare_env);
    for (size_t i = 0; i < count; i++) {
        put_text(out, "env", env[i].name);
        put_text(out, "=", env[i].value);
    }
    free(env);
}

static void put_program(struct buf *out, const struct endpoint *endpoint)
{
    put_texts(out, "command", endpoint->command);
    put_text(out, "library", endpoint->library);
    put_texts(out, "server.command", endpoint->server.command);
    put_number(out, "server.port", endpoint->server.port, 0);
    put_text(out, "server.healthPath",
             endpoint->server.health_path); /* it is told to the process */
    put_text(out, "cwd", endpoint->cwd);
    put_env(out, endpoint);
}

static void put_image(struct buf *out, const struct endpoint_image *image)
{
    bool has_volumes = image->volumes != NULL && image->volumes[0] != NULL;
    put_text(out, "image", image->name);
    put_texts(out, "image.command", image->command);
    put_texts(out, "volumes", has_volumes ? image->volumes : NULL);
    put_number(out, "shmSize", image->shm_bytes, ENDPOINT_SHM_DEFAULT);
}

int64_t endpoint_release(const struct endpoint *endpoint)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    char digest[DIGEST_HEX_SIZE];
    put_number(&text, "type", endpoint->type, ENDPOINT_QUEUE);
    put_number(&text, "gpuCount", endpoint->gpu_count, 0);
    put_program(&text, endpoint);
    if (endpoint->handler == HANDLER_IMAGE) {
        put_image(&text, &endpoint->image);
    }
    digest_sha256_hex(buf_slice(&text), digest);
    digest[RELEASE_DIGITS] = '\0';
    int64_t release = (int64_t)strtoull(digest, NULL, 16);
    return release != 0 ? release : 1; /* 0 says: none */
}
