"""Image endpoints in Kubernetes: the real scheduler against tests/lib/kube_api.py, or against a real
API server (tests/kube/run), with pods that are real agents and real SDK handlers."""

import time

import pytest

import kube_server
import processes
from kube_site import fake_site, kube_servers, millrace_account, real_site, site  # noqa: F401
from millrace_up import wait_for

COST = "controller.kubernetes.io/pod-deletion-cost"


TEMPLATE = {"metadata": {"annotations": {"team": "a"}},
            "spec": {"tolerations": [{"key": "gpu", "operator": "Exists"}],
                     "imagePullSecrets": [{"name": "registry"}],
                     "volumes": [{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}],
                     "containers": [{"name": "handler", "volumeMounts": [
                         {"name": "models", "mountPath": "/models", "readOnly": True}]}]}}


def test_from_nothing_to_many_and_back(site):
    """Scales from 0, runs jobs, has idle pods deleted and never a busy one; the Deployment stays for
    the next job."""
    kube = site()
    endpoint = kube.endpoint()
    assert kube.pods() == [] and kube.api.objects.all("deployments") == []
    first = endpoint.runsync({})
    assert first["status"] == "COMPLETED", first
    where = "kubectl logs %s -c handler" % first["workerId"]
    wait_for(lambda: where in endpoint.get("logs").text, 10, "a line that says where its output is")
    slow = endpoint.run({"sleep": 12})
    quick = [endpoint.run({"sleep": 0.5}) for _ in range(2)]
    wait_for(lambda: len(kube.pods()) == 3, 30, "3 pods")
    assert all(endpoint.wait(job)["status"] == "COMPLETED" for job in quick)
    busy = endpoint.status(slow)["workerId"]
    kube.wait_pods(1)  # the idle ones have gone while it works
    assert kube.pods()[0]["metadata"]["name"] == busy
    assert endpoint.wait(slow)["output"]["pod"] == busy
    kube.wait_pods(0)
    wait_for(lambda: kube.replicas() == 0, 10, "no replicas")
    made = set(kube.cluster.pods)
    marked = {name for name, body in kube.written("patch")
              if body["metadata"].get("annotations", {}).get(COST) == "-1000"}
    assert marked == made  # before Kubernetes was asked to take as many away
    assert len(made) == 3, "pods were made that nobody needed"
    assert kube.api.verbs == {"pods": {"list", "watch", "patch"},
                              "deployments": {"list", "watch", "create", "patch"}}


@pytest.mark.skipif(kube_server.folder() is not None, reason="asks schemas, not a server")
def test_deployments_are_valid(site):
    """Strictly, by the schemas of the oldest Kubernetes with native sidecars and of the newest."""
    validate = pytest.importorskip("kubernetes_validate")
    kube = site(template=TEMPLATE)
    image = "registry.test/missing:1"
    kube.endpoint(workersMin=1, handler={"image": image})
    wait_for(lambda: kube.written("create", "deployments"), 20, "a release")
    kube.endpoint(workersMin=1, gpuCount=2, gpuTypeIds=["NVIDIA L4", "NVIDIA GeForce RTX 4090"],
                  executionTimeoutMs=7000, type="LOAD_BALANCER", handler={
                      "image": image, "server": {"healthPath": "/ping", "port": 9000}, "cwd": "/srv",
                      "command": ["serve", "$(X)"], "env": {"MONEY": "$(HOME)$5"}, "shmSize": 1 << 30,
                      "volumes": ["/data:/data:ro", "/cache:/cache"]})
    wait_for(lambda: len(kube.written("create", "deployments")) == 2, 20, "two releases")
    plain, rich = [body for _, body in kube.written("create", "deployments")]
    for version in ("1.29", validate.latest_version()):
        for body in (plain, rich):
            body.pop("status", None)
            validate.validate(body, version, strict=True)
    spec = rich["spec"]["template"]["spec"]
    (handler,), (agent,) = spec["containers"], spec["initContainers"]
    assert agent["restartPolicy"] == "Always" and spec["terminationGracePeriodSeconds"] == 67
    assert handler["resources"]["limits"] == {"nvidia.com/gpu": "2"}
    assert handler["command"] == ["serve", "$$(X)"]
    assert {"name": "MONEY", "value": "$$(HOME)$$5"} in handler["env"]
    assert [m["mountPath"] for m in handler["volumeMounts"]] == ["/dev/shm", "/data", "/cache", "/models"]
    assert spec["tolerations"] and spec["imagePullSecrets"]
    (term,) = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"]
    assert term["matchExpressions"] == [{"key": "nvidia.com/gpu.product", "operator": "In", "values": [
        "NVIDIA-L4", "NVIDIA-GeForce-RTX-4090"]}]


def test_cancel_ends_the_container_of_a_handler_that_does_not_hear(site):
    kube = site()
    endpoint = kube.endpoint(workersMin=1, workersMax=1)
    pid = endpoint.runsync({})["output"]["pid"]
    job = endpoint.run({"block": 300})
    endpoint.wait(job, "IN_PROGRESS")
    began = time.monotonic()
    endpoint.cancel(job)
    assert not processes.wait_gone([pid], 20), "the handler still holds the card"
    assert time.monotonic() - began < 15
    assert endpoint.runsync({})["output"]["pid"] != pid  # same pod, new container
    assert len(kube.thread().killed) == 1


def test_a_job_of_a_container_that_died_goes_back_and_then_fails(site):
    kube = site()
    endpoint = kube.endpoint(workersMin=1, workersMax=1, retries=1)
    job = endpoint.wait(endpoint.run({"die": 3}))
    assert job["status"] == "FAILED" and "container" in job["error"], job
    assert endpoint.runsync({})["status"] == "COMPLETED"


def test_reasons_of_pods_that_do_not_start(site):
    kube = site()
    endpoint = kube.endpoint(handler={"image": "registry.test/missing:1"})
    job = endpoint.run({})
    wait_for(lambda: endpoint.status(job).get("reason") == "IMAGE_PULLING", 20, "IMAGE_PULLING")
    endpoint = kube.endpoint(gpuCount=1)
    wait_for(lambda: endpoint.status(job).get("reason") == "NO_CAPACITY", 20, "NO_CAPACITY")
    endpoint = kube.endpoint(gpuCount=0, handler={"env": {"FAIL_START": "no model $(HOME) here"}})
    wait_for(lambda: endpoint.status(job).get("reason") == "CRASH_LOOP", 30, "CRASH_LOOP")
    wait_for(lambda: "RuntimeError: no model $(HOME) here" in str(endpoint.status(job)), 10,
             "its last words")
    endpoint = kube.endpoint()
    assert endpoint.wait(job)["status"] == "COMPLETED"


def test_pods_that_kubernetes_does_not_make(site):
    """A quota, an admission rule: the Deployment is there, its pods are not."""
    kube = site()
    kube.refuse_pods(True)
    endpoint = kube.endpoint()
    job = endpoint.run({})
    wait_for(lambda: endpoint.status(job).get("reason") == "NO_CAPACITY", 30, "NO_CAPACITY")
    assert "exceeded quota" in kube.scheduler_log()
    kube.refuse_pods(False)
    assert endpoint.wait(job)["status"] == "COMPLETED"


def test_release_replaces_idle_pods_at_once_and_busy_ones_after_their_job(site):
    """That a busy pod stays does not hang on the marks alone: it is ready, the others are not."""
    kube = site(knows_cost=False)
    endpoint = kube.endpoint(workersMin=2, workersMax=2, handler={"env": {"RELEASE": "old"}})
    wait_for(lambda: endpoint.health()["workers"]["idle"] == 2, 30, "two idle")
    slow = endpoint.run({"sleep": 8})
    endpoint.wait(slow, "IN_PROGRESS")
    busy = endpoint.status(slow)["workerId"]
    old = {pod["metadata"]["name"] for pod in kube.pods()}
    endpoint = kube.endpoint(workersMin=2, workersMax=2, handler={"env": {"RELEASE": "new"}})
    wait_for(lambda: {p["metadata"]["name"] for p in kube.pods()} & old == {busy}, 20, "one replaced")
    assert endpoint.runsync({})["output"]["release"] == "new"
    assert endpoint.wait(slow)["output"]["release"] == "old"
    wait_for(lambda: {p["metadata"]["name"] for p in kube.pods()} & old == set(), 20, "all replaced")
    kube.wait_pods(2)
    wait_for(lambda: len(kube.api.objects.all("deployments")) == 1, 20, "the old one removed")
    # what changes no pod template replaces nothing
    now = {pod["metadata"]["name"] for pod in kube.pods()}
    kube.endpoint(workersMin=2, workersMax=3, handler={"env": {"RELEASE": "new"}})
    assert endpoint.runsync({})["status"] == "COMPLETED"
    assert {pod["metadata"]["name"] for pod in kube.pods()} == now
    endpoint.delete()
    kube.wait_pods(0)
    wait_for(lambda: kube.api.objects.all("deployments") == [], 20, "nothing left")


@pytest.mark.skipif(kube_server.folder() is not None, reason="a real server has no faults on demand")
def test_an_api_server_that_fails_in_every_way(site):
    """Restarts, 410, conflicts, 429, 5xx, dropped watches, a rotated token: jobs end all the same."""
    kube = site()
    endpoint = kube.endpoint()
    kube.api.fail(500, 429)
    assert endpoint.runsync({})["status"] == "COMPLETED"
    kube.api.stop()
    kube.api.rotate_token()
    job = endpoint.run({"sleep": 0.2})
    kube.api.objects.forget()
    kube.api.start()
    assert endpoint.wait(job)["status"] == "COMPLETED"
    wait_for(lambda: "kubernetes.relist" in kube.scheduler_log(), 20, "a new list after 410")
    assert kube.api.unauthorized > 0
    kube.api.delay = 0.3
    kube.api.drop_watches()
    kube.api.fail(409, 409, 503)
    jobs = [endpoint.run({"sleep": 0.5}) for _ in range(6)]
    assert all(endpoint.wait(job)["status"] == "COMPLETED" for job in jobs)
    kube.api.delay = 0
    kube.wait_pods(0)


@pytest.mark.skipif(kube_server.folder() is not None, reason="a real server has no such objects")
def test_an_event_that_is_too_long_ends_its_watch(site):
    """The copy is made anew at once, not when the server ends the watch; it is said once."""
    kube = site()
    endpoint = kube.endpoint(workersMin=1)
    wait_for(lambda: endpoint.health()["workers"]["idle"] == 1, 30, "one idle")
    for _ in range(2):
        begun = kube.api.watches["pods"]
        kube.swell(5 << 20)
        wait_for(lambda seen=begun: kube.api.watches["pods"] > seen, 20, "a new watch")
    endpoint = kube.endpoint(workersMin=3)
    wait_for(lambda: endpoint.health()["workers"]["idle"] == 3, 30, "three idle")
    endpoint = kube.endpoint(workersMin=0)
    kube.wait_pods(0)  # who does not see the new ones lets none go
    assert kube.scheduler_log().count("kubernetes.too_long") == 1


def test_a_scheduler_that_dies_between_two_calls(site):
    """Killed again and again while pods come and go: no busy pod is lost, and nothing is left."""
    kube = site()
    endpoint = kube.endpoint()
    slow = endpoint.run({"sleep": 10})
    endpoint.wait(slow, "IN_PROGRESS")
    jobs = [endpoint.run({"sleep": 0.3}) for _ in range(4)]
    for _ in range(3):
        marked = len(kube.api.writes())
        wait_for(lambda seen=marked: len(kube.api.writes()) > seen, 20, "a write")
        old = kube.up.pid("scheduler-0")
        processes.kill(old)
        kube.up.wait_restarted("scheduler-0", old)
    assert all(endpoint.wait(job)["status"] == "COMPLETED" for job in [*jobs, slow])
    assert endpoint.status(slow).get("retries", 0) == 0
    kube.wait_pods(0)
