/* hiredis calls create...() while it reads a reply, from the outside in, and freeObject() with the
 * outermost object when the reply is no longer needed, whole or not.
 *
 * `room` serves most replies. What does not fit goes into pieces of its own, freed with the reply;
 * then `room` grows, up to ROOM_MAX, to what that reply would have needed. */
#include "queue/store_objects.h"

#include <hiredis/hiredis.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else /* freed objects are found only where the sanitizer looks */
#define ASAN_POISON_MEMORY_REGION(at, size)
#define ASAN_UNPOISON_MEMORY_REGION(at, size)
#endif

#define ROOM_FIRST ((size_t)4 << 10)
#define ROOM_MAX ((size_t)64 << 10)
#define ALIGNMENT sizeof(void *)

struct piece {
    struct piece *next;
    char bytes[];
};

struct store_objects {
    redisReply root; /* the outermost object: freeObject() finds the rest by it */
    char *room;
    size_t size, used;
    struct piece *pieces;
    size_t in_pieces; /* bytes */
};

static void *take_piece(struct store_objects *objects, size_t size)
{
    struct piece *piece = try_malloc(sizeof(*piece) + size);
    if (piece == NULL) {
        return NULL; /* hiredis makes a broken connection of it */
    }
    piece->next = objects->pieces;
    objects->pieces = piece;
    objects->in_pieces += size;
    return piece->bytes;
}

static void *take(struct store_objects *objects, size_t size)
{
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (size > objects->size - objects->used) {
        return take_piece(objects, size);
    }
    char *at = objects->room + objects->used;
    objects->used += size;
    ASAN_UNPOISON_MEMORY_REGION(at, size);
    return at;
}

static void take_all_back(struct store_objects *objects)
{
    size_t wanted = objects->used + objects->in_pieces;
    while (objects->pieces != NULL) {
        struct piece *next = objects->pieces->next;
        free(objects->pieces);
        objects->pieces = next;
    }
    if (wanted > objects->size && wanted <= ROOM_MAX) {
        ASAN_UNPOISON_MEMORY_REGION(objects->room, objects->size);
        free(objects->room);
        objects->room = xmalloc(wanted);
        objects->size = wanted;
    }
    objects->used = objects->in_pieces = 0;
    ASAN_POISON_MEMORY_REGION(objects->room, objects->size);
}

/* ---- what hiredis calls ---- */

static redisReply *create(const redisReadTask *task)
{
    struct store_objects *objects = task->privdata;
    redisReply *object = task->parent != NULL ? take(objects, sizeof(*object)) : &objects->root;
    if (object == NULL) {
        return NULL;
    }
    memset(object, 0, sizeof(*object));
    object->type = task->type;
    if (task->parent != NULL) {
        ((redisReply *)task->parent->obj)->element[task->idx] = object;
    }
    return object;
}

static void *create_text(const redisReadTask *task, char *text, size_t len)
{
    redisReply *object = create(task);
    char *copy = object != NULL ? take(task->privdata, len + 1) : NULL;
    if (copy == NULL) {
        return NULL;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    object->str = copy;
    object->len = len;
    return object;
}

static void *create_array(const redisReadTask *task, size_t count)
{
    redisReply *object = create(task);
    if (object == NULL || count > SIZE_MAX / 2 / sizeof(*object->element)) {
        return NULL;
    }
    object->element = take(task->privdata, count * sizeof(*object->element));
    if (object->element == NULL) {
        return NULL;
    }
    object->elements = count;
    return object;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    redisReply *object = create(task);
    if (object != NULL) {
        object->integer = value;
    }
    return object;
}

/* The task was of a string or an array until its length told otherwise. */
static void *create_nil(const redisReadTask *task)
{
    redisReply *object = create(task);
    if (object != NULL) {
        object->type = REDIS_REPLY_NIL;
    }
    return object;
}

/* Only of the outermost object: hiredis knows no others. */
static void free_reply(void *root)
{
    if (root != NULL) {
        take_all_back(container_of(root, struct store_objects, root));
    }
}

#if HIREDIS_MAJOR >= 1
/* Types of RESP3, which is not asked for: a peer that sends them all the same is not believed, and
 * need not be crashed by. */
static void *create_double(const redisReadTask *task, double value, char *text, size_t len)
{
    (void)value;
    return create_text(task, text, len);
}

static void *create_bool(const redisReadTask *task, int value)
{
    return create_integer(task, value);
}
#else
static void *create_array_of_int(const redisReadTask *task, int count)
{
    return create_array(task, (size_t)count);
}
#endif

static redisReplyObjectFunctions functions = {
    .createString = create_text,
#if HIREDIS_MAJOR >= 1
    .createArray = create_array,
    .createDouble = create_double,
    .createBool = create_bool,
#else
    .createArray = create_array_of_int,
#endif
    .createInteger = create_integer,
    .createNil = create_nil,
    .freeObject = free_reply,
};

/* ---- life ---- */

struct store_objects *store_objects_new(struct redisReader *reader)
{
    struct store_objects *objects = xcalloc(1, sizeof(*objects));
    ensure(reader->reply == NULL); /* built by other functions */
    objects->room = xmalloc(ROOM_FIRST);
    objects->size = ROOM_FIRST;
    ASAN_POISON_MEMORY_REGION(objects->room, objects->size);
    reader->fn = &functions;
    reader->privdata = objects;
    return objects;
}

void store_objects_free(struct store_objects *objects)
{
    if (objects != NULL) {
        take_all_back(objects);
        ASAN_UNPOISON_MEMORY_REGION(objects->room, objects->size);
        free(objects->room);
        free(objects);
    }
}
