/* The table of transitions: lua/NAME.lua is SCRIPT_NAME. Its array is generated at build time. */
#ifndef QUEUE_SCRIPTS_H
#define QUEUE_SCRIPTS_H

#include <stddef.h>

enum script_id {
    SCRIPT_ADOPT,
    SCRIPT_AGENTS,
    SCRIPT_APPEND,
    SCRIPT_ASSIGN,
    SCRIPT_ATTEND,
    SCRIPT_BALANCE,
    SCRIPT_BEAT,
    SCRIPT_CANCEL,
    SCRIPT_CHUNKS,
    SCRIPT_CONFIGURE,
    SCRIPT_CRASHED,
    SCRIPT_DESCRIBE,
    SCRIPT_DISSOLVE,
    SCRIPT_EXPIRE,
    SCRIPT_EXPLAIN,
    SCRIPT_FINISH,
    SCRIPT_FREED,
    SCRIPT_GRANT,
    SCRIPT_HEALTH,
    SCRIPT_HOOK_AGAIN,
    SCRIPT_HOOK_DEFER,
    SCRIPT_HOOK_DONE,
    SCRIPT_HOOK_READ,
    SCRIPT_HOOK_TAKE,
    SCRIPT_LEAD,
    SCRIPT_LOG,
    SCRIPT_LOST,
    SCRIPT_PIN,
    SCRIPT_PROGRESS,
    SCRIPT_PROVEN,
    SCRIPT_PURGE,
    SCRIPT_READ,
    SCRIPT_RECENT,
    SCRIPT_RECLAIM,
    SCRIPT_RENEW,
    SCRIPT_REPORT,
    SCRIPT_RETRY,
    SCRIPT_REVOKE,
    SCRIPT_STREAM,
    SCRIPT_SUBMIT,
    SCRIPT_SWEEP,
    SCRIPT_TAKE,
    SCRIPT_COUNT
};

struct script {
    const char *name;
    const char *text;
    size_t len;
};

extern const struct script scripts[SCRIPT_COUNT];

#endif
