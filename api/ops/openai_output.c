/* Workers yield raw event text, or objects when they were told so; strings go out byte for byte. */
#include "ops/openai_output.h"

#include "base/json.h"

struct pieces {
    struct buf *out;
    bool *is_wrapped;
};

static void put_one(struct slice value, void *arg)
{
    struct pieces *pieces = arg;
    if (value.len > 0 && value.ptr[0] == '"' && json_unquote(value, pieces->out) == ERR_OK) {
        return;
    }
    *pieces->is_wrapped = true;
    (void)buf_put_str(pieces->out, "data: ");
    for (size_t i = 0; i < value.len; i++) { /* a newline would end the event's line */
        if (value.ptr[i] != '\n' && value.ptr[i] != '\r') {
            (void)buf_put_char(pieces->out, value.ptr[i]);
        }
    }
    (void)buf_put_str(pieces->out, "\n\n");
}

void openai_put_piece(struct buf *out, struct slice value, bool *is_wrapped)
{
    struct pieces pieces = {out, is_wrapped};
    if (value.len > 0 && value.ptr[0] == '[') {
        json_each(value, put_one, &pieces);
    } else if (value.len > 0) {
        put_one(value, &pieces);
    }
}

struct slice openai_output(struct slice object)
{
    struct json_member output = {.name = "output"};
    return json_scan(object, &output, 1, NULL) == ERR_OK ? output.value : SLICE_NONE;
}

struct only {
    struct slice element;
    size_t count;
};

static void count_element(struct slice element, void *arg)
{
    struct only *only = arg;
    only->element = element;
    only->count++;
}

void openai_put_whole(struct buf *out, struct slice output)
{
    struct only only = {.element = output};
    if (output.len > 0 && output.ptr[0] == '[') {
        json_each(output, count_element, &only);
    }
    struct slice value = only.count == 1 ? only.element : output;
    AUTO(buf_done) struct buf text = BUF_INIT;
    enum json_type type;
    bool is_object = value.len > 0 && value.ptr[0] == '"' && json_unquote(value, &text) == ERR_OK &&
                     json_check(buf_slice(&text), &type, NULL) == ERR_OK && type == JSON_OBJECT;
    (void)buf_put_slice(out, is_object ? buf_slice(&text) : value.len > 0 ? value : SLICE("null"));
}
