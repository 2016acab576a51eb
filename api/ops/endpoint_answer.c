/* The document is carried as it was stored; further members are put before its last brace. */
#include "ops/endpoint_answer.h"

#include "base/json.h"

enum describe_what endpoint_answer_what(const struct op *op)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    bool is_wanted = http_query(op->request->query, "includeWorkers", &text) &&
                     (slice_is(buf_slice(&text), "true") || slice_is(buf_slice(&text), "1"));
    return is_wanted ? DESCRIBE_WORKERS : DESCRIBE_DOCUMENT;
}

static void put_worker(struct buf *out, const struct worker_view *worker)
{
    (void)buf_put_str(out, "{\"id\":");
    (void)buf_put_json_str(out, worker->id);
    (void)buf_put_str(out, ",\"state\":");
    (void)buf_put_json_str(out, worker->state);
    (void)buf_printf(
        out, ",\"held\":%lld,\"since\":%lld,\"version\":%lld,\"agent\":", (long long)worker->held,
        (long long)worker->since_ms, (long long)worker->version);
    (void)buf_put_json_str(out, worker->agent);
    (void)buf_put_char(out, '}');
}

/* `part` is the beginning of the document; a secret in it is not shown. */
static void put_masked(struct buf *out, struct slice document, struct slice part)
{
    struct json_member secret = {.name = "webhookSecret"};
    if (json_scan(document, &secret, 1, NULL) == ERR_OK && secret.value.len > 0) {
        size_t before = (size_t)(secret.value.ptr - document.ptr);
        (void)buf_put(out, document.ptr, before);
        (void)buf_put_str(out, "\"" ENDPOINT_SECRET_MASK "\"");
        part = slice_from(part, before + secret.value.len);
    }
    (void)buf_put_slice(out, part);
}

void endpoint_answer_put(struct buf *out, const struct endpoint_view *view, enum describe_what what)
{
    struct slice document = view->document;
    while (document.len > 0 && document.ptr[document.len - 1] != '}') {
        document.len--;
    }
    document.len -= document.len > 0 ? 1 : 0;
    put_masked(out, view->document, document);
    (void)buf_printf(out, ",\"version\":%lld", (long long)view->version);
    if (what == DESCRIBE_WORKERS) {
        (void)buf_put_str(out, ",\"workers\":[");
        for (size_t i = 0; i < view->worker_count; i++) {
            struct worker_view worker;
            endpoint_view_worker(view, i, &worker);
            (void)buf_put_str(out, i > 0 ? "," : "");
            put_worker(out, &worker);
        }
        (void)buf_put_char(out, ']');
    }
    (void)buf_put_char(out, '}');
}
