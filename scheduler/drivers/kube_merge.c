/* Merging of what a site adds to a pod template. */
#include "kube_manifest.h"

static const cJSON *name_of(const cJSON *object)
{
    const cJSON *name = cJSON_IsObject(object) ? cJSON_GetObjectItem(object, "name") : NULL;
    return cJSON_IsString(name) ? name : NULL;
}

static cJSON *find_named(cJSON *array, const char *name)
{
    cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        const cJSON *its = name_of(item);
        if (its != NULL && strcmp(its->valuestring, name) == 0) {
            return item;
        }
    }
    return NULL;
}

static void merge_array(cJSON *into, const cJSON *more)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, more)
    {
        const cJSON *name = name_of(item);
        cJSON *same = name != NULL ? find_named(into, name->valuestring) : NULL;
        if (same != NULL) {
            kube_merge(same, item);
        } else {
            (void)cJSON_AddItemToArray(into, cJSON_Duplicate(item, true));
        }
    }
}

static void merge_member(cJSON *into, const cJSON *member)
{
    cJSON *there = cJSON_GetObjectItemCaseSensitive(into, member->string);
    if (cJSON_IsNull(member)) {
        cJSON_DeleteItemFromObjectCaseSensitive(into, member->string);
    } else if (cJSON_IsObject(there) && cJSON_IsObject(member)) {
        kube_merge(there, member);
    } else if (cJSON_IsArray(there) && cJSON_IsArray(member)) {
        merge_array(there, member);
    } else {
        cJSON_DeleteItemFromObjectCaseSensitive(into, member->string);
        (void)cJSON_AddItemToObject(into, member->string, cJSON_Duplicate(member, true));
    }
}

void kube_merge(cJSON *into, const cJSON *more)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, more)
    {
        merge_member(into, member);
    }
}
