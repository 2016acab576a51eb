"""Workers run through their states, and whoever counts them agrees: the leader's gauges, /health, and
a recount of what the agents have reported to Redis."""

import collections
import json
import os
import signal
import socket

import pytest
import redis

import processes
from containers import FakeRuntime
from documents import document
from metrics import Metrics, redis_socket
from millrace_up import wait_for
from raw_worker import RawWorker, puppet_handler

STATES = ("initializing", "pulling", "idle", "running", "unhealthy", "throttled")


class Counts:
    """What each of the three says of one endpoint's workers, as {state: count} without zeros."""

    def __init__(self, up, metrics_port):
        self.up, self.port = up, metrics_port
        self.redis = redis.Redis(unix_socket_path=str(redis_socket(up)), decode_responses=True)

    def gauges(self, endpoint):
        metrics = Metrics(self.port)
        found = {state: metrics("millrace_workers", endpoint=endpoint.id, state=state)
                 for state in STATES}
        return {state: count for state, count in found.items() if count}

    def recount(self, endpoint):
        states = collections.Counter()
        for value in self.redis.hvals("mr:{%s}:workers" % endpoint.id):
            states[value.split(" ")[0]] += 1
        throttled = int(self.redis.hget("mr:{%s}:stats" % endpoint.id, "throttled") or 0)
        return dict(states, **({"throttled": throttled} if throttled else {}))

    @staticmethod
    def health(endpoint):
        found = endpoint.health()["workers"]
        assert found.pop("ready") == found["idle"], found
        return {state: count for state, count in found.items() if count}

    def all(self, endpoint):
        return self.gauges(endpoint), self.recount(endpoint), self.health(endpoint)

    def wait(self, endpoint, **wanted):
        """Until all three say so; /health has no word for pulling."""
        coarse = dict(wanted)
        if "pulling" in coarse:
            coarse["initializing"] = coarse.get("initializing", 0) + coarse.pop("pulling")

        def agree():
            found = self.all(endpoint)
            return found == (wanted, wanted, coarse)
        try:
            wait_for(agree, 30, "an agreement")
        except AssertionError:
            pytest.fail("wanted %s, have (gauges, Redis, /health) %s" % (wanted, self.all(endpoint)))


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def counted(fresh_up):
    """counted(slots) starts an up: (up, Counts)"""
    def start(slots, **env):
        base = processes.free_ports(3)
        up = fresh_up("--slots", slots, "--metrics-port", base, env=env)
        wait_for(lambda: listens(base), 20, "the scheduler's metrics")
        return up, Counts(up, base)
    return start


def test_from_start_to_drain(counted, tmp_path):
    up, counts = counted(2)
    settings = {"workersMin": 2, "workersMax": 2, "idleTimeout": 600, "limits": "off"}
    endpoint = up.apply(document("states", puppet_handler(tmp_path), **settings))
    counts.wait(endpoint, initializing=2)
    workers = RawWorker.wait_all(tmp_path, 2)
    takes = [worker.take_later() for worker in workers]
    counts.wait(endpoint, idle=2)
    endpoint.run({})
    wait_for(lambda: any(take.answers for take in takes), 20, "a take")
    counts.wait(endpoint, idle=1, running=1)
    endpoint.run({})
    counts.wait(endpoint, running=2)
    # busy ones of a former release drain; they are there, and no lack
    settings.update(workersMin=1, workersMax=1)
    up.apply(document("states", dict(puppet_handler(tmp_path), env={"RELEASE": "2"}), **settings))
    wait_for(lambda: Metrics(counts.port)("millrace_workers_wanted", endpoint="states") == 1, 20,
             "the decision")
    counts.wait(endpoint, running=2)
    for worker, take in zip(workers, takes):
        take.join(20)
        worker.done(json.loads(take.answers[0][2])["id"], '{"output": 1}')
    counts.wait(endpoint, initializing=1)  # of the new release: both have gone
    processes.wait_gone([int(worker.env["PUPPET_PID"]) for worker in workers])
    assert endpoint.health()["jobs"]["completed"] == 2


def test_a_lack_of_room_is_throttled(counted, tmp_path):
    up, counts = counted(2)
    endpoint = up.apply(document("lack", puppet_handler(tmp_path), workersMin=3, workersMax=3))
    counts.wait(endpoint, initializing=2, throttled=1)
    endpoint = up.apply(document("lack", puppet_handler(tmp_path), workersMin=1, workersMax=1))
    counts.wait(endpoint, initializing=1)


def test_what_dies_at_its_start_is_unhealthy(counted):
    up, counts = counted(1)
    endpoint = up.apply(document("dies", {"command": ["false"]}, workersMin=1, workersMax=1))
    counts.wait(endpoint, unhealthy=1)
    endpoint.delete()


def test_a_worker_whose_image_is_pulled_is_not_ready(counted, tmp_path):
    runtime = FakeRuntime(tmp_path / "runtime")
    (runtime.folder / "hold").touch()
    up, counts = counted(1, **runtime.env)
    endpoint = up.apply(document("pulls", {"image": "registry.test/a/b:1"}, workersMin=1,
                                 workersMax=1))
    counts.wait(endpoint, pulling=1)
    (runtime.folder / "hold").unlink()  # there is no such image
    counts.wait(endpoint, unhealthy=1)
    endpoint.delete()


def test_the_workers_of_a_machine_that_is_gone_are_none(counted, tmp_path):
    up, counts = counted(2)
    endpoint = up.apply(document("gone", puppet_handler(tmp_path), workersMin=1, workersMax=1))
    (worker,) = RawWorker.wait_all(tmp_path)
    worker.take_later()
    counts.wait(endpoint, idle=1)
    agent = up.pid("agent-0")
    os.kill(agent, signal.SIGSTOP)
    try:
        counts.wait(endpoint, throttled=1)
    finally:
        os.kill(agent, signal.SIGCONT)
    counts.wait(endpoint, idle=1)
