"""Kubernetes objects as kustomize renders them, and what must fit together among them."""

import pathlib
import re
import shutil
import subprocess

import yaml

from lint_files import ROOT

SOURCES = ROOT / "deploy/k8s"
VALUES = {"CHANGE-ME-TOO": "another-password", "CHANGE-ME": "a-password"}
# What the scheduler puts on the pods of endpoints (scheduler/drivers/kube_manifest.c).
ENDPOINT_POD = {"app.kubernetes.io/managed-by": "millrace"}


def why_not():
    """Why nothing can be rendered here; "" when it can."""
    if shutil.which("kubectl") is None:
        return "kubectl is not installed"
    text = subprocess.run(["kubectl", "version", "--client"], capture_output=True, text=True).stdout
    found = re.search(r"Kustomize Version: v(\d+)", text)
    if found is None or int(found.group(1)) < 5:
        return "the kustomize of this kubectl is older than 5"
    return ""


def render(folder, overlay, components=(), image=None):
    """Objects of an overlay in which a reader has done what its first comment says, and set the
    image (name, tag)."""
    copy = pathlib.Path(folder) / "k8s"
    shutil.copytree(SOURCES, copy, ignore=lambda _, names: [n for n in names if n.endswith(".env")])
    place = copy / "overlays" / overlay
    for example in place.glob("*.example"):
        text = example.read_text()
        for mark, value in VALUES.items():
            text = text.replace(mark, value)
        example.with_suffix("").write_text(text)
    settings = place / "kustomization.yaml"
    if components:
        lines = "".join("\n  - ../../components/" + name for name in components)
        settings.write_text(settings.read_text() + "\ncomponents:" + lines + "\n")
    if image:
        settings.write_text(settings.read_text() + "\nimages:\n  - name: millrace\n"
                            "    newName: %s\n    newTag: %s\n" % image)
    done = subprocess.run(["kubectl", "kustomize", str(place)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def title(item):
    return "%s/%s" % (item["kind"], item["metadata"]["name"])


def of_kind(objects, *kinds):
    return [item for item in objects if item["kind"] in kinds]


def workloads(objects):
    return of_kind(objects, "Deployment", "StatefulSet", "DaemonSet")


def pod_of(workload):
    return workload["spec"]["template"]["spec"]


def pod_labels(objects):
    """Labels of the pods that there will be, those of endpoints too."""
    return [w["spec"]["template"]["metadata"]["labels"] for w in workloads(objects)] + [ENDPOINT_POD]


def matches(selector, labels):
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", selector).items())


def containers(objects):
    """(workload, container) for each."""
    return [(w, c) for w in workloads(objects)
            for c in pod_of(w).get("initContainers", []) + pod_of(w)["containers"]]


def variables(container, objects):
    """Names of the environment variables a container of these objects gets."""
    names = [entry["name"] for entry in container.get("env", [])]
    for source in container.get("envFrom", []):
        kind, name = ("ConfigMap", source["configMapRef"]["name"]) if "configMapRef" in source else (
            "Secret", source["secretRef"]["name"])
        for item in of_kind(objects, kind):
            if item["metadata"]["name"] == name:
                names += list(item.get("data", {}))
    return names


def references(objects):
    """(title of who names it, kind, name) for each object that another one names."""
    found = []
    for workload in workloads(objects):
        pod, who = pod_of(workload), title(workload)
        found.append((who, "ServiceAccount", pod["serviceAccountName"]))
        for volume in pod.get("volumes", []):
            if "configMap" in volume:
                found.append((who, "ConfigMap", volume["configMap"]["name"]))
            if "secret" in volume:
                found.append((who, "Secret", volume["secret"]["secretName"]))
        if workload["kind"] == "StatefulSet":
            found.append((who, "Service", workload["spec"]["serviceName"]))
    for workload, container in containers(objects):
        for source in container.get("envFrom", []):
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if key in source:
                    found.append((title(workload), kind, source[key]["name"]))
    for binding in of_kind(objects, "RoleBinding"):
        found.append((title(binding), binding["roleRef"]["kind"], binding["roleRef"]["name"]))
        found += [(title(binding), who["kind"], who["name"]) for who in binding["subjects"]]
    for scaler in of_kind(objects, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        found.append((title(scaler), target["kind"], target["name"]))
    return found
