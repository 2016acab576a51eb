"""A real Kubernetes control plane for tests: etcd, kube-apiserver with RBAC, the controllers that
Millrace meets and the scheduler, on free ports of this machine, with one node that runs nothing.

  Servers    the processes; one set for a whole session
  RealApi    one namespace of it, in which Millrace has its service account and nothing else; the
             same members as KubeApi of kube_api.py
"""

import collections
import contextlib
import itertools
import json
import os
import pathlib
import re
import subprocess
import time
import uuid

import requests

import processes
from kube_api import KINDS, Refused
from transitions import wait_for

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
ROOTS = {"v1": "/api/v1", **{kind: "/apis/" + kind for kind, _ in KINDS.values() if "/" in kind}}
CONTROLLERS = "deployment,replicaset,garbagecollector,serviceaccount,serviceaccount-token,namespace,resourcequota"
NODE = "node-0"
ACCOUNT = "millrace-scheduler"
MERGE = "application/merge-patch+json"
STARTING = (401, 403, 429, 500, 503)  # how a server answers everybody before it knows its roles
END_S = 3  # kube-apiserver would wait for a minute for watches to end
# What of each request is written down: all that service accounts of Millrace ask for.
AUDIT = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy",
         "rules": [{"level": "Request", "userGroups": ["system:serviceaccounts"],
                    "resources": [{"group": "", "resources": ["pods"]},
                                  {"group": "apps", "resources": ["deployments"]}]},
                   {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
                   {"level": "None"}]}


def folder():
    """Where the programs are, as the caller says; None when they are not to be used."""
    named = os.environ.get("MILLRACE_KUBE_SERVERS")
    return pathlib.Path(named).resolve() if named else None


def why_not():
    """Why there is no server to test with; "" when there is one."""
    if folder() is None:
        return "MILLRACE_KUBE_SERVERS names no folder with a Kubernetes server: see tests/kube/README.md"
    missing = [name for name in PROGRAMS if not os.access(folder() / name, os.X_OK)]
    return "%s has no %s: see tests/kube/README.md" % (folder(), ", ".join(missing)) if missing else ""


def yaml_of(value):
    return json.dumps(value)  # which is YAML


class Servers:
    def __init__(self, place, **flags):
        """flags of kube-apiserver, as watch_cache="false"."""
        self.place, self.flags = pathlib.Path(place), flags
        self.admin, self.processes = uuid.uuid4().hex, {}
        self.ports = dict(zip(("etcd", "peer", "api", "controllers", "healthz", "scheduler"),
                              itertools.count(processes.free_ports(6))))
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(self.place / "ca.crt")
        self.session.headers["Authorization"] = "Bearer " + self.admin
        self.numbers = itertools.count()
        self.prepare()

    @property
    def url(self):
        return "https://127.0.0.1:%d" % self.ports["api"]

    def prepare(self):
        self.place.mkdir(parents=True, exist_ok=True)
        run = {"check": True, "capture_output": True, "cwd": self.place}
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=kube", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "ca.key",
                        "-out", "ca.crt"], **run)
        subprocess.run(["openssl", "genrsa", "-out", "accounts.key", "2048"], **run)
        (self.place / "tokens.csv").write_text('%s,admin,admin,"system:masters"\n' % self.admin)
        (self.place / "audit.yaml").write_text(yaml_of(AUDIT))
        (self.place / "kubeconfig").write_text(yaml_of({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": self.url, "certificate-authority":
                                                    str(self.place / "ca.crt")}}],
            "users": [{"name": "admin", "user": {"token": self.admin}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "admin"}}]}))

    # ---- processes
    def launch(self, program, **flags):
        words = ["--%s=%s" % (flag.replace("_", "-"), value) for flag, value in flags.items()]
        with open(self.place / (program + ".log"), "ab") as out:
            self.processes[program] = subprocess.Popen(
                [str(folder() / program), *words], stdout=out, stderr=out, cwd=self.place,
                stdin=subprocess.DEVNULL, preexec_fn=processes.die_with_parent)

    def end(self, name):
        process = self.processes.pop(name, None)
        if process:
            process.terminate()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def log(self, name):
        return (self.place / (name + ".log")).read_text(errors="replace")

    def start_store(self):
        here = "http://127.0.0.1:%d"
        self.launch("etcd", data_dir=self.place / "etcd", unsafe_no_fsync="true", name="it",
                    listen_client_urls=here % self.ports["etcd"],
                    advertise_client_urls=here % self.ports["etcd"],
                    listen_peer_urls=here % self.ports["peer"],
                    initial_advertise_peer_urls=here % self.ports["peer"],
                    initial_cluster="it=" + here % self.ports["peer"])

    def start_api(self):
        key = self.place / "accounts.key"
        self.launch("kube-apiserver", **{
            "etcd_servers": "http://127.0.0.1:%d" % self.ports["etcd"], "etcd_compaction_interval": "0",
            "secure_port": self.ports["api"], "bind_address": "127.0.0.1",
            "advertise_address": "127.0.0.1", "endpoint_reconciler_type": "none",
            "tls_cert_file": self.place / "ca.crt", "tls_private_key_file": self.place / "ca.key",
            "service_account_issuer": "https://kube.test", "service_account_key_file": key,
            "service_account_signing_key_file": key, "token_auth_file": self.place / "tokens.csv",
            "service_cluster_ip_range": "10.0.0.0/24", "authorization_mode": "RBAC",
            "audit_policy_file": self.place / "audit.yaml", "audit_log_path": self.place / "audit.log",
            **self.flags})
        wait_for(self.ready, 60, "kube-apiserver ready; its log: %s" % self.place)

    def start_controllers(self):
        self.launch("kube-controller-manager", kubeconfig=self.place / "kubeconfig",
                    controllers=CONTROLLERS, secure_port=self.ports["controllers"],
                    port=0, bind_address="127.0.0.1", leader_elect="false", cert_dir=self.place,
                    service_account_private_key_file=self.place / "accounts.key",
                    kube_api_qps=500, kube_api_burst=1000, use_service_account_credentials="false")
        self.launch("kube-scheduler", kubeconfig=self.place / "kubeconfig", leader_elect="false",
                    secure_port=self.ports["scheduler"], port=0, bind_address="127.0.0.1",
                    cert_dir=self.place)

    def start(self):
        self.start_store()
        self.start_api()
        self.start_controllers()
        self.add_node()
        return self

    def stop(self):
        for name in reversed(PROGRAMS):
            self.end(name)

    def ready(self):
        assert self.processes["kube-apiserver"].poll() is None, self.log("kube-apiserver")[-3000:]
        with contextlib.suppress(requests.RequestException):
            return self.session.get(self.url + "/readyz", timeout=5).status_code == 200

    def compact(self):
        """etcd forgets its history: who watches from an older version finds it gone."""
        gate = "http://127.0.0.1:%d/v3/kv/" % self.ports["etcd"]
        found = requests.post(gate + "range", json={"key": "AA=="}, timeout=10).json()
        requests.post(gate + "compaction", timeout=10, json={
            "revision": found["header"]["revision"], "physical": True}).raise_for_status()

    # ---- objects
    def ask(self, method, path, body=None, kind="application/json", **options):
        """The answer's object; waits for a server that is being restarted."""
        deadline = time.monotonic() + 60
        while True:
            try:
                reply = self.session.request(method, self.url + path, timeout=30, **options, **(
                    {"data": json.dumps(body), "headers": {"Content-Type": kind}} if body is not None
                    else {}))
            except requests.RequestException as error:
                if time.monotonic() > deadline:
                    raise Refused(0, str(error)) from error
                time.sleep(0.2)
                continue
            if reply.status_code in STARTING and time.monotonic() < deadline:
                time.sleep(0.2)
                continue
            if not reply.ok:
                raise Refused(reply.status_code, reply.json().get("message", reply.text))
            return reply.json()

    def version(self):
        """As (1, 30)."""
        found = self.ask("GET", "/version")
        return int(found["major"]), int(re.match(r"\d+", found["minor"]).group(0))

    def plurals(self, group):
        """{kind: plural name} of what the server has in a group and version ("apps/v1")."""
        root = "/api/" + group if "/" not in group else "/apis/" + group
        return {item["kind"]: item["name"] for item in self.ask("GET", root)["resources"]
                if "/" not in item["name"]}

    def create(self, item):
        """POSTs an object as a user would apply it; the object as the server keeps it."""
        group, meta = item["apiVersion"], item["metadata"]
        root = "/api/" + group if "/" not in group else "/apis/" + group
        space = "/namespaces/" + meta["namespace"] if "namespace" in meta else ""
        return self.ask("POST", "%s%s/%s" % (root, space, self.plurals(group)[item["kind"]]), item)

    def add_node(self, gpus=4, product="NVIDIA-L4"):
        room = {"cpu": "64", "memory": "256Gi", "pods": "500", "ephemeral-storage": "500Gi",
                "nvidia.com/gpu": str(gpus)}
        self.create({"apiVersion": "v1", "kind": "Node", "metadata": {
            "name": NODE, "labels": {"nvidia.com/gpu.product": product}}})
        self.ask("PATCH", "/api/v1/nodes/%s/status" % NODE, {"status": {
            "capacity": room, "allocatable": room,
            "conditions": [{"type": "Ready", "status": "True", "reason": "Test"}]}}, MERGE)
        self.ask("PATCH", "/api/v1/nodes/" + NODE, {"spec": {"taints": None}}, MERGE)

    def set_cards(self, count):
        room = {"nvidia.com/gpu": str(count)}
        self.ask("PATCH", "/api/v1/nodes/%s/status" % NODE,
                 {"status": {"capacity": room, "allocatable": room}}, MERGE)


class RealObjects:
    """As Objects of kube_api.py."""

    def __init__(self, servers, namespace):
        self.servers, self.namespace = servers, namespace

    def path(self, kind, name=""):
        group = KINDS[kind][0]
        return "%s/namespaces/%s/%s%s" % (ROOTS[group], self.namespace, kind, name and "/" + name)

    def all(self, kind):
        return self.servers.ask("GET", self.path(kind))["items"]

    def get(self, kind, name):
        return self.servers.ask("GET", self.path(kind, name))

    def create(self, kind, item):
        item["apiVersion"], item["kind"] = KINDS[kind]
        return self.servers.ask("POST", self.path(kind), item)

    def patch(self, kind, name, patch):
        return self.servers.ask("PATCH", self.path(kind, name), patch, MERGE)

    def delete(self, kind, name, options):
        with contextlib.suppress(Refused):
            return self.servers.ask("DELETE", self.path(kind, name), options)

    def report(self, name, uid, status, _node):
        with contextlib.suppress(Refused):  # gone meanwhile
            self.servers.ask("PATCH", self.path("pods", name) + "/status",
                             {"metadata": {"uid": uid}, "status": status}, MERGE)

    def gone(self, name, uid):
        self.delete("pods", name, {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})


class RealApi:
    """objects: those of Millrace's service account (ServiceAccount, Role, RoleBinding), of any
    namespace."""

    def __init__(self, servers, folder, objects):
        self.servers = servers
        self.namespace = "millrace-%d" % next(servers.numbers)
        self.token_file = folder / "token"
        self.objects = RealObjects(servers, self.namespace)
        servers.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        for item in objects:
            text = re.sub(r'"namespace": "[^"]*"', '"namespace": "%s"' % self.namespace, json.dumps(item))
            servers.create(json.loads(text))
        wait_for(self.has_default_account, 20, "the namespace's default account")
        self.rotate_token()

    def has_default_account(self):  # which the pods of endpoints get
        with contextlib.suppress(Refused):
            return self.servers.ask("GET", self.account("default"))

    def account(self, name):
        return "/api/v1/namespaces/%s/serviceaccounts/%s" % (self.namespace, name)

    def rotate_token(self):
        """A new token; the one before it is refused from now on (the server believes for 10 s more
        what it has seen)."""
        path = "/api/v1/namespaces/%s/secrets" % self.namespace
        secret = self.servers.ask("POST", path, {"metadata": {"generateName": "bound-"}})["metadata"]
        token = self.servers.ask("POST", self.account(ACCOUNT) + "/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600, "boundObjectRef": {
                "kind": "Secret", "apiVersion": "v1", "name": secret["name"], "uid": secret["uid"]}}})
        self.token_file.write_text(token["status"]["token"])
        if hasattr(self, "secret"):
            self.servers.ask("DELETE", path + "/" + self.secret)
        self.secret = secret["name"]

    def settings(self):
        return {"MILLRACE_KUBERNETES_URL": self.servers.url,
                "MILLRACE_KUBERNETES_TOKEN_FILE": str(self.token_file),
                "MILLRACE_KUBERNETES_NAMESPACE": self.namespace,
                "MILLRACE_KUBERNETES_CA": str(self.servers.place / "ca.crt")}

    def stop(self):
        """All but etcd: the controllers would come back up to half a minute after the server."""
        for name in PROGRAMS[:0:-1]:
            self.servers.end(name)

    def start(self):
        self.servers.start_api()
        self.servers.start_controllers()

    # ---- what the scheduler has asked
    def audit(self, stage="ResponseComplete"):
        user = "system:serviceaccount:%s:%s" % (self.namespace, ACCOUNT)
        lines = (self.servers.place / "audit.log").read_text().splitlines()
        return [entry for entry in map(json.loads, lines)
                if entry["user"].get("username") == user and entry["stage"] == stage]

    @property
    def verbs(self):
        found = collections.defaultdict(set)
        for entry in self.audit("RequestReceived"):
            found[entry["objectRef"]["resource"]].add(entry["verb"])
        return dict(found)

    def writes(self):
        """(verb, kind, name, body), oldest first."""
        found = []
        for entry in self.audit():
            if entry["verb"] in ("create", "patch", "delete"):
                where, body = entry["objectRef"], entry.get("requestObject") or {}
                found.append((entry["verb"], where["resource"],
                              where.get("name") or body["metadata"]["name"], body))
        return found

    def refusals(self):
        """{(code, verb, kind)} of what the server answered with an error."""
        return {(entry["responseStatus"]["code"], entry["verb"], entry["objectRef"]["resource"])
                for entry in self.audit() if entry["responseStatus"]["code"] >= 400}

    def remove(self):
        self.servers.ask("DELETE", "/api/v1/namespaces/" + self.namespace)
