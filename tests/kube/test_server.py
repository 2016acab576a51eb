"""What only a real API server can tell of the driver and of deploy/k8s; skipped without one."""

import json
import re
import signal
import threading
import time

import pytest
import requests

import kube_server
import manifests
from kube_api import Refused
from kube_server import MERGE
from kube_site import BEFORE_SIDECARS, IMAGE
from millrace_up import wait_for

pytestmark = pytest.mark.skipif(kube_server.why_not() != "", reason=kube_server.why_not() or "-")

# Groups as they were called before (1.21 has policy/v1, 1.23 autoscaling/v2).
PREDECESSORS = {"policy/v1": "policy/v1beta1", "autoscaling/v2": "autoscaling/v2beta2"}
# Fields that the manifests use and when they came.
NEW_FIELDS = {"sleep": (1, 29)}


def dropped(sent, kept, path=""):
    """Paths of what was sent and is not in the object that the server has made of it."""
    if isinstance(sent, dict):
        return [lost for key, value in sent.items() for lost in (
            dropped(value, kept[key], path + "/" + key) if isinstance(kept, dict) and key in kept
            else [path + "/" + key])]
    if isinstance(sent, list):
        if len(sent) != len(kept):
            return [path]
        return [lost for index, value in enumerate(sent)
                for lost in dropped(value, kept[index], "%s/%d" % (path, index))]
    return []


def too_new(servers):
    """Names of fields that this server cannot know."""
    return {name for name, since in NEW_FIELDS.items() if since > servers.version()}


def without(value, names):
    """A copy without those members; a handler of a life cycle that is left with nothing goes too."""
    if isinstance(value, list):
        return [without(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: without(item, names) for key, item in value.items() if key not in names}
    return {key: item for key, item in kept.items() if not (key in ("preStop", "lifecycle") and not item)}


def group_of(servers, item):
    try:
        servers.plurals(item["apiVersion"])
        return item["apiVersion"]
    except Refused:
        return PREDECESSORS[item["apiVersion"]]


@pytest.mark.parametrize("what", ["single+gpu-agents", "ha"])
def test_the_manifests_are_accepted(kube_servers, tmp_path, what):
    """Each object, and nothing of it is dropped; the pods of the Deployments pass admission."""
    overlay, *components = what.split("+")
    space, lost = "applied-" + overlay, []
    for item in manifests.render(tmp_path, overlay, components):
        item = json.loads(re.sub(r'"namespace": "[^"]*"', '"namespace": "%s"' % space, json.dumps(item)))
        if item["kind"] == "Namespace":
            item["metadata"]["name"] = space
        item["apiVersion"] = group_of(kube_servers, item)
        item = without(item, too_new(kube_servers))
        kept = kube_servers.create(item)
        item.pop("stringData", None)
        lost += ["%s%s" % (manifests.title(item), path) for path in dropped(item, kept)]
    assert lost == []
    pods = "/api/v1/namespaces/%s/pods" % space
    wait_for(lambda: len(kube_servers.ask("GET", pods)["items"]) == 3, 30, "pods of API and scheduler")


def as_account(kube, method, path, body=None):
    """The status with which the scheduler's service account is answered."""
    servers = kube.api.servers
    return requests.request(method, servers.url + path, json=body, timeout=30,
                            verify=servers.session.verify, headers={
                                "Authorization": "Bearer " + kube.api.token_file.read_text()}).status_code


def test_the_role_is_enough_and_no_more(real_site, millrace_account):
    """A whole life of an endpoint needs each verb of the role, and meets no refusal."""
    kube = real_site()
    endpoint = kube.endpoint()
    assert endpoint.runsync({})["status"] == "COMPLETED"
    endpoint.delete()
    wait_for(lambda: kube.api.objects.all("deployments") == [], 30, "nothing left")
    (role,) = manifests.of_kind(millrace_account, "Role")
    granted = {rule["resources"][0]: set(rule["verbs"]) for rule in role["rules"]}
    assert kube.api.verbs == granted
    assert {code for code, _, _ in kube.api.refusals()} <= {409}
    space = "/api/v1/namespaces/" + kube.api.namespace
    assert as_account(kube, "GET", space + "/pods") == 200
    for path in (space + "/secrets", space + "/configmaps", space + "/serviceaccounts", "/api/v1/nodes",
                 "/api/v1/namespaces/default/pods", "/apis/apps/v1/deployments"):
        assert as_account(kube, "GET", path) == 403, path
    assert as_account(kube, "DELETE", space + "/pods/any") == 403


def test_everything_a_document_can_ask_for_is_accepted(fake_site, kube_servers):
    """What the driver has sent to the fake, field by field; its pods pass admission."""
    agent = [BEFORE_SIDECARS] if kube_servers.version() < (1, 28) else []
    kube = fake_site(template={"spec": {
        "tolerations": [{"key": "gpu", "operator": "Exists"}], "initContainers": agent,
        "imagePullSecrets": [{"name": "registry"}]}})
    kube.endpoint(workersMin=1, gpuCount=2, gpuTypeIds=["NVIDIA L4", "NVIDIA GeForce RTX 4090"],
                  executionTimeoutMs=7000, type="LOAD_BALANCER", handler={
                      "image": "registry.test/missing@sha256:" + "0" * 64, "cwd": "/srv",
                      "server": {"healthPath": "/ping", "port": 9000},
                      "command": ["serve", "$(X)"], "env": {"MONEY": "$(HOME)$5"}, "shmSize": 1 << 30,
                      "volumes": ["/data:/data:ro", "/cache:/cache"]})
    wait_for(lambda: kube.written("create", "deployments"), 20, "a release")
    ((_, sent),) = kube.written("create", "deployments")
    sent["metadata"]["namespace"] = "documents"
    for key in ("status", "metadata/uid", "metadata/creationTimestamp", "metadata/resourceVersion"):
        *path, last = key.split("/")
        (sent[path[0]] if path else sent).pop(last, None)
    kube_servers.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "documents"}})
    lost = dropped(sent, kube_servers.create(sent))
    known = kube_servers.version()
    sidecar = "/spec/template/spec/initContainers/0/restartPolicy"
    grace = "/spec/template/spec/containers/0/livenessProbe/terminationGracePeriodSeconds"
    assert set(lost) == {path for path, since in ((sidecar, (1, 28)), (grace, (1, 21))) if known < since}
    pods = "/api/v1/namespaces/documents/pods"
    (pod,) = wait_for(lambda: kube_servers.ask("GET", pods)["items"], 30, "a pod")
    assert pod["spec"]["serviceAccountName"] == "default"
    assert not any("token" in volume["name"] for volume in pod["spec"]["volumes"])


def pause(kube):
    """The scheduler stands still for the body."""
    class Pause:
        def __enter__(self):
            self.pid = kube.up.pid("scheduler-0")
            kube_server.processes.kill(self.pid, signal.SIGSTOP)

        def __exit__(self, *_):
            kube_server.processes.kill(self.pid, signal.SIGCONT)
    return Pause()


def make_history(kube, count=5):
    for number in range(count):
        name = "history-%d-%d" % (number, time.monotonic_ns())
        kube.api.objects.create("pods", {
            "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "millrace"}},
            "spec": {"containers": [{"name": "c", "image": "none"}], "nodeSelector": {"no": "where"}}})
        kube.api.objects.delete("pods", name, {"gracePeriodSeconds": 0})


@pytest.mark.parametrize("cache", ["true", "false"])
def test_a_server_that_has_forgotten(real_site, cache):
    """410, from the server's cache of changes or from a compacted etcd: list anew, and go on."""
    kube = real_site()
    servers = kube.api.servers
    endpoint = kube.endpoint()
    assert endpoint.runsync({})["status"] == "COMPLETED"
    try:
        with pause(kube):
            servers.flags["watch_cache"] = cache
            kube.api.stop()
            kube.api.start()
            make_history(kube)
            servers.compact()
            kube.api.stop()
            kube.api.start()
        job = endpoint.run({"sleep": 0.2})
        wait_for(lambda: "kubernetes.relist" in kube.scheduler_log(), 60, "a new list after 410")
        assert endpoint.wait(job)["status"] == "COMPLETED"
        kube.wait_pods(0)
    finally:
        if servers.flags.pop("watch_cache", None) == "false":
            kube.api.stop()
            kube.api.start()


def test_a_server_restarted_and_a_token_replaced(real_site):
    """Jobs that run go on, those that come meanwhile wait; no pod is lost."""
    kube = real_site()
    endpoint = kube.endpoint()
    slow = endpoint.run({"sleep": 8})
    endpoint.wait(slow, "IN_PROGRESS")
    kube.api.stop()
    other = endpoint.run({"sleep": 0.2})
    wait_for(lambda: "kubernetes.away" in kube.scheduler_log(), 20, "its absence noticed")
    kube.api.start()
    assert endpoint.wait(other)["status"] == "COMPLETED"
    kube.api.rotate_token()
    wait_for(lambda: as_account(kube, "GET", kube.api.objects.path("pods")) == 200, 20, "a good token")
    kube.wait_pods(0, 60)
    assert endpoint.runsync({})["status"] == "COMPLETED"
    done = endpoint.wait(slow)
    assert done["status"] == "COMPLETED" and done.get("retries", 0) == 0


def test_a_token_that_ends_while_it_is_used(real_site):
    """The server refuses the old one (401); the file has the new one."""
    kube = real_site()
    endpoint = kube.endpoint()
    assert endpoint.runsync({})["status"] == "COMPLETED"
    old = kube.api.token_file.read_text()
    kube.api.rotate_token()
    servers = kube.api.servers

    def is_refused():
        reply = requests.get(servers.url + kube.api.objects.path("pods"), timeout=30,
                             verify=servers.session.verify, headers={"Authorization": "Bearer " + old})
        return reply.status_code == 401
    wait_for(is_refused, 30, "the old token refused")
    kube.api.stop()  # ends the watches, which were allowed when they began
    kube.api.start()
    assert endpoint.runsync({})["status"] == "COMPLETED"
    kube.wait_pods(0)


def test_somebody_else_writes_all_the_time(real_site):
    """Each write carries the version it was decided from; conflicts are tried again."""
    kube = real_site()
    endpoint = kube.endpoint()
    assert endpoint.runsync({})["status"] == "COMPLETED"
    kube.wait_pods(0)
    stop = threading.Event()

    def meddle():
        while not stop.wait(0.03):
            for item in kube.api.objects.all("deployments"):
                kube.api.servers.ask("PATCH", kube.api.objects.path("deployments", item["metadata"]["name"]),
                                     {"metadata": {"annotations": {"note": str(time.monotonic())}}}, MERGE)
    thread = threading.Thread(target=meddle)
    thread.start()
    try:
        jobs = [endpoint.run({"sleep": 0.5}) for _ in range(4)]
        assert all(endpoint.wait(job)["status"] == "COMPLETED" for job in jobs)
        kube.wait_pods(0)
        assert thread.is_alive(), "nobody meddles any more"
    finally:
        stop.set()
        thread.join()
    (item,) = kube.api.objects.all("deployments")
    kube.api.servers.ask("PATCH", kube.api.objects.path("deployments", item["metadata"]["name"]),
                         {"spec": {"replicas": 2}}, MERGE)
    wait_for(lambda: kube.replicas() == 0, 60, "its own number again")


def test_a_busy_pod_that_somebody_deletes_ends_its_job_first(real_site):
    kube = real_site()
    endpoint = kube.endpoint()
    job = endpoint.run({"sleep": 6})
    endpoint.wait(job, "IN_PROGRESS")
    (pod,) = kube.pods()
    name = pod["metadata"]["name"]
    kube.api.objects.delete("pods", name, {})
    assert "deletionTimestamp" in kube.api.objects.get("pods", name)["metadata"]
    done = endpoint.wait(job)
    assert done["status"] == "COMPLETED" and done["output"]["pod"] == name and not done.get("retries")
    kube.wait_pods(0)


def test_how_the_server_refuses_another_uid_or_version(real_site):
    """So the fake does, too."""
    kube = real_site()
    kube.endpoint(workersMin=1)
    kube.wait_pods(1)
    (pod,), (deployment,) = kube.pods(), kube.api.objects.all("deployments")
    other = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(Refused) as marked:
        kube.api.objects.patch("pods", pod["metadata"]["name"], {"metadata": {"uid": other}})
    with pytest.raises(Refused) as deleted:
        kube.api.servers.ask("DELETE", kube.api.objects.path("deployments", deployment["metadata"]["name"]),
                             {"preconditions": {"uid": other}})
    with pytest.raises(Refused) as scaled:
        kube.api.objects.patch("deployments", deployment["metadata"]["name"],
                               {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 0}})
    assert (marked.value.code, deleted.value.code, scaled.value.code) == (422, 409, 409)


def test_what_the_server_refuses_is_said(real_site):
    """A document that makes no valid Deployment: why is in the log, and its jobs do not seem to start;
    the next version of it works."""
    kube = real_site()
    endpoint = kube.endpoint(handler={"volumes": ["/a:/same", "/b:/same"]})
    job = endpoint.run({})
    wait_for(lambda: "kubernetes.refused" in kube.scheduler_log(), 20, "a refusal")
    assert "volumeMounts[2].mountPath" in kube.scheduler_log()
    wait_for(lambda: endpoint.status(job).get("reason") == "NO_CAPACITY", 20, "NO_CAPACITY")
    kube.endpoint(handler={"image": IMAGE})
    assert endpoint.wait(job)["status"] == "COMPLETED"
