/* The operands of a command, checked: ENDPOINT and JOB go into a URL as they are. */
#ifndef CLI_OPERANDS_H
#define CLI_OPERANDS_H

#include "base/config.h"

/* names: "ENDPOINT", "JOB" ...; the first `needed` must be there. Ids are checked for all but
 * "INPUT" and "FILE". False: told on stderr, exit with EXIT_USAGE. */
bool operands_check(const struct config_spec *spec, const struct config_strings *operands,
                    const char *const *names, size_t needed);

#endif
