/* The text is checked here, so that a mistake is told with its place, and then spliced into the
 * body unchanged: numbers, key order and blanks reach the handler as they were written. */
#include "input.h"

#include "base/json.h"
#include "file.h"

#define INPUT_MAX ((size_t)128 << 20) /* the API knows the real limit of the endpoint */

static enum err read_operand(const char *operand, struct buf *text, struct buf *problem)
{
    if (operand == NULL) {
        return buf_put_str(text, "{}");
    }
    if (strcmp(operand, "-") == 0) {
        return file_read("-", INPUT_MAX, text, problem);
    }
    if (operand[0] == '@') {
        return file_read(operand + 1, INPUT_MAX, text, problem);
    }
    return buf_put_str(text, operand);
}

enum err input_body(const char *operand, struct buf *out, struct buf *problem)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    enum err err = read_operand(operand, &text, problem);
    if (err != ERR_OK) {
        return err;
    }
    enum json_type type;
    struct json_problem where = {0};
    err = json_check(buf_slice(&text), &type, &where);
    if (err != ERR_OK) {
        (void)buf_printf(problem,
                         "the input is not valid JSON (%s at byte %zu); give JSON text, "
                         "@FILE, or - for standard input",
                         where.what, where.offset);
        return err;
    }
    (void)buf_put_str(out, "{\"input\":");
    (void)buf_put_slice(out, buf_slice(&text));
    return buf_put_char(out, '}');
}
