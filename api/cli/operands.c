/* What is missing or too much is named, so that the usage need not be printed. */
#include "operands.h"

#include "base/id.h"
#include "base/log.h"
#include "message.h"

static bool is_id_name(const char *name)
{
    return strcmp(name, "INPUT") != 0 && strcmp(name, "FILE") != 0;
}

bool operands_check(const struct config_spec *spec, const struct config_strings *operands,
                    const char *const *names, size_t needed)
{
    size_t count = 0;
    for (; names[count] != NULL; count++) {
        if (count >= operands->count) {
            continue;
        }
        struct slice operand = slice_of(operands->items[count]);
        if (is_id_name(names[count]) && !id_is_valid(operand)) {
            message_error("%s is %s; allowed: letters, digits, '-' and '_'", names[count],
                          log_quote(operand));
            return false;
        }
    }
    if (operands->count < needed) {
        message_error("%s is missing; usage: %s %s", names[operands->count], spec->program,
                      spec->operands);
        return false;
    }
    if (operands->count > count) {
        message_error("unexpected argument %s; usage: %s %s",
                      log_quote(slice_of(operands->items[count])), spec->program, spec->operands);
        return false;
    }
    return true;
}
