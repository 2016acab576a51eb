/* Views into a hiredis reply. Whatever Redis holds, reading it gives a value or "absent". */
#include <hiredis/hiredis.h>

#include "queue/store_core.h"

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

redisReply *reply_copy(const redisReply *reply)
{
    redisReply *copy = xcalloc(1, sizeof(*copy));
    copy->type = reply->type;
    copy->integer = reply->integer;
    copy->len = reply->len;
    copy->elements = reply->elements;
    if (reply->str != NULL) {
        copy->str = xstrndup(reply->str, (size_t)reply->len);
    }
    if (reply->elements > 0) {
        copy->element = xcalloc(reply->elements, sizeof(redisReply *));
    }
    for (size_t i = 0; i < reply->elements; i++) {
        copy->element[i] = reply_copy(reply->element[i]);
    }
    return copy;
}

void reply_free(redisReply *reply)
{
    if (reply == NULL) {
        return;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        reply_free(reply->element[i]);
    }
    free(reply->element);
    free(reply->str);
    free(reply);
}
