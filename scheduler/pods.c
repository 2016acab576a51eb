/* The table of pods: what is in it is kept by drivers/kubernetes.c. */
#include "pods.h"

static struct table_item *pod_create(void)
{
    struct pod *pod = xcalloc(1, sizeof(*pod));
    return &pod->item;
}

static void pod_destroy(struct table_item *item)
{
    struct pod *pod = container_of(item, struct pod, item);
    free(pod->uid);
    free(pod->release);
    free(pod->said);
    free(pod);
}

void pods_init(struct pods *pods)
{
    *pods = (struct pods){.is_synced = false};
    table_init(&pods->table, pod_create, pod_destroy);
}

void pods_done(struct pods *pods)
{
    table_done(&pods->table);
}

struct pod *pods_at(const struct pods *pods, size_t index)
{
    ensure(index < pods->table.count);
    return container_of(pods->table.items[index], struct pod, item);
}

struct pod *pods_find(const struct pods *pods, struct slice name)
{
    struct table_item *item = table_find(&pods->table, name);
    return item != NULL ? container_of(item, struct pod, item) : NULL;
}
