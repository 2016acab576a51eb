"""GET /metrics of the three programs: what they count is what happened, and what Redis holds."""

import os
import signal
import socket
import subprocess

import pytest
import redis
import requests

from documents import document, library_handler, python_handler
from metrics import Metrics, redis_socket
from millrace_up import BUILD
from processes import free_ports
from transitions import wait_for


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def beside():
    """beside(up, program, args...) starts one more program with --metrics; its port."""
    started = []

    def start(up, program, *args):
        port = free_port()
        log = open(up.data / "log" / (program + "-beside.log"), "wb")
        started.append(subprocess.Popen(
            [str(up.build / program), "--redis", "unix://%s" % redis_socket(up), "--metrics",
             "127.0.0.1:%d" % port, *map(str, args)],
            stdout=log, stderr=log, env=up.environment()))

        def answers():
            assert started[-1].poll() is None, up.tail()
            try:
                return Metrics(port)
            except requests.ConnectionError:
                return None
        wait_for(answers, 20, program)
        return port
    yield start
    for process in started:
        process.terminate()
    for process in started:
        process.wait(30)


def test_a_node_counts_its_requests_by_route_and_status(up, noop):
    def count(status):
        return Metrics(up.port)("millrace_http_requests_total", route="/v2/:ep/runsync",
                                status=status) or 0
    before = count("200"), count("401")
    noop.runsync({})
    requests.post("http://127.0.0.1:%d%s" % (up.port, noop.path("runsync")), json={}, timeout=10)
    assert (count("200"), count("401")) == (before[0] + 1, before[1] + 1)
    metrics = Metrics(up.port)
    name = "millrace_http_request_seconds"
    assert metrics(name + "_count", route="/v2/:ep/runsync") == metrics(
        name + "_bucket", route="/v2/:ep/runsync", le="+Inf")
    assert metrics("millrace_store_ready") == 1


def test_a_node_gives_its_metrics_on_a_port_of_their_own(up, beside):
    """For a collector on another machine, which has no key."""
    port = beside(up, "millrace-api", "--listen", "127.0.0.1:0")
    wait_for(lambda: Metrics(port)("millrace_store_ready") == 1, 10, "the node's Redis")
    assert requests.get("http://127.0.0.1:%d/healthz" % port, timeout=10).status_code == 200
    assert requests.get("http://127.0.0.1:%d/v1/keys" % port, timeout=10).status_code == 404


def test_an_agent_counts_what_became_of_its_jobs(fresh_up, unique_id, beside):
    up = fresh_up("--agents", 0)
    port = beside(up, "millrace-worker", "--node-id", "beside", "--slots", 2)
    endpoint = up.apply(document(unique_id(), python_handler("plain.py"), retries=0,
                                 idleTimeout=60))
    assert endpoint.runsync({"do": "echo"})["status"] == "COMPLETED"
    assert endpoint.runsync({"do": "raise", "why": "x"})["status"] == "FAILED"
    stopped = endpoint.run({"do": "sleep", "seconds": 600})
    endpoint.wait(stopped, "IN_PROGRESS")
    endpoint.cancel(stopped)
    assert endpoint.runsync({"do": "exits", "says": "x", "code": 3})["status"] == "FAILED"
    mine = {"endpoint": endpoint.id}
    wait_for(lambda: Metrics(port)("millrace_cancel_to_free_seconds_count", **mine) == 1, 30,
             "the stopped job is free")
    metrics = Metrics(port)
    assert metrics("millrace_attempts_total", **mine) == 4
    assert metrics("millrace_results_total", status="COMPLETED", **mine) == 1
    assert metrics("millrace_results_total", status="FAILED", **mine) == 1
    assert metrics("millrace_losses_total", cause="died", **mine) == 1
    assert metrics("millrace_job_delay_seconds_count", **mine) == 2
    assert metrics("millrace_worker_start_seconds_count", **mine) >= 1
    assert metrics("millrace_worker_seconds_total", state="busy", **mine) > 0
    assert metrics("millrace_worker_seconds_total", state="starting", **mine) > 0
    assert metrics("millrace_slots") == 2


def test_an_agent_measures_its_streams(fresh_up, unique_id, beside):
    up = fresh_up("--agents", 0)
    port = beside(up, "millrace-worker", "--node-id", "beside", "--slots", 1)
    endpoint = up.apply(document(unique_id(), python_handler("words.py")))
    status, chunks = endpoint.stream(endpoint.run({"text": "one two three"}))
    assert status == "COMPLETED" and chunks
    assert Metrics(port)("millrace_stream_ack_seconds_count", endpoint=endpoint.id) >= 1


def test_gpu_seconds_are_those_of_the_cards_given(fresh_up, unique_id, beside, tmp_path):
    cards = tmp_path / "cards"
    cards.write_text("GPU-1 NVIDIA Fake 16384\nGPU-2 NVIDIA Fake 16384\n")
    up = fresh_up("--agents", 0)
    port = beside(up, "millrace-worker", "--node-id", "beside", "--fake-gpus", cards)
    endpoint = up.apply(document(unique_id(), library_handler("noop.so"), gpuCount=2,
                                 gpuTypeIds=["nvidia fake"], idleTimeout=60))
    assert endpoint.runsync({})["status"] == "COMPLETED"

    def idle(name):
        return Metrics(port)(name, endpoint=endpoint.id, state="idle")
    wait_for(lambda: idle("millrace_gpu_seconds_total") > 1, 20, "a second of two idle cards")
    assert idle("millrace_gpu_seconds_total") >= 1.9 * idle("millrace_worker_seconds_total") - 2


def test_up_gives_each_program_its_metrics_port(fresh_up, unique_id):
    base = free_ports(2)
    up = fresh_up("--slots", 1, "--metrics-port", base, env={"MILLRACE_METRICS": "127.0.0.1:1"})
    endpoint = up.apply(document(unique_id(), library_handler("noop.so"), workersMin=3, workersMax=3,
                                 gpuTypeIds=["NVIDIA Dream"], gpuCount=2))
    assert Metrics(base + 1)("millrace_slots") == 1
    wait_for(lambda: Metrics(base)("millrace_workers_unplaced", gpu="NVIDIA Dream") == 3, 20,
             "three workers without a machine")
    assert Metrics(base)("millrace_gpus_unplaced", gpu="NVIDIA Dream") == 6
    assert Metrics(base)("millrace_webhook_oldest_seconds", endpoint=endpoint.id) == 0


def test_the_leader_tells_what_a_recount_finds(fresh_up, unique_id, beside):
    up = fresh_up("--slots", 1)
    port = beside(up, "millrace-scheduler", "--node-id", "beside")
    assert Metrics(port)("millrace_scheduler_leading") == 0
    parked = up.apply(document(unique_id(), {"command": ["true"]}, workersMax=0))
    for _ in range(3):
        parked.run({})
    for _ in range(2):
        parked.run({}, policy={"lowPriority": True})
    hooked = up.apply(document(unique_id(), {"command": ["true"]}, workersMax=0))
    hooked.cancel(hooked.run({}, webhook="http://127.0.0.1:9/"))  # nobody listens there
    up_scheduler = up.pid("scheduler-0")
    os.kill(up_scheduler, signal.SIGSTOP)
    try:
        wait_for(lambda: Metrics(port)("millrace_scheduler_leading") == 1, 20, "it leads")
        mine = {"endpoint": parked.id}
        wait_for(lambda: Metrics(port)("millrace_queue_jobs", **mine) == 5, 10, "five jobs")
        metrics = Metrics(port)
        client = redis.Redis(unix_socket_path=str(redis_socket(up)), decode_responses=True)
        prefix = "mr:{%s}:" % parked.id
        assert metrics("millrace_queue_jobs", **{"class": "normal"}, **mine) == client.llen(
            prefix + "q")
        assert metrics("millrace_queue_jobs", **{"class": "low"}, **mine) == client.llen(
            prefix + "q:low")
        assert metrics("millrace_queue_oldest_seconds", **{"class": "low"}, **mine) > 0
        assert metrics("millrace_jobs_submitted_total", **mine) == 5
        assert metrics("millrace_wait_reason", reason="PAUSED", **mine) == 1
        assert metrics("millrace_workers", **mine) == 0
        assert metrics("millrace_agents", state="live") == 1
        outbox = "mr:{%s}:hooks" % hooked.id  # due long ago: the node that held it is away
        os.kill(up.pid("api-0"), signal.SIGSTOP)
        client.zadd(outbox, {client.zrange(outbox, 0, 0)[0]: client.time()[0] * 1000 - 90000})
        wait_for(lambda: 90 <= Metrics(port)("millrace_webhook_oldest_seconds",
                                             endpoint=hooked.id) < 120, 10, "an old delivery")
        client.close()
    finally:
        os.kill(up.pid("api-0"), signal.SIGCONT)
        os.kill(up_scheduler, signal.SIGCONT)


@pytest.mark.parametrize("program", ["millrace-api", "millrace-scheduler", "millrace-worker"])
def test_a_metrics_port_that_is_taken_ends_the_program(program, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        done = subprocess.run([BUILD / program, "--redis", "unix://%s/none.sock" % tmp_path,
                               "--metrics", address], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    assert program + ": cannot listen on " + address in done.stderr


def test_a_second_agent_of_a_name_is_refused(up):
    """It would give back the jobs of the first."""
    done = subprocess.run([str(up.build / "millrace-worker"), "--node-id", "agent-0", "--redis",
                           "unix://%s" % redis_socket(up)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "agent-0" in done.stderr and done.stderr.count("\n") == 1


def test_a_metrics_port_is_of_one_program(up, beside):
    """Two that share it would be asked by turns."""
    port = beside(up, "millrace-scheduler", "--node-id", "first")
    done = subprocess.run([str(up.build / "millrace-scheduler"), "--node-id", "second", "--redis",
                           "unix://%s" % redis_socket(up), "--metrics", "127.0.0.1:%d" % port],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "choose another --metrics" in done.stderr
