/* The body is printed as it came; only a few members are looked at, with the scanner that leaves
 * bytes alone. */
#include "result.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "message.h"

enum member { ID, STATUS, OUTPUT, ERROR, REASON, DETAIL, POSITION, MEMBER_COUNT };

static char *unquoted(const struct json_member *member)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    if (member->value.len > 0 && member->type == JSON_STRING) {
        (void)json_unquote(member->value, &text);
    }
    return slice_dup(buf_slice(&text));
}

void result_read(struct slice body, struct result *ret_result)
{
    struct json_member members[MEMBER_COUNT] = {
        {.name = "id"},     {.name = "status"}, {.name = "output"},  {.name = "error"},
        {.name = "reason"}, {.name = "detail"}, {.name = "position"}};
    struct json_problem where;
    if (json_scan(body, members, MEMBER_COUNT, &where) != ERR_OK) {
        *ret_result = (struct result){.id = xstrdup("")};
        return;
    }
    AUTO_STR state = unquoted(&members[STATUS]);
    *ret_result = (struct result){.id = unquoted(&members[ID]),
                                  .output = members[OUTPUT].value,
                                  .error = members[ERROR].value,
                                  .reason = members[REASON].value,
                                  .detail = members[DETAIL].value,
                                  .position = members[POSITION].value};
    ret_result->has_state = job_state_from_name(slice_of(state), &ret_result->state) == ERR_OK;
}

void result_done(struct result *result)
{
    free(result->id);
    *result = (struct result){0};
}

bool result_is_final(const struct result *result)
{
    return result->has_state && job_state_is_final(result->state);
}

int result_exit_status(const struct result *result)
{
    static const int by_state[JOB_STATE_COUNT] = {
        [JOB_IN_QUEUE] = EXIT_NOT_FINAL,  [JOB_IN_PROGRESS] = EXIT_NOT_FINAL,
        [JOB_COMPLETED] = EXIT_OK,        [JOB_FAILED] = EXIT_FAILED,
        [JOB_CANCELLED] = EXIT_CANCELLED, [JOB_TIMED_OUT] = EXIT_TIMED_OUT,
    };
    return result->has_state ? by_state[result->state] : EXIT_ERROR;
}

int result_print(struct slice body)
{
    message_progress_end();
    if (body.len > 0) {
        (void)fwrite(body.ptr, 1, body.len, stdout);
    }
    (void)fputc('\n', stdout);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        message_error("cannot write the result: %s", strerror(errno));
        return EXIT_ERROR;
    }
    return EXIT_OK;
}

static int to_percent(struct slice number, double scale)
{
    AUTO_STR text = slice_dup(number);
    double value = strtod(text, NULL) * scale;
    return isfinite(value) && value >= 0 && value <= 100 ? (int)value : -1;
}

int result_percent(struct slice output)
{
    enum json_type type;
    struct json_problem where;
    if (output.len == 0 || json_check(output, &type, &where) != ERR_OK) {
        return -1;
    }
    if (type == JSON_NUMBER) {
        return to_percent(output, 1);
    }
    struct json_member members[] = {{.name = "percent"}, {.name = "progress"}};
    if (type != JSON_OBJECT || json_scan(output, members, COUNT_OF(members), &where) != ERR_OK) {
        return -1;
    }
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        struct slice value = members[i].value;
        if (value.len > 0 && members[i].type == JSON_NUMBER) {
            /* 0.5 of the usual fraction and 50 of the usual percentage mean the same */
            bool is_fraction = i == 1 && memchr(value.ptr, '.', value.len) && value.ptr[0] <= '1';
            int percent = to_percent(value, is_fraction ? 100 : 1);
            return percent >= 0 ? percent : to_percent(value, 1);
        }
    }
    return -1;
}
