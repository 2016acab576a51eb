/* Views into a hiredis reply. Whatever Redis holds, reading it gives a value or "absent". */
#include <hiredis/hiredis.h>

#include "queue/store.h"

static const redisReply *raw(const struct reply *reply)
{
    return (const redisReply *)(const void *)reply;
}

static bool is_text(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS;
}

size_t reply_count(const struct reply *reply)
{
    return reply != NULL && raw(reply)->type == REDIS_REPLY_ARRAY ? raw(reply)->elements : 0;
}

const struct reply *reply_at(const struct reply *reply, size_t index)
{
    return index < reply_count(reply) ? (const struct reply *)raw(reply)->element[index] : NULL;
}

struct slice reply_slice(const struct reply *reply)
{
    if (reply == NULL || !is_text(raw(reply))) {
        return SLICE_NONE;
    }
    return (struct slice){raw(reply)->str, (size_t)raw(reply)->len};
}

int64_t reply_int(const struct reply *reply, int64_t otherwise)
{
    if (reply != NULL && raw(reply)->type == REDIS_REPLY_INTEGER) {
        return raw(reply)->integer;
    }
    return slice_to_i64_or(reply_slice(reply), otherwise);
}

bool reply_is_nil(const struct reply *reply)
{
    return reply == NULL || raw(reply)->type == REDIS_REPLY_NIL;
}
