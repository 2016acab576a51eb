"""deploy/k8s renders, its objects are valid for the oldest and the newest Kubernetes whose schemas
the tests have, unknown fields refused, and they fit together and fit the programs.

Nothing here asks an API server: what only a cluster can tell (admission, DNS, real failover of nodes)
is not shown."""

import re

import jsonschema
import pytest

import manifests
from lint_files import ROOT
from manifests import containers, matches, of_kind, pod_labels, pod_of, title, workloads
from targets import unknown_arguments, unknown_variables

kubernetes_validate = pytest.importorskip("kubernetes_validate",
                                          reason="kubernetes-validate is not installed")
pytestmark = pytest.mark.skipif(manifests.why_not() != "", reason=manifests.why_not() or "-")

OLDEST = "1.30"
NEWEST = kubernetes_validate.latest_version()
# Kinds that Kubernetes has no schema of: what we use of them, and nothing else.
_METADATA = {"type": "object", "required": ["name", "namespace"]}
_SELECTOR = {"type": "object", "additionalProperties": False, "required": ["matchLabels"],
             "properties": {"matchLabels": {"type": "object"}}}


def _monitor(ends, end):
    end = {"type": "object", "additionalProperties": False, "required": [end, "path", "interval"],
           "properties": {end: {"type": "string" if end == "port" else "integer"},
                          "path": {"const": "/metrics"}, "interval": {"pattern": "^[0-9]+s$"}}}
    spec = {"type": "object", "additionalProperties": False, "required": ["selector", ends],
            "properties": {"selector": _SELECTOR, ends: {"type": "array", "minItems": 1, "items": end}}}
    return {"type": "object", "additionalProperties": False, "required": ["metadata", "spec"],
            "properties": {"apiVersion": {"const": "monitoring.coreos.com/v1"}, "kind": {},
                           "metadata": _METADATA, "spec": spec}}


FOREIGN = {"ServiceMonitor": _monitor("endpoints", "port"),
           "PodMonitor": _monitor("podMetricsEndpoints", "portNumber")}


@pytest.fixture(scope="session", params=["single", "ha", "single+gpu-agents+monitoring", "ha+monitoring"])
def objects(request, tmp_path_factory):
    overlay, *components = request.param.split("+")
    return manifests.render(tmp_path_factory.mktemp(overlay), overlay, components)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_object_is_valid(objects, version):
    wrong = []
    for item in objects:
        try:
            if item["kind"] in FOREIGN:
                jsonschema.validate(item, FOREIGN[item["kind"]])
            else:
                kubernetes_validate.validate(item, version, strict=True)
        except jsonschema.ValidationError as error:
            wrong.append("%s: %s: %s" % (title(item), "/".join(map(str, error.path)), error.message))
    assert wrong == []


def test_the_validator_refuses_an_unknown_field(objects):
    item = dict(of_kind(objects, "Service")[0], spce={})
    with pytest.raises(jsonschema.ValidationError):
        kubernetes_validate.validate(item, NEWEST, strict=True)


def test_names_are_unique_and_in_one_namespace(objects):
    titles = [title(item) for item in objects]
    assert len(titles) == len(set(titles))
    assert {item["metadata"].get("namespace", "millrace") for item in objects} == {"millrace"}


def test_what_is_named_exists(objects):
    there = {title(item) for item in objects}
    assert [ref for ref in manifests.references(objects) if "%s/%s" % ref[1:] not in there] == []


def test_selectors_find_pods(objects):
    pods, lost = pod_labels(objects), []
    for workload in workloads(objects):
        if not matches(workload["spec"]["selector"], workload["spec"]["template"]["metadata"]["labels"]):
            lost.append(title(workload))
    selectors = [(title(i), i["spec"]["selector"]) for i in
                 of_kind(objects, "Service", "PodDisruptionBudget", "PodMonitor")]
    for policy in of_kind(objects, "NetworkPolicy"):
        selectors.append((title(policy), policy["spec"]["podSelector"]))
        selectors += [(title(policy), peer["podSelector"]) for rule in policy["spec"]["ingress"]
                      for peer in rule.get("from", []) if "podSelector" in peer]
    lost += [who for who, selector in selectors if not any(matches(selector, p) for p in pods)]
    services = [item["metadata"].get("labels", {}) for item in of_kind(objects, "Service")]
    lost += [title(monitor) for monitor in of_kind(objects, "ServiceMonitor")
             if not any(matches(monitor["spec"]["selector"], labels) for labels in services)]
    assert lost == []


def ports_of(objects, selector):
    """Ports, by name and by number, of the pods that a selector finds."""
    found = {8101, "probes", "balance", 9100} if matches(selector, manifests.ENDPOINT_POD) else set()
    for workload in workloads(objects):
        if matches(selector, workload["spec"]["template"]["metadata"]["labels"]):
            for container in pod_of(workload)["containers"]:
                for port in container.get("ports", []):
                    found |= {port.get("name"), port["containerPort"]}
    return found


def test_ports_are_there(objects):
    wrong = []
    for service in of_kind(objects, "Service"):
        wrong += [(title(service), port["targetPort"]) for port in service["spec"]["ports"]
                  if port["targetPort"] not in ports_of(objects, service["spec"]["selector"])]
    for policy in of_kind(objects, "NetworkPolicy"):
        open_ports = ports_of(objects, policy["spec"]["podSelector"])
        sentinels = [title(w) for w in workloads(objects) if w["spec"].get("replicas") == 3]
        wrong += [(title(policy), port["port"]) for rule in policy["spec"]["ingress"]
                  for port in rule["ports"] if port["port"] not in open_ports
                  and not (port["port"] == 26379 and not sentinels)]
    for workload, container in containers(objects):
        named = {port.get("name") for port in container.get("ports", [])}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            target = container.get(probe, {})
            port = (target.get("httpGet") or target.get("tcpSocket") or {}).get("port")
            wrong += [(title(workload), probe, port)] if port and port not in named else []
    assert wrong == []


def test_programs_accept_what_they_are_told(objects, flags):
    every = set().union(*flags.values())
    if "--driver" not in every:  # a build without the Kubernetes driver leaves these alone
        every |= {"--driver", "--kubernetes-agent-image"}
    wrong = []
    for workload, container in containers(objects):
        program = container["command"][0]
        if program in flags:
            wrong += [(title(workload), word) for word in
                      unknown_arguments(container.get("args", []), flags[program])
                      + unknown_variables(manifests.variables(container, objects), every)]
    assert wrong == []


def test_programs_are_told_what_they_need(objects):
    """Redis for all, a key for the API, and an address of the pod where others must reach it."""
    for workload, container in containers(objects):
        program, names = container["command"][0], manifests.variables(container, objects)
        if program.startswith("millrace"):
            assert "MILLRACE_REDIS" in names, title(workload)
            assert ("MILLRACE_API_KEY" in names) == (program == "millrace-api"), title(workload)
        if program == "millrace-api":
            assert "--bus=tcp://$(POD_IP):7070" in container["args"] and "POD_IP" in names
        if program == "millrace-worker":
            assert "--lb=$(POD_IP):8103" in container["args"] and "POD_IP" in names


@pytest.mark.parametrize("overlay", ["single", "ha"])
def test_handlers_get_the_agent_of_the_same_image(overlay, tmp_path):
    """By the variable alone: a flag would win over it, and no replacement reaches into a flag."""
    objects = manifests.render(tmp_path, overlay, image=("registry.test/millrace", "v9"))
    scheduler = next(c for _, c in containers(objects) if c["command"] == ["millrace-scheduler"])
    told = {entry["name"]: entry.get("value") for entry in scheduler["env"]}
    assert scheduler["image"] == "registry.test/millrace:v9"
    assert told["MILLRACE_KUBERNETES_AGENT_IMAGE"] == scheduler["image"]
    assert [word for word in scheduler["args"] if "agent-image" in word] == []


def test_pods_keep_the_restricted_profile(objects):
    for workload in workloads(objects):
        pod = pod_of(workload)
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not any("hostPath" in volume for volume in pod.get("volumes", []))
    for workload, container in containers(objects):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]}}, title(workload)
        assert "requests" in container["resources"], title(workload)
        mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
        volumes = {v["name"] for v in pod_of(workload).get("volumes", [])} | {
            claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        assert mounted <= volumes, title(workload)


def test_only_the_scheduler_may_speak_to_the_api_server(objects):
    for workload in workloads(objects):
        pod = pod_of(workload)
        assert (pod.get("automountServiceAccountToken", True)) == (
            pod["serviceAccountName"] == "millrace-scheduler"), title(workload)
    bound = [who["name"] for binding in of_kind(objects, "RoleBinding") for who in binding["subjects"]]
    assert bound == ["millrace-scheduler"]
    assert of_kind(objects, "ClusterRole", "ClusterRoleBinding") == []


def test_the_role_is_what_the_driver_says_it_needs(objects):
    said = re.search(r"^The role it needs.*$", (ROOT / "scheduler/README.md").read_text(), re.M)
    if said is None:
        pytest.skip("scheduler/README.md does not say which role the Kubernetes driver needs")
    needed = {resource: sorted(verbs.split(", ")) for resource, verbs in re.findall(
        r"`(\w+)`(?: \(\w+\))? ([a-z]+(?:, [a-z]+)*)", said.group(0))}
    granted = {rule["resources"][0]: sorted(rule["verbs"]) for role in of_kind(objects, "Role")
               for rule in role["rules"]}
    assert granted == needed and set(needed) == {"deployments", "pods"}


def test_the_drain_fits_into_the_grace(objects, defaults):
    api = [w for w in workloads(objects) if w["metadata"]["name"] == "millrace-api"][0]
    pause = pod_of(api)["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod_of(api)["terminationGracePeriodSeconds"] > pause + int(
        defaults["millrace-api"]["--drain-timeout-ms"]) / 1000


def test_redis_has_the_sample_settings():
    """kustomize reads nothing from outside of its folder, so these are copies."""
    for name in ("redis.conf", "users.acl", "redis.sh"):
        assert (manifests.SOURCES / "base" / name).read_text() == (
            ROOT / "deploy/redis" / name).read_text(), name
