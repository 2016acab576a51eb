/* A strict scan first; only a body that is not JSON is mended (NaN, Infinity, broken UTF-8 as
 * Python's json.dumps leaves them) and scanned again. The members keep the bytes that came. */
#include "verdict.h"

#include "base/json.h"
#include "ring.h"

/* Scans body, mended into `mended` when it has to be. */
static enum err scan(struct slice body, struct buf *mended, struct json_member *members,
                     size_t count)
{
    struct json_problem problem = {0};
    enum err err = json_scan(body, members, count, &problem);
    if (err != ERR_OK && problem.key.len == 0 && json_mend(body, mended) == ERR_OK) {
        return json_scan(buf_slice(mended), members, count, &problem);
    }
    return err;
}

void verdict_put_error(struct buf *out, struct slice text)
{
    buf_put_str(out, out->len > 0 ? ",\"error\":" : "\"error\":");
    buf_put_json_str(out, text);
}

static void put_error_member(struct buf *out, const struct json_member *error)
{
    if (error->type == JSON_STRING) {
        buf_put_str(out, out->len > 0 ? ",\"error\":" : "\"error\":");
        buf_put_slice(out, error->value);
    } else {
        verdict_put_error(out, error->value);
    }
}

static void refuse(struct slice body, struct verdict *verdict)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    buf_put_str(&text, "the worker posted a result that is not a JSON object: ");
    text_clean((struct slice){body.ptr, body.len < 200 ? body.len : 200}, &text);
    verdict->kind = VERDICT_FAILED;
    verdict_put_error(&verdict->members, buf_slice(&text));
}

void verdict_read(struct slice body, struct verdict *ret_verdict)
{
    enum { OUTPUT, ERROR, STATUS, STOP };
    struct json_member members[] = {
        {.name = "output"}, {.name = "error"}, {.name = "status"}, {.name = "stopPod"}};
    AUTO(buf_done) struct buf mended = BUF_INIT;
    *ret_verdict = (struct verdict){.kind = VERDICT_COMPLETED};
    if (scan(body, &mended, members, COUNT_OF(members)) != ERR_OK) {
        refuse(body, ret_verdict);
        return;
    }
    ret_verdict->is_last = slice_is(members[STOP].value, "true");
    if (members[OUTPUT].value.len > 0) {
        buf_put_str(&ret_verdict->members, "\"output\":");
        buf_put_slice(&ret_verdict->members, members[OUTPUT].value);
    }
    if (slice_is(members[STATUS].value, "\"IN_PROGRESS\"")) {
        ret_verdict->kind = VERDICT_PROGRESS;
    } else if (members[ERROR].value.len > 0 && members[ERROR].type != JSON_NULL) {
        ret_verdict->kind = VERDICT_FAILED;
        put_error_member(&ret_verdict->members, &members[ERROR]);
    }
}

void verdict_done(struct verdict *verdict)
{
    buf_done(&verdict->members);
}

static void put_element(struct buf *out, struct buf *lens, size_t start)
{
    size_t len = out->len - start;
    buf_put(lens, &len, sizeof(len));
}

/* Where to cut text (the inside of a JSON string) so that neither a UTF-8 sequence nor an escape,
 * surrogate pairs included, is torn apart. */
static size_t cut_at(struct slice text, size_t most)
{
    size_t at = 0;
    while (at < text.len) {
        size_t len = 1;
        if (text.ptr[at] == '\\') {
            len = at + 1 < text.len && text.ptr[at + 1] == 'u' ? 6 : 2;
            bool is_high = len == 6 && at + 4 < text.len && (text.ptr[at + 2] | 0x20) == 'd' &&
                           strchr("89abAB", text.ptr[at + 3]) != NULL;
            bool has_next = at + 7 < text.len && memcmp(text.ptr + at + 6, "\\u", 2) == 0;
            len = is_high && has_next ? 12 : len;
        } else {
            while (at + len < text.len && ((unsigned char)text.ptr[at + len] & 0xC0) == 0x80) {
                len++;
            }
        }
        if (at + len > most) {
            break;
        }
        at += len;
    }
    return at < text.len ? at : text.len;
}

static void put_parts(struct slice string, struct buf *out, struct buf *lens)
{
    static const struct slice head = SLICE("{\"output\":\""), tail = SLICE("\"}");
    struct slice rest = {string.ptr + 1, string.len - 2};
    while (rest.len > 0) {
        size_t start = out->len;
        size_t len = cut_at(rest, ELEMENT_MAX - head.len - tail.len);
        buf_put_slice(out, head);
        buf_put(out, rest.ptr, len);
        buf_put_slice(out, tail);
        put_element(out, lens, start);
        rest = slice_from(rest, len);
    }
}

enum err verdict_chunks(struct slice body, struct buf *out, struct buf *lens)
{
    struct json_member output = {.name = "output"};
    AUTO(buf_done) struct buf mended = BUF_INIT;
    if (scan(body, &mended, &output, 1) != ERR_OK) {
        return ERR_BAD_JSON;
    }
    struct slice element = slice_trim(mended.len > 0 ? buf_slice(&mended) : body);
    if (element.len > ELEMENT_MAX && output.value.len > 0 && output.type == JSON_STRING) {
        put_parts(output.value, out, lens);
        return ERR_OK;
    }
    size_t start = out->len;
    buf_put_slice(out, element);
    put_element(out, lens, start);
    return buf_is_over(out) ? ERR_TOO_LARGE : ERR_OK;
}
