"""Two schedulers: one leads, the other takes over, and the one that was paused can do no harm.
Agents that are silent are noticed."""

import os
import signal
import subprocess
import time

import pytest
import redis
import requests

from documents import document, library_handler, python_handler
from processes import free_ports
from transitions import wait_for


@pytest.fixture
def beside():
    """beside(up, program, args...) starts one more program; its log as a function."""
    started = []

    def start(up, program, node, *args):
        path = up.data / "log" / (node + ".log")
        with open(path, "wb") as log:
            started.append(subprocess.Popen(
                [str(up.build / program), "--redis", "unix://%s/redis/redis.sock" % up.data,
                 "--node-id", node, *map(str, args)], stdout=log, stderr=log,
                env=up.environment()))
        return lambda: path.read_text(errors="replace")
    yield start
    for process in started:
        process.terminate()
    for process in started:
        process.wait(30)


@pytest.fixture
def system():
    """system(up): Redis as the schedulers see it."""
    clients = []

    def connect(up):
        clients.append(redis.Redis(unix_socket_path="%s/redis/redis.sock" % up.data,
                                   decode_responses=True))
        return clients[-1]
    yield connect
    for client in clients:
        client.close()


def leader(client):
    return client.get("mr:{sys}:leader") or ""


def test_a_second_scheduler_takes_over_and_the_first_does_no_harm(fresh_up, beside, system,
                                                                  unique_id):
    up = fresh_up("--slots", 2)
    client = system(up)
    wait_for(lambda: leader(client).startswith("scheduler-0"), 10, "the first leads")
    old_epoch = int(client.get("mr:{sys}:epoch"))
    said = beside(up, "millrace-scheduler", "second")
    wait_for(lambda: "event=store.ready" in said(), 10, "it is there")
    os.kill(up.pid("scheduler-0"), signal.SIGSTOP)
    begin = time.monotonic()
    try:
        wait_for(lambda: leader(client).startswith("second"), 10, "the second leads")
        assert time.monotonic() - begin <= 6.5  # 5 s of the lock, and the look after it
        endpoint = up.apply(document(unique_id(), library_handler("noop.so"), idleTimeout=60))
        assert endpoint.runsync({})["status"] == "COMPLETED"
        epoch = client.get("mr:{sys}:epoch")
        assert int(epoch) > old_epoch
        assigned = client.hgetall("mr:{sys}:assign:agent-0")
        assert assigned[endpoint.id] == "1"
    finally:
        os.kill(up.pid("scheduler-0"), signal.SIGCONT)
    wait_for(lambda: "event=leader.ended" in up.log("scheduler-0"), 10, "the first has noticed")
    assert leader(client).startswith("second")
    assert client.get("mr:{sys}:epoch") == epoch
    assert client.hgetall("mr:{sys}:assign:agent-0") == assigned
    assert endpoint.runsync({})["status"] == "COMPLETED"


def test_jobs_of_a_silent_machine_run_on_another(fresh_up, beside, unique_id):
    port = free_ports(2)
    up = fresh_up("--slots", 1, "--metrics-port", port)
    endpoint = up.apply(document(unique_id(), python_handler("plain.py"), workersMax=1,
                                 idleTimeout=60))
    job = endpoint.run({"do": "sleep", "seconds": 3})
    endpoint.wait(job, "IN_PROGRESS")
    beside(up, "millrace-worker", "other", "--slots", 1)
    os.kill(up.pid("agent-0"), signal.SIGSTOP)
    begin = time.monotonic()
    try:
        def is_live():
            return {one["id"]: one["live"] for one in up.get("/v1/agents").json()}
        wait_for(lambda: is_live().get("agent-0") is False, 20, "it is noticed")
        assert time.monotonic() - begin <= 16.5
        assert is_live()["other"] is True
        assert endpoint.wait(job, timeout=60)["status"] == "COMPLETED"
        assert endpoint.status(job)["workerId"].startswith("other-")
        text = requests.get("http://127.0.0.1:%d/metrics" % port, timeout=10).text
        assert ('millrace_losses_total{endpoint="%s",cause="lease_lapsed"} 1\n' % endpoint.id) in text
    finally:
        os.kill(up.pid("agent-0"), signal.SIGCONT)
