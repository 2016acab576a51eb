/* "labels": {"zone": "a"}: workers run only on machines that carry all of them. */
#include "queue/endpoint_read.h"
#include "queue/label.h"

enum err endpoint_read_labels(struct reader *reader, const cJSON *value)
{
    static const char allowed[] = "use an object of texts, " LABEL_ALLOWED;
    struct endpoint *endpoint = reader->endpoint;
    int count = cJSON_IsObject(value) ? cJSON_GetArraySize(value) : -1;
    if (count < 0 || count > LABELS_MAX) {
        return reader_refuse(reader, "labels", value, allowed);
    }
    endpoint->labels = xcalloc((size_t)count + 1, sizeof(*endpoint->labels));
    const cJSON *item;
    cJSON_ArrayForEach(item, value)
    {
        bool is_ok = cJSON_IsString(item) &&
                     label_is_valid(slice_of(item->string), slice_of(item->valuestring));
        if (!is_ok || cJSON_GetObjectItemCaseSensitive(value, item->string) != item) {
            return reader_refuse(reader, "labels", value, allowed);
        }
        endpoint->labels[endpoint->label_count++] =
            (struct endpoint_label){xstrdup(item->string), xstrdup(item->valuestring)};
    }
    return ERR_OK;
}
