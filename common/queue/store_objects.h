/* The objects of one reply in one run of memory, which the next reply uses again: hiredis on its
 * own allocates and frees two for each field. Private to store*.c. */
#ifndef QUEUE_STORE_OBJECTS_H
#define QUEUE_STORE_OBJECTS_H

struct redisReader;
struct store_objects;

/* From now on the reader builds its replies from these objects, one reply at a time: whoever gets
 * one has it until hiredis frees it, copies are made with reply_copy(). */
struct store_objects *store_objects_new(struct redisReader *reader);
void store_objects_free(struct store_objects *objects); /* after the reader; accepts NULL */

#endif
