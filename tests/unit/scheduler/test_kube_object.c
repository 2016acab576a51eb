/* What a pod's status says about why it does not work. */
#include "test.h"

#include "drivers/kube_object.h"

static struct pods pods;

static int set_up(void **state)
{
    (void)state;
    pods_init(&pods);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pods_done(&pods);
    return 0;
}

static struct pod *read(const char *text)
{
    cJSON *object = cJSON_Parse(text);
    assert_non_null(object);
    struct table_item *item = table_list(&pods.table, SLICE("p"));
    struct pod *pod = container_of(item, struct pod, item);
    kube_object_read_pod(object, pod);
    cJSON_Delete(object);
    return pod;
}

static void garbage_is_a_pod_without_anything(void **state)
{
    (void)state;
    const struct pod *pod = read("{\"metadata\":[1],\"status\":{\"conditions\":\"x\"},\"spec\":7}");
    assert_string_equal(pod->uid, "");
    assert_int_equal(pod->trouble, POD_FINE);
    assert_true(pod->is_pending && !pod->is_leaving);
}

static void a_pod_that_is_deleted_or_over_leaves(void **state)
{
    (void)state;
    assert_true(read("{\"metadata\":{\"deletionTimestamp\":\"x\"}}")->is_leaving);
    assert_true(read("{\"status\":{\"phase\":\"Failed\"}}")->is_leaving);
    assert_false(read("{\"status\":{\"phase\":\"Running\"}}")->is_leaving);
}

#define CONDITION(type, status) "{\"type\":\"" type "\",\"status\":\"" status "\"}"

static void a_pod_is_ready_when_its_condition_says_so(void **state)
{
    (void)state;
    assert_true(read("{\"status\":{\"conditions\":[" CONDITION(
                         "ContainersReady", "False") "," CONDITION("Ready", "True") "]}}")
                    ->is_ready);
    assert_false(read("{\"status\":{\"conditions\":[" CONDITION("Ready", "False") "]}}")->is_ready);
    assert_false(
        read("{\"status\":{\"conditions\":[" CONDITION("Ready", "Unknown") "]}}")->is_ready);
    assert_false(read("{\"status\":{\"phase\":\"Running\"}}")->is_ready);
}

static void a_deployment_says_why_it_has_no_pods(void **state)
{
    (void)state;
    cJSON *object = cJSON_Parse("{\"status\":{\"conditions\":[" CONDITION(
        "Available",
        "True") ","
                "{\"type\":\"ReplicaFailure\",\"status\":\"True\",\"message\":\"quota\"}]}}");
    assert_true(slice_is(kube_object_failure(object), "quota"));
    cJSON_Delete(object);
    object =
        cJSON_Parse("{\"status\":{\"conditions\":[" CONDITION("ReplicaFailure", "False") "]}}");
    assert_int_equal(kube_object_failure(object).len, 0);
    cJSON_Delete(object);
}

#define UNSCHEDULABLE(message)                                                                 \
    "{\"status\":{\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":" \
    "\"Unschedulable\",\"message\":\"" message "\"}]}}"

static void no_room_differs_from_no_such_card(void **state)
{
    (void)state;
    assert_int_equal(read(UNSCHEDULABLE("0/3 nodes: 3 Insufficient nvidia.com/gpu."))->trouble,
                     POD_NO_ROOM);
    assert_int_equal(
        read(UNSCHEDULABLE("0/3 nodes: 3 node(s) didn't match Pod's node affinity/selector."))
            ->trouble,
        POD_NO_GPU);
    assert_int_equal(read(UNSCHEDULABLE("1 node(s) didn't match Pod's node affinity/selector, 2 "
                                        "Insufficient nvidia.com/gpu"))
                         ->trouble,
                     POD_NO_ROOM);
}

#define HANDLER(members)                                                                           \
    "{\"status\":{\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"agent\",\"state\":" \
    "{\"running\":{}}}],\"containerStatuses\":[{\"name\":\"handler\"," members "}]}}"

static void containers_say_why_they_wait(void **state)
{
    (void)state;
    const struct pod *pod = read(HANDLER(
        "\"state\":{\"waiting\":{\"reason\":\"ImagePullBackOff\",\"message\":\"Back-off\"}}"));
    assert_int_equal(pod->trouble, POD_PULLING);
    assert_string_equal(pod->said, "ImagePullBackOff: Back-off");
    assert_int_equal(
        read(HANDLER("\"state\":{\"waiting\":{\"reason\":\"PodInitializing\"}}"))->trouble,
        POD_PULLING);
    pod = read(HANDLER(
        "\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\"}},"
        "\"lastState\":{\"terminated\":{\"exitCode\":1,\"message\":\"Trace\\nKeyError\\n\"}}"));
    assert_int_equal(pod->trouble, POD_CRASHING);
    assert_non_null(strstr(pod->said, "exit code 1: "));
    assert_non_null(strstr(pod->said, "KeyError"));
    assert_int_equal(read(HANDLER("\"state\":{\"running\":{}}"))->trouble, POD_FINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(garbage_is_a_pod_without_anything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pod_that_is_deleted_or_over_leaves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deployment_says_why_it_has_no_pods, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pod_is_ready_when_its_condition_says_so, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_room_differs_from_no_such_card, set_up, tear_down),
        cmocka_unit_test_setup_teardown(containers_say_why_they_wait, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
