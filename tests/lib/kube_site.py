"""A Kubernetes cluster with Millrace in it, for tests: the server is kube_api.py, or a real one where
MILLRACE_KUBE_SERVERS says so (tests/kube/README.md). Pods are real agents and real SDK handlers."""

import json
import os
import sys

import pytest

import kube_server
import manifests
from documents import HANDLERS
from kube_api import KubeApi
from kube_node import Cluster, Kubelet
from millrace_up import wait_for

IMAGE = "registry.test/pod:1"
# Before 1.29 an init container has no probes; the kubelet of the tests takes it for a sidecar.
BEFORE_SIDECARS = {"name": "agent", "startupProbe": None, "readinessProbe": None, "livenessProbe": None}


class Site:
    """api: KubeApi or RealApi. template: what the site adds to pods."""

    def __init__(self, api, folder, fresh_up, env=(), template=None, **options):
        self.api = api
        settings = {"MILLRACE_DRIVER": "kubernetes", **self.api.settings(),
                    "MILLRACE_KUBERNETES_AGENT_IMAGE": "millrace:test", **dict(env)}
        if template:
            (folder / "template.json").write_text(json.dumps(template))
            settings["MILLRACE_KUBERNETES_POD_TEMPLATE"] = str(folder / "template.json")
        self.up = fresh_up("--agents", "0", env=settings)
        mark, value = self.up.mark.split("=")
        host_env = {mark: value, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        host_env.update({key: text for key, text in self.up.environment().items()
                         if key.endswith("SAN_OPTIONS")})
        command = [sys.executable, str(HANDLERS / "pod.py")]
        config = {"millrace": {"MILLRACE_REDIS": "unix://%s/redis/redis.sock" % self.up.data}}
        self.cluster = self.kubelet(folder, {IMAGE: command}, config, host_env, **options)

    def kubelet(self, folder, images, config, host_env, **options):
        return Cluster(self.api, folder, self.up.build, images, config, host_env, **options)

    def endpoint(self, **settings):
        handler = {"image": IMAGE, **settings.pop("handler", {})}
        return self.up.apply({"id": "kube", "name": "kube", "workersMin": 0, "workersMax": 3,
                              "idleTimeout": 1, "limits": "off", "scalerType": "REQUEST_COUNT",
                              "scalerValue": 1, "handler": handler, **settings})

    def pods(self):
        return [pod for pod in self.api.objects.all("pods")
                if "deletionTimestamp" not in pod["metadata"]]

    def wait_pods(self, count, timeout=40):
        wait_for(lambda: len(self.pods()) == count, timeout, "%d pods" % count)

    def replicas(self):
        return sum(d["spec"]["replicas"] for d in self.api.objects.all("deployments"))

    def written(self, verb, kind="pods"):
        """(name, body) of what the scheduler has written."""
        return [(entry[2], entry[3]) for entry in self.api.writes() if entry[:2] == (verb, kind)]

    def thread(self):
        (pod,) = self.pods()
        return self.cluster.pods[pod["metadata"]["name"]]

    def swell(self, size):
        """A pod with that many bytes in it, for a moment: an event of that length."""
        (pod,) = self.pods()
        for text in ("x" * size, None):
            self.api.objects.patch("pods", pod["metadata"]["name"],
                                   {"metadata": {"annotations": {"swollen": text}}})

    def scheduler_log(self):
        return self.up.log("scheduler-0")

    def refuse_pods(self, is_refused):
        """As by a quota that is used up."""
        self.cluster.refusal = 'pods "x" is forbidden: exceeded quota: none' if is_refused else None

    def show(self):
        for path in sorted(self.cluster.folder.glob("*.log")):
            print("---", path.name)
            print(path.read_text(errors="replace")[-2000:])
        print(self.scheduler_log()[-4000:])

    def stop(self):
        self.show()
        self.cluster.stop()
        self.api.stop()


class RealSite(Site):
    """On a real server; its pods run on the node that the real scheduler gives them."""

    def __init__(self, api, folder, fresh_up, template=None, **options):
        self.folder = folder
        if api.servers.version() < (1, 28):
            template = {"spec": {"initContainers": [BEFORE_SIDECARS], **(template or {}).get("spec", {})}}
        super().__init__(api, folder, fresh_up, template=template, **options)

    def kubelet(self, folder, images, config, host_env, gpus=0, knows_cost=None):
        self.api.servers.set_cards(gpus)
        return Kubelet(self.api, folder, self.up.build, images, config, host_env)

    def refuse_pods(self, is_refused):
        path, servers = "/api/v1/namespaces/%s/resourcequotas" % self.api.namespace, self.api.servers
        if not is_refused:
            servers.ask("DELETE", path + "/none")
            return
        servers.ask("POST", path, {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}})
        wait_for(lambda: "used" in servers.ask("GET", path + "/none").get("status", {}), 20, "the quota")

    def stop(self):
        self.show()
        print(sorted(self.api.refusals()))
        for item in self.api.objects.all("deployments"):
            self.api.objects.delete("deployments", item["metadata"]["name"],
                                    {"propagationPolicy": "Background"})
        self.cluster.stop()
        self.api.remove()


@pytest.fixture(scope="session")
def kube_servers(tmp_path_factory):
    """The real ones, started when the first test asks for them."""
    if kube_server.why_not():
        pytest.skip(kube_server.why_not())
    servers = kube_server.Servers(tmp_path_factory.mktemp("servers"))
    try:
        yield servers.start()
    finally:
        servers.stop()


@pytest.fixture(scope="session")
def millrace_account(tmp_path_factory):
    """What deploy/k8s gives the scheduler to act with."""
    objects = manifests.render(tmp_path_factory.mktemp("k8s"), "single")
    return [item for item in manifests.of_kind(objects, "ServiceAccount", "Role", "RoleBinding")
            if item["metadata"]["name"] == kube_server.ACCOUNT]


@pytest.fixture
def real_site(tmp_path, fresh_up, kube_servers, millrace_account):
    made = []

    def make(**options):
        api = kube_server.RealApi(kube_servers, tmp_path, millrace_account)
        made.append(RealSite(api, tmp_path, fresh_up, **options))
        return made[-1]
    yield make
    for one in made:
        one.stop()


@pytest.fixture
def fake_site(tmp_path, fresh_up):
    made = []

    def make(**options):
        made.append(Site(KubeApi(tmp_path), tmp_path, fresh_up, **options))
        return made[-1]
    yield make
    for one in made:
        one.stop()


@pytest.fixture
def site(request):
    """Of the one that this run is for."""
    return request.getfixturevalue("real_site" if kube_server.folder() else "fake_site")
