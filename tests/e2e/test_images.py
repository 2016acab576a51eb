"""Handlers that are container images: with a runtime that is fake, and with podman."""

import time

import pytest

import processes
from containers import FakeRuntime, Podman, build_tiny_worker
from documents import document, server_handler
from millrace_up import Up
from transitions import wait_for

NAME = "registry.test/team/tiny:1"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return build_tiny_worker(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    return FakeRuntime(tmp_path_factory.mktemp("fake") / "runtime")


@pytest.fixture(scope="module")
def fake_up(runtime, tiny):
    if tiny is None:
        pytest.skip("the compiler cannot link a static program")
    up = Up("--slots", 3, env=runtime.env).start()
    yield up
    up.stop()
    up.remove()
    assert runtime.containers() == {}


@pytest.fixture
def image(fake_up, unique_id, tiny):
    """image(name, setting=value...): an endpoint that runs the tiny worker."""
    made = []

    def make(name=NAME, **settings):
        handler = {"image": name, "command": [str(tiny), "first"], "env": {"GREETING": "hello"}}
        made.append(fake_up.apply(document(unique_id(), handler, **settings)))
        return made[-1]
    yield make
    for endpoint in made:
        endpoint.delete()


def wait_reason(endpoint, job_id, reason):
    wait_for(lambda: endpoint.status(job_id).get("reason") == reason, 30, reason)


def log_lines(endpoint):
    return endpoint.get("logs").text


def options(call, name):
    return [value for at, value in zip(call, call[1:]) if at == name]


def test_an_image_is_pulled_once_and_runs_jobs(runtime, image):
    identity = runtime.add("registry", NAME, 1)
    (runtime.folder / "hold").touch()
    endpoint = image(idleTimeout=1)
    job_id = endpoint.run({"do": "echo"})
    wait_reason(endpoint, job_id, "IMAGE_PULLING")
    assert endpoint.health()["workers"]["initializing"] == 1
    wait_for(lambda: "Trying to pull " + NAME in log_lines(endpoint), 10, "progress in the log")
    (runtime.folder / "hold").unlink()
    output = endpoint.wait(job_id, "COMPLETED")["output"]
    assert (output["argument"], output["greeting"]) == ("first", "hello")
    call = [call for call in runtime.calls("run") if call[-3] == identity][0]
    assert call[-1] == "first"
    assert options(call, "--network") == ["host"]
    assert {"GREETING", "RUNPOD_AI_API_KEY"} <= set(options(call, "--env"))
    wait_for(lambda: not runtime.containers(), 20, "the idle container is gone")
    assert endpoint.runsync({"do": "echo"})["status"] == "COMPLETED"
    assert [call[-3] for call in runtime.calls("run")].count(identity) == 2
    assert runtime.calls("pull").count(["pull", NAME]) == 1


def test_all_workers_of_a_release_run_what_was_pinned_first(runtime, image, fake_up):
    name = "registry.test/team/moving:1"
    first = runtime.add("local", name, 3)
    endpoint = image(name, idleTimeout=1)
    assert endpoint.runsync({"do": "echo"})["status"] == "COMPLETED"
    wait_for(lambda: not runtime.containers(), 20, "the idle container is gone")
    (runtime.folder / "local" / name.replace("/", "+")).unlink()
    runtime.add("local", name, 5)  # the tag has moved; the digest can still be pulled
    pinned = runtime.add("registry", name.replace(":1", ":old"), 3)
    reply = fake_up.request("PATCH", "/v1/endpoints/" + endpoint.id, json={"retries": 0})
    assert reply.json()["version"] == 2
    assert endpoint.runsync({"do": "echo"})["status"] == "COMPLETED"
    assert pinned == first
    assert [call[-3] for call in runtime.calls("run") if call[-3] in (first, "5" * 64)] == [first] * 2
    assert runtime.calls("pull")[-1] == ["pull", "registry.test/team/moving@sha256:" + "4" * 64]


def test_an_image_that_cannot_be_pulled_is_explained(runtime, image):
    endpoint = image("registry.test/team/missing:7")
    job_id = endpoint.run({"do": "echo"})
    wait_reason(endpoint, job_id, "CRASH_LOOP")
    assert "manifest unknown" in endpoint.status(job_id)["detail"]
    assert "manifest unknown" in endpoint.health()["detail"]


def test_an_image_may_serve_http(runtime, fake_up, unique_id):
    name = "registry.test/team/server:1"
    runtime.add("local", name, 9)
    handler = server_handler("model_server.py")
    handler = {"image": name, "command": handler["server"]["command"], "server": {},
               "env": handler["env"]}
    endpoint = fake_up.apply(document(unique_id(), handler))
    reply = endpoint.runsync({"path": "/text"})
    assert reply["status"] == "COMPLETED", reply
    endpoint.delete()


def test_no_container_outlives_its_client_or_its_agent(runtime, image, fake_up):
    name = "registry.test/team/local:1"
    runtime.add("local", name, 7)
    endpoint = image(name, retries=1)
    job_id = endpoint.run({"do": "block"})
    endpoint.wait(job_id, "IN_PROGRESS")
    (name, pid), = runtime.containers().items()
    processes.kill(processes.stat(pid)[1])  # the client
    wait_for(lambda: name not in runtime.containers(), 20, "the container is removed")
    assert not processes.alive(pid)
    wait_for(lambda: runtime.containers(), 20, "the next container")
    endpoint.wait(job_id, "IN_PROGRESS")
    agent = fake_up.pid("agent-0")
    (name, pid), = runtime.containers().items()
    processes.kill(agent)
    wait_for(lambda: name not in runtime.containers(), 20, "the container is removed")
    assert not processes.alive(pid)
    fake_up.wait_restarted("agent-0", agent)
    job = endpoint.wait(job_id, "FAILED")
    assert '"cause":"agent_restarted"' in job["error"]


def test_what_even_the_keeper_could_not_remove_goes_at_the_next_start(runtime, image, fake_up):
    name = "registry.test/team/kept:1"
    runtime.add("local", name, 8)
    endpoint = image(name, retries=0)
    job_id = endpoint.run({"do": "block"})
    endpoint.wait(job_id, "IN_PROGRESS")
    (name, pid), = runtime.containers().items()
    agent = fake_up.pid("agent-0")
    keepers = [child for child in processes.descendants(agent)
               if processes.stat(child)[0] == "millrace-keeper"]
    assert len(keepers) == 1
    for victim in (*keepers, agent):
        processes.kill(victim)
    fake_up.wait_restarted("agent-0", agent)
    endpoint.wait(job_id, "FAILED")
    assert processes.alive(pid)
    assert endpoint.runsync({"do": "echo"})["status"] == "COMPLETED"
    assert name not in runtime.containers() and not processes.alive(pid)


# ---- podman

@pytest.fixture(scope="module")
def podman(tmp_path_factory, tiny):
    podman = Podman(tmp_path_factory.mktemp("podman"), tiny)
    if podman.problem:
        pytest.skip(podman.problem)
    return podman


@pytest.fixture
def podman_up(podman):
    up = podman.up("--slots", 2).start()
    yield up
    up.stop()
    up.remove()
    assert podman.containers() == []


def test_podman_runs_jobs_and_leaves_nothing(podman, podman_up, unique_id, tmp_path):
    (tmp_path / "hello").write_text("from the host\n")
    handler = {"image": "localhost/tiny:1", "command": ["/tiny", "first"], "cwd": "/data",
               "env": {"GREETING": "hello"}, "volumes": ["%s:/data:ro" % tmp_path]}
    endpoint = podman_up.apply(document(unique_id(), handler, retries=0))
    assert endpoint.runsync({"do": "echo"})["output"] == {
        "pid": 1, "argument": "first", "greeting": "hello", "cwd": "/data", "file": "from the host"}

    blocked = endpoint.run({"do": "block"})  # as process 1 it does not heed SIGTERM
    endpoint.wait(blocked, "IN_PROGRESS")
    begin = time.monotonic()
    endpoint.cancel(blocked)
    assert endpoint.runsync({"do": "echo"})["status"] == "COMPLETED"
    assert time.monotonic() - begin < 25  # 10 s until it is ended, and a new one

    killed = endpoint.run({"do": "block"})
    endpoint.wait(killed, "IN_PROGRESS")
    name, = podman.containers()
    processes.kill(podman.pid(name))
    error = endpoint.wait(killed, "FAILED")["error"]
    assert '"cause":"signal","signal":9' in error, error

    orphan = endpoint.run({"do": "block"})
    endpoint.wait(orphan, "IN_PROGRESS")
    name, = podman.containers()
    client, = [pid for pid in processes.descendants(podman_up.pid("agent-0"))
               if processes.command_line(pid).startswith("podman run ")]
    processes.kill(client)
    assert "SIGKILL" in endpoint.wait(orphan, "FAILED")["error"]
    assert name not in podman.containers()

    left = endpoint.run({"do": "block"})
    endpoint.wait(left, "IN_PROGRESS")
    agent, (name,) = podman_up.pid("agent-0"), podman.containers()
    processes.kill(agent)
    wait_for(lambda: name not in podman.containers(), 20, "the container is removed")
    podman_up.wait_restarted("agent-0", agent)
    assert "agent_restarted" in endpoint.wait(left, "FAILED")["error"]
