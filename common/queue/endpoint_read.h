/* Inside the reading of an endpoint document, see endpoint.c. */
#ifndef QUEUE_ENDPOINT_READ_H
#define QUEUE_ENDPOINT_READ_H

#include <cjson/cJSON.h>

#include "queue/endpoint.h"

struct reader {
    struct endpoint *endpoint;
    struct buf *problem;
};

typedef enum err (*reader_field_fn)(struct reader *reader, const cJSON *value);

struct reader_field {
    const char *name;
    size_t offset; /* of an int64_t in struct endpoint, when there is no function */
    int64_t min, max;
    reader_field_fn read;
};

#define OFFSET(member) offsetof(struct endpoint, member)

/* The members of an object; `group` is "" for the document. known ends with an empty row. */
enum err reader_fields(struct reader *reader, const char *group, const cJSON *object,
                       const struct reader_field *known);
/* ERR_BAD_REQUEST with "KEY is VALUE: ALLOWED"; value may be NULL. */
enum err reader_refuse(struct reader *reader, const char *key, const cJSON *value,
                       const char *allowed);
/* An array of texts; `key` is for the refusal. NULL-terminated, replaces what was there. */
enum err reader_strings(struct reader *reader, const char *key, const cJSON *value,
                        char ***ret_items);
void reader_strings_free(char **items); /* accepts NULL */
bool reader_is_text(const cJSON *value, size_t max);

enum err endpoint_read_handler(struct reader *reader, const cJSON *value);
enum err endpoint_read_labels(struct reader *reader, const cJSON *value);
/* Of a document that was read: what endpoint.release shall be. */
int64_t endpoint_release(const struct endpoint *endpoint);
enum err endpoint_read_webhook_secret(struct reader *reader, const cJSON *value);

#endif
