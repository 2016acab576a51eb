"""The kubelet of a small cluster: pods are real processes on this machine, the agent in pod mode and
a handler beside it, probed, restarted and ended as a kubelet would. All pods share one network, so
the ports of each are mapped to free ones.

  Kubelet   on any objects: those of kube_api.py, or those of a real server (kube_server.py)
  Cluster   also the controllers and the scheduler, on the objects of kube_api.py
"""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
import uuid

from kube_api import Refused

PORTS = {"8101": "plane", "8102": "probes", "8103": "balance", "9100": "metrics"}
NUMBER_S = 0.2
PROBE_GRACE_S = 5  # what the driver asks for, where the server is too old to keep it
SPEED = 10  # pauses between restarts are so much shorter than a kubelet's


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def rank(pod, knows_cost):
    """Which pods a ReplicaSet deletes first: on no node, not running, not ready, cheap, young."""
    meta, status = pod["metadata"], pod["status"]
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))
    cost = int(meta.get("annotations", {}).get("controller.kubernetes.io/pod-deletion-cost", 0))
    cost = cost if knows_cost else 0
    return ("nodeName" in pod["spec"], status.get("phase") == "Running", ready, cost,
            [-ord(c) for c in meta["creationTimestamp"]])


class Container:
    """One process of a pod."""

    def __init__(self, command, env, folder, name):
        self.path = folder / (name + ".log")
        with open(self.path, "ab") as out:
            self.process = subprocess.Popen(command, env=env, stdout=out, stderr=out,
                                            stdin=subprocess.DEVNULL, start_new_session=True)

    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def end(self, grace):
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(max(grace, 0.1))
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait()
        self.signal(signal.SIGKILL)


class Pod(threading.Thread):
    def __init__(self, cluster, pod):
        super().__init__(daemon=True)
        self.cluster, self.name, self.spec = cluster, pod["metadata"]["name"], pod["spec"]
        self.uid = pod["metadata"]["uid"]
        self.ports = {number: free_port() for number in PORTS}
        self.ports[str(self.server_port())] = free_port()
        self.agent = self.handler = None
        self.restarts, self.last, self.killed = 0, None, []
        self.started_at = None

    def server_port(self):
        env = {e["name"]: e.get("value") for e in self.spec["containers"][0]["env"]}
        return env.get("PORT", 8000)

    # ---- objects
    def object(self):
        try:
            found = self.cluster.objects.get("pods", self.name)
            return found if found["metadata"]["uid"] == self.uid else None
        except Refused:
            return None

    def leaving(self):
        found = self.object()
        return found is None or "deletionTimestamp" in found["metadata"]

    def report(self, phase, handler, ready=False, message=None):
        conditions = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                       "message": message} if message else
                      {"type": "PodScheduled", "status": "True"},
                      {"type": "Ready", "status": str(ready)}]
        agent = {"running": {}} if self.agent and self.agent.alive() else {"waiting": {}}
        status = {"phase": phase, "conditions": conditions,
                  "initContainerStatuses": [{"name": "agent", "state": agent}],
                  "containerStatuses": [{"name": "handler", "state": handler, "ready": ready,
                                         "restartCount": self.restarts,
                                         "lastState": {"terminated": self.last} if self.last else {}}]}
        self.cluster.objects.report(self.name, self.uid, status, None if message else "node-0")

    # ---- what containers are given
    def map_ports(self, text):
        return re.sub(r"(?<=:)(\d{4})\b", lambda m: str(self.ports.get(m.group(1), m.group(1))), text)

    def environment(self, container):
        env = {"PATH": os.environ["PATH"], "HOME": "/tmp", **self.cluster.host_env}
        for source in container.get("envFrom", []):
            (reference,) = source.values()
            env.update(self.cluster.config.get(reference["name"], {}) if "configMapRef" in source else {})
        fields = {"metadata.name": self.name, "metadata.uid": self.uid, "status.podIP": "127.0.0.1"}
        for item in container.get("env", []):
            if "valueFrom" in item:
                env[item["name"]] = fields[item["valueFrom"]["fieldRef"]["fieldPath"]]
                continue
            value = re.sub(r"\$\$|\$\((\w+)\)",
                           lambda m: env[m.group(1)] if m.group(1) else "$", item["value"])
            if item["name"] in ("PORT", "PORT_HEALTH"):
                value = str(self.ports.get(value, value))
            env[item["name"]] = self.map_ports(value)
        return env

    def http(self, path, timeout):
        url = "http://127.0.0.1:%d%s" % (self.ports["8102"], path)
        try:
            with urllib.request.urlopen(url, timeout=timeout) as reply:
                return reply.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    # ---- life
    def run(self):
        try:
            if self.schedule() and self.start_agent() and self.pull():
                self.tend()
        finally:
            self.finish()

    def schedule(self):
        while not self.leaving():
            if self.cluster.place(self):
                return True
            time.sleep(0.1)
        return False

    def start_agent(self):
        spec = self.spec["initContainers"][0]
        spool = self.cluster.folder / (self.name + "-spool")
        command = [self.map_ports(word) for word in spec["command"]]
        command = [str(self.ports.get(w, w)) if w in PORTS else w for w in command]
        command = [str(spool) if w == "/var/spool/millrace" else w for w in command]
        command[0] = str(self.cluster.build / command[0])
        self.agent = Container(command, self.environment(spec), self.cluster.folder, self.name + "-agent")
        while self.agent.alive() and self.http("/live", 2) == 0:
            if self.leaving():
                return False
            time.sleep(0.05)
        return True

    def pull(self):
        image = self.spec["containers"][0]["image"]
        while not self.leaving():
            if image in self.cluster.images:
                return True
            reason = self.cluster.pull_reason.get(image, "ErrImagePull")
            self.report("Pending", {"waiting": {"reason": reason, "message": "no such image: " + image}})
            time.sleep(0.1)
        return False

    def start_handler(self):
        spec = self.spec["containers"][0]
        command = spec.get("command") or self.cluster.images[spec["image"]]
        self.handler = Container(command, self.environment(spec), self.cluster.folder,
                                 self.name + "-handler")
        self.started_at = time.monotonic()
        assert spec["lifecycle"]["postStart"]["httpGet"]["path"] == "/started"
        self.http("/started", 5)

    def note_end(self, reason):
        code = self.handler.process.returncode
        lines = self.handler.path.read_text(errors="replace").splitlines()[-20:]
        self.last = {"exitCode": code if code >= 0 else 128 - code, "reason": reason,
                     "message": "\n".join(lines)}

    def tend(self):
        probe = self.spec["containers"][0]["livenessProbe"]
        failures, again_at, due = 0, 0, 0
        while not self.leaving():
            if self.handler and not self.handler.alive():
                self.note_end("Error")
                self.handler.signal(signal.SIGKILL)
                lived = time.monotonic() - self.started_at
                pause = 0 if self.restarts == 0 else min(10 * 2 ** (self.restarts - 1), 300) / SPEED
                self.handler, self.restarts = None, 0 if lived > 600 / SPEED else self.restarts + 1
                again_at, failures = time.monotonic() + pause, 0
            if self.handler is None and time.monotonic() >= again_at:
                self.start_handler()
                due = time.monotonic() + probe["periodSeconds"]
            if self.handler is None:
                self.report("Running", {"waiting": {"reason": "CrashLoopBackOff"}})
            else:
                self.report("Running", {"running": {}}, self.http("/ready", 2) == 200)
                if time.monotonic() >= due:
                    due = time.monotonic() + probe["periodSeconds"]
                    is_bad = self.http(probe["httpGet"]["path"], probe["timeoutSeconds"]) != 200
                    failures = failures + 1 if is_bad else 0
                if failures >= probe["failureThreshold"]:
                    self.killed.append(time.monotonic())
                    self.end_handler(probe.get("terminationGracePeriodSeconds", PROBE_GRACE_S))
            time.sleep(0.1)

    def end_handler(self, grace):
        """preStop and SIGTERM within the grace."""
        end = time.monotonic() + grace
        path = self.spec["containers"][0]["lifecycle"]["preStop"]["httpGet"]["path"]
        self.http(path, grace)
        self.handler.end(max(end - time.monotonic(), 2))

    def finish(self):
        grace = self.spec["terminationGracePeriodSeconds"]
        if self.handler and self.handler.alive():
            self.end_handler(0 if self.cluster.is_stopping else grace)
        if self.agent and self.agent.alive():  # a sidecar ends after the main container
            self.agent.end(1 if self.cluster.is_stopping else 20)
        self.cluster.left(self)
        self.cluster.objects.gone(self.name, self.uid)


class Kubelet:
    """images: name -> command. config: ConfigMaps of the agents."""

    def __init__(self, api, folder, build, images, config, host_env=None):
        self.api, self.objects, self.folder, self.build = api, api.objects, folder, build
        self.images, self.config, self.host_env = images, config, host_env or {}
        self.pull_reason, self.pods, self.is_stopping = {}, {}, False
        self.loop = threading.Thread(target=self.run, daemon=True)
        self.loop.start()

    def run(self):
        while not self.is_stopping:
            try:
                self.round()
            except Refused as refused:  # the server is being restarted
                print("kubelet:", refused)
            time.sleep(0.05)

    def round(self):
        for pod in self.objects.all("pods"):
            if "initContainers" in pod["spec"]:  # the driver's
                self.start(pod)

    def start(self, pod):
        name = pod["metadata"]["name"]
        if name not in self.pods:
            self.pods[name] = Pod(self, pod)
            self.pods[name].start()

    def place(self, pod):
        """Whether it has a node."""
        return "nodeName" in (pod.object() or {"spec": {}})["spec"]

    def left(self, pod):
        pass

    def stop(self):
        self.is_stopping = True
        self.loop.join(10)
        for pod in self.objects.all("pods"):
            self.objects.delete("pods", pod["metadata"]["name"], {})
        for thread in self.pods.values():
            thread.join(30)


class Cluster(Kubelet):
    """A number that is changed passes from the Deployment to its ReplicaSet, so whoever makes pods
    hears of it later than of the pods themselves: here NUMBER_S later. knows_cost: pods are also told
    apart by their cost, as since 1.22."""

    def __init__(self, *args, gpus=0, knows_cost=True, **options):
        self.knows_cost = knows_cost
        self.gpus, self.given, self.lock = gpus, {}, threading.Lock()
        self.refusal = None  # why no pod is made
        self.numbers = {}  # of each Deployment's ReplicaSet: (number, since when it should have another)
        self.deleted_by_controller = []
        super().__init__(*args, **options)

    # ---- the scheduler
    def place(self, pod):
        needed = int(pod.spec["containers"][0].get("resources", {}).get("limits", {})
                     .get("nvidia.com/gpu", 0))
        problem = self.take_cards(pod, needed)
        if problem:
            pod.report("Pending", {"waiting": {}}, message=problem)
        return problem is None

    def take_cards(self, pod, count):
        with self.lock:
            if sum(self.given.values()) + count > self.gpus and count:
                return "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
            self.given[pod.name] = count
            return None

    def left(self, pod):
        with self.lock:
            self.given.pop(pod.name, None)

    # ---- the Deployment controller
    def round(self):
        with self.objects.changed:
            self.control()
            super().round()

    def control(self):
        owners = {d["metadata"]["uid"]: d for d in self.objects.all("deployments")}
        active = {uid: [] for uid in owners}
        for pod in self.objects.all("pods"):
            owner = pod["metadata"]["ownerReferences"][0]["uid"]
            if "deletionTimestamp" in pod["metadata"]:
                pass
            elif owner not in owners:
                self.objects.delete("pods", pod["metadata"]["name"], {})
            else:
                active[owner].append(pod)
        for uid, deployment in owners.items():
            self.adjust(deployment, active[uid], self.number(uid, deployment["spec"]["replicas"]))

    def number(self, uid, wanted):
        number, since = self.numbers.get(uid, (0, None))
        now = time.monotonic()
        if number == wanted:
            since = None
        elif since is None:
            since = now
        elif now - since >= NUMBER_S:
            number, since = wanted, None
        self.numbers[uid] = number, since
        return number

    def adjust(self, deployment, pods, replicas):
        first = sorted(pods, key=lambda pod: rank(pod, self.knows_cost))
        for pod in first[:max(len(pods) - replicas, 0)]:
            self.deleted_by_controller.append(pod["metadata"]["name"])
            self.objects.delete("pods", pod["metadata"]["name"], {})
        refusal = self.refusal if replicas > len(pods) else None
        for _ in range(0 if refusal else replicas - len(pods)):
            template = json.loads(json.dumps(deployment["spec"]["template"]))
            name = "%s-%s-" % (deployment["metadata"]["name"], uuid.uuid4().hex[:10])
            self.objects.create("pods", {
                "metadata": {**template["metadata"], "generateName": name, "ownerReferences": [
                    {"kind": "Deployment", "uid": deployment["metadata"]["uid"]}]},
                "spec": template["spec"], "status": {"phase": "Pending"}})
        status = {"replicas": replicas, "conditions": [
            {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": refusal}]
            if refusal else []}
        if deployment["status"] != status:
            deployment["status"] = status
            self.objects.put("deployments", deployment, "MODIFIED")
