/* From a document to a Deployment: names, what makes a release, what a site adds. */
#include "test.h"

#include "drivers/kube_manifest.h"

static const struct kube_manifest_config config = {.space = "ns",
                                                   .agent_image = "millrace:1",
                                                   .agent_config = "millrace",
                                                   .gpu_label = "nvidia.com/gpu.product"};

static struct endpoint *parse(const char *text)
{
    AUTO(buf_done) struct buf problem = BUF_INIT;
    struct endpoint *endpoint = NULL;
    assert_int_equal(endpoint_parse(slice_of(text), &endpoint, &problem), ERR_OK);
    return endpoint;
}

static void release_of(const char *document, char release[KUBE_RELEASE_SIZE], char *ret_name)
{
    AUTO(endpoint_free) struct endpoint *endpoint = parse(document);
    AUTO(kube_manifest_done) struct kube_manifest manifest = {0};
    kube_manifest_make(&manifest, &config, endpoint, 2);
    memcpy(release, manifest.release, KUBE_RELEASE_SIZE);
    if (ret_name != NULL) {
        memcpy(ret_name, manifest.name, KUBE_NAME_SIZE);
    }
}

static void only_the_template_makes_a_release(void **state)
{
    char first[KUBE_RELEASE_SIZE], other[KUBE_RELEASE_SIZE];
    (void)state;
    release_of("{\"id\":\"a\",\"name\":\"a\",\"handler\":{\"image\":\"i:1\"}}", first, NULL);
    release_of("{\"id\":\"a\",\"name\":\"b\",\"workersMax\":9,\"handler\":{\"image\":\"i:1\"}}",
               other, NULL);
    assert_string_equal(first, other);
    release_of("{\"id\":\"a\",\"name\":\"a\",\"handler\":{\"image\":\"i:2\"}}", other, NULL);
    assert_string_not_equal(first, other);
    release_of("{\"id\":\"b\",\"name\":\"a\",\"handler\":{\"image\":\"i:1\"}}", other, NULL);
    assert_string_not_equal(first, other);
}

static void names_leave_room_for_those_of_pods(void **state)
{
    char release[KUBE_RELEASE_SIZE], name[KUBE_NAME_SIZE];
    (void)state;
    release_of("{\"id\":\"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc\","
               "\"name\":\"a\",\"handler\":{\"image\":\"i:1\"}}",
               release, name);
    assert_true(strlen(name) + strlen("-0123456789-01234") <= 60);
    assert_string_equal(name + strlen(name) - strlen(release), release);
}

static void labels_hold_what_kubernetes_allows(void **state)
{
    char value[64];
    (void)state;
    kube_label_value("NVIDIA GeForce RTX 4090", value);
    assert_string_equal(value, "NVIDIA-GeForce-RTX-4090");
    kube_label_value(" -a(b)-", value);
    assert_string_equal(value, "a-b");
    kube_label_value("--", value);
    assert_string_equal(value, "");
}

static void check_merge(const char *into, const char *more, const char *expected)
{
    cJSON *a = cJSON_Parse(into), *b = cJSON_Parse(more);
    assert_true(cJSON_IsObject(a) && cJSON_IsObject(b));
    kube_merge(a, b);
    char *text = cJSON_PrintUnformatted(a);
    assert_string_equal(text, expected);
    cJSON_free(text);
    cJSON_Delete(a);
    cJSON_Delete(b);
}

static void a_site_adds_to_the_template(void **state)
{
    (void)state;
    check_merge("{\"a\":1,\"b\":{\"c\":2}}", "{\"b\":{\"d\":3},\"e\":4}",
                "{\"a\":1,\"b\":{\"c\":2,\"d\":3},\"e\":4}");
    check_merge("{\"a\":1,\"b\":2}", "{\"a\":null,\"b\":\"x\"}", "{\"b\":\"x\"}");
    check_merge("{\"l\":[{\"name\":\"x\",\"v\":1}]}",
                "{\"l\":[{\"name\":\"y\"},{\"name\":\"x\",\"w\":2}]}",
                "{\"l\":[{\"v\":1,\"name\":\"x\",\"w\":2},{\"name\":\"y\"}]}");
    check_merge("{\"l\":[1]}", "{\"l\":[2]}", "{\"l\":[1,2]}");
    check_merge("{\"l\":[1]}", "{\"l\":{}}", "{\"l\":{}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_template_makes_a_release),
        cmocka_unit_test(names_leave_room_for_those_of_pods),
        cmocka_unit_test(labels_hold_what_kubernetes_allows),
        cmocka_unit_test(a_site_adds_to_the_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
