/* Fuzzes what becomes of a worker's posts. Whatever the bytes are:
 *   - the members kept of a result make a JSON object: `output` and `error`, nothing else, and
 *     `error` (always text) exactly when the job failed;
 *   - a body that is JSON keeps its output byte for byte;
 *   - each stream element is a JSON object, the lengths add up, and a text that was cut has pieces
 *     of at most ELEMENT_MAX bytes that join to the same text.
 * Of inputs that begin with a byte above 0xf0 one in 256 (others would be too slow) becomes a text
 * of more than a megabyte, so that cutting is met. */
#include "base/json.h"
#include "verdict.h"

#define LONG_MIN (ELEMENT_MAX + ELEMENT_MAX / 4)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice element_at(const struct buf *out, const struct buf *lens, size_t i,
                               size_t *offset)
{
    size_t len;
    memcpy(&len, lens->ptr + i * sizeof(len), sizeof(len));
    ensure(len <= out->len - *offset);
    struct slice element = {out->ptr + *offset, len};
    *offset += len;
    return element;
}

static bool output_of(struct slice object, struct json_member *ret_output)
{
    *ret_output = (struct json_member){.name = "output"};
    return json_scan(object, ret_output, 1, &(struct json_problem){0}) == ERR_OK;
}

static void check_members(struct slice body, const struct verdict *verdict)
{
    AUTO(buf_done) struct buf object = BUF_INIT;
    (void)buf_put_char(&object, '{');
    (void)buf_put_slice(&object, buf_slice(&verdict->members));
    (void)buf_put_char(&object, '}');
    struct json_member kept[] = {{.name = "output"}, {.name = "error"}};
    ensure(json_scan(buf_slice(&object), kept, 2, &(struct json_problem){0}) == ERR_OK);
    ensure((verdict->kind == VERDICT_FAILED) == (kept[1].value.len > 0));
    ensure(kept[1].value.len == 0 || kept[1].type == JSON_STRING);
    struct json_member given;
    if (output_of(body, &given)) {
        ensure(slice_eq(kept[0].value, given.value));
    }
}

static void fuzz_result(struct slice body)
{
    struct verdict verdict;
    verdict_read(body, &verdict);
    check_members(body, &verdict);
    verdict_done(&verdict);
}

/* The inside of the texts of all elements, joined. */
static void join(const struct buf *out, const struct buf *lens, struct buf *text)
{
    size_t offset = 0;
    size_t count = lens->len / sizeof(size_t);
    for (size_t i = 0; i < count; i++) {
        struct json_member output;
        struct slice element = element_at(out, lens, i, &offset);
        ensure(output_of(element, &output));
        if (count > 1) {
            ensure(element.len <= ELEMENT_MAX && output.type == JSON_STRING);
            (void)buf_put(text, output.value.ptr + 1, output.value.len - 2);
        }
    }
    ensure(offset == out->len);
}

static void fuzz_chunks(struct slice body)
{
    AUTO(buf_done) struct buf out = BUF_INIT;
    AUTO(buf_done) struct buf lens = BUF_INIT;
    AUTO(buf_done) struct buf text = BUF_INIT;
    struct json_member given;
    if (verdict_chunks(body, &out, &lens) != ERR_OK) {
        ensure(out.len == 0 && lens.len == 0 && !output_of(body, &given));
        return;
    }
    ensure(lens.len >= sizeof(size_t) && lens.len % sizeof(size_t) == 0);
    join(&out, &lens, &text);
    if (!output_of(body, &given)) {
        return; /* it was mended */
    }
    if (lens.len == sizeof(size_t)) {
        ensure(slice_eq(buf_slice(&out), slice_trim(body)));
    } else {
        ensure(
            slice_eq(buf_slice(&text), (struct slice){given.value.ptr + 1, given.value.len - 2}));
    }
}

static void fuzz_long(struct slice part)
{
    AUTO(buf_done) struct buf body = BUF_INIT;
    (void)buf_put_str(&body, "{\"output\":\"");
    while (body.len < LONG_MIN) {
        (void)buf_put_slice(&body, part);
    }
    (void)buf_put_str(&body, "\"}");
    fuzz_chunks(buf_slice(&body));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = {(const char *)data, size};
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + data[i]);
    }
    if (size > 1 && data[0] > 0xf0 && sum == 0) {
        fuzz_long(slice_from(body, 1));
    } else {
        fuzz_result(body);
        fuzz_chunks(body);
    }
    return 0;
}
