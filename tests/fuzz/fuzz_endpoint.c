/* Fuzzes endpoint documents. What is accepted obeys every range of endpoint.h, has its text kept
 * and is accepted again; what is refused is refused in one line of valid text, and nothing leaks.
 */
#include "base/json.h"
#include "queue/endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_within(int64_t value, int64_t min, int64_t max)
{
    return value >= min && value <= max;
}

static void check_numbers(const struct endpoint *endpoint)
{
    ensure(is_within(endpoint->workers_min, 0, endpoint->workers_max));
    ensure(is_within(endpoint->workers_max, 0, 1000));
    ensure(is_within(endpoint->idle_timeout_s, 0, 3600));
    ensure(is_within(endpoint->execution_timeout_ms, 5000, 604800000));
    ensure(endpoint->scaler_value >= (endpoint->scaler == SCALER_REQUEST_COUNT ? 1 : 0.5));
    ensure(is_within(endpoint->gpu_count, 0, 16));
    ensure(is_within(endpoint->retries, 0, 10));
    ensure(is_within(endpoint->queue_ttl_s, 10, 604800));
    ensure(is_within(endpoint->retention_async_s, 1, 604800));
    ensure(is_within(endpoint->retention_sync_s, 1, 604800));
    ensure(is_within(endpoint->run_bytes, 1024, 104857600));
    ensure(is_within(endpoint->runsync_bytes, 1024, 104857600));
    ensure(endpoint_waiting_max(endpoint) >= 50);
    ensure(is_within(endpoint->image.shm_bytes, endpoint->handler == HANDLER_IMAGE ? 65536 : 0,
                     endpoint->handler == HANDLER_IMAGE ? INT64_C(1) << 40 : 0));
    for (unsigned i = 0; i < LIMIT_GROUP_COUNT; i++) {
        ensure(endpoint->limits[i].per_10s >= 0 && endpoint->limits[i].concurrent >= 0);
    }
}

static void check_texts(const struct endpoint *endpoint, struct slice text)
{
    ensure(endpoint_id_is_valid(slice_of(endpoint->id)));
    ensure(is_within((int64_t)strlen(endpoint->name), 1, 191));
    ensure(slice_is(text, endpoint->document));
    ensure(endpoint->command == NULL || endpoint->command[0] != NULL);
    ensure((endpoint->handler == HANDLER_IMAGE) == (endpoint->image.name != NULL));
    ensure(endpoint_is_server(endpoint) == (endpoint->server.health_path != NULL));
    for (size_t i = 0; i < endpoint->env_count; i++) {
        ensure(endpoint->env[i].name != NULL && endpoint->env[i].name[0] != '\0');
        ensure(strchr(endpoint->env[i].name, '=') == NULL && endpoint->env[i].value != NULL);
    }
}

static void check_problem(const struct buf *problem)
{
    AUTO(buf_done) struct buf quoted = BUF_INIT;
    ensure(problem->len > 0 && memchr(problem->ptr, '\n', problem->len) == NULL);
    (void)buf_put_json_str(&quoted, buf_slice(problem));
    ensure(json_check(buf_slice(&quoted), NULL, NULL) == ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    AUTO(endpoint_free) struct endpoint *endpoint = NULL;
    AUTO(endpoint_free) struct endpoint *again = NULL;
    struct slice text = {(const char *)data, size};
    if (endpoint_parse(text, &endpoint, &problem) != ERR_OK) {
        ensure(endpoint == NULL);
        check_problem(&problem);
        return 0;
    }
    ensure(problem.len == 0 && memchr(text.ptr, '\0', text.len) == NULL);
    check_numbers(endpoint);
    check_texts(endpoint, text);
    ensure(endpoint_parse(slice_of(endpoint->document), &again, &problem) == ERR_OK);
    ensure(strcmp(again->id, endpoint->id) == 0);
    return 0;
}
