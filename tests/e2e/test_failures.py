"""Programs and handlers that die: an accepted job still ends truthfully, clients notice nothing."""

import json
import os
import signal
import threading
import time

import pytest

import processes
from documents import document, library_handler, python_handler
from millrace_up import FINAL, wait_for


@pytest.fixture
def files(tmp_path):
    return {"marker": str(tmp_path / "marker"), "until": str(tmp_path / "until")}


class Clients:
    """A steady load of runsync and run + status on one endpoint; counts what went wrong."""

    def __init__(self, endpoint, threads=3):
        self.endpoint, self.wrong, self.done = endpoint, [], 0
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(n,), daemon=True)
                        for n in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_for(lambda: self.done >= 5 or self.wrong, 60, "the first answers")
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)

    def work(self, number):
        count = 0
        while not self.stopping.is_set():
            count += 1
            given = {"n": [number, count]}
            try:
                if count % 2:
                    job = self.endpoint.runsync(given, wait_ms=30000)
                    if job["status"] not in FINAL:  # a node that stops hands the waiting over
                        job = self.endpoint.wait(job["id"], timeout=60)
                else:
                    job = self.endpoint.wait(self.endpoint.run(given), timeout=60)
                if job.get("output") != given:
                    self.wrong.append(job)
            except Exception as error:  # noqa: BLE001 - whatever a client sees is the finding
                self.wrong.append(repr(error)[:600])
            self.done += 1
            time.sleep(0.01)

    def wait_more(self, count, timeout=60):
        goal = self.done + count
        wait_for(lambda: self.done >= goal, timeout, "%d more answers" % count)


# ---- handlers

def test_killed_handler_runs_its_job_again(plain, files):
    job_id = plain.run({"do": "marks", **files})
    wait_for(lambda: os.path.exists(files["marker"]), 30)
    first = int(open(files["marker"]).read())
    os.kill(first, signal.SIGKILL)
    open(files["until"], "w").close()
    job = plain.wait(job_id)
    assert (job["status"], job["retries"]) == ("COMPLETED", 1)
    assert job["output"]["pid"] != first
    assert plain.health()["jobs"] == {"completed": 1, "failed": 0, "inProgress": 0, "inQueue": 0,
                                      "retried": 1}


def test_handler_that_kills_itself_once(plain, files):
    job = plain.runsync({"do": "dies-once", "marker": files["marker"]})
    assert (job["status"], job["retries"]) == ("COMPLETED", 1)


def test_handler_that_dies_twice_fails_with_signal_and_last_words(plain):
    job = plain.runsync({"do": "dies"})
    assert job["status"] == "FAILED"
    assert "SIGSEGV" in job["error"] or "signal 11" in job["error"]
    assert "last words of the handler" in job["error"]
    assert plain.health()["jobs"]["failed"] == 1


def test_job_of_a_killed_handler_is_not_waiting_for_its_lease(plain, files):
    job_id = plain.run({"do": "marks", **files})
    wait_for(lambda: os.path.exists(files["marker"]), 30)
    since = time.monotonic()
    os.kill(int(open(files["marker"]).read()), signal.SIGKILL)
    wait_for(lambda: plain.status(job_id).get("retries") == 1, 10)
    assert time.monotonic() - since < 5
    open(files["until"], "w").close()
    plain.wait(job_id)


def test_handler_that_exits_at_once_is_said_and_does_not_spin(make_endpoint):
    command = {"command": ["sh", "-c", "echo cannot find my model >&2; exit 3"]}
    endpoint = make_endpoint(command)
    job_id = endpoint.run({})
    log = wait_for(lambda: [line for line in endpoint.up.log("agent-0").splitlines()
                            if endpoint.id in line and ("exit" in line)] or None, 30)
    assert any("3" in line for line in log)
    time.sleep(6)
    starts = [line for line in endpoint.up.log("agent-0").splitlines()
              if endpoint.id in line and "exit" in line]
    assert len(starts) < 12, "the breaker holds it back"
    assert endpoint.status(job_id)["status"] == "IN_QUEUE"


def test_command_that_does_not_exist_is_said(make_endpoint):
    endpoint = make_endpoint({"command": ["/no/such/program"]})
    endpoint.run({})
    wait_for(lambda: "/no/such/program" in endpoint.up.log("agent-0"), 30)


# ---- programs

@pytest.fixture
def private(fresh_up):
    """An up of its own with a noop endpoint."""
    up = fresh_up("--slots", 3)
    return up, up.apply(document("noop", library_handler("noop.so"), workersMin=1, workersMax=2))


def test_killed_agent_leaves_no_handler_and_its_job_runs_again(fresh_up, files):
    up = fresh_up("--slots", 1)
    endpoint = up.apply(document("plain", python_handler("plain.py")))
    job_id = endpoint.run({"do": "marks", **files})
    wait_for(lambda: os.path.exists(files["marker"]), 30)
    handler, agent = int(open(files["marker"]).read()), up.pid("agent-0")
    os.kill(agent, signal.SIGKILL)
    assert processes.wait_gone([handler], 5) == []
    open(files["until"], "w").close()
    job = endpoint.wait(job_id)
    assert (job["status"], job["retries"]) == ("COMPLETED", 1)
    assert job["output"]["pid"] != handler
    up.wait_restarted("agent-0", agent)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_redis_restart_fails_no_client_request(private, number):
    up, endpoint = private
    before = endpoint.run({"n": 0})
    endpoint.wait(before)
    with Clients(endpoint) as clients:
        old = up.pid("redis")
        os.kill(old, number)
        up.wait_restarted("redis", old)
        clients.wait_more(10)
    assert clients.wrong == []
    assert endpoint.status(before)["output"] == {"n": 0}
    assert endpoint.health()["jobs"]["inQueue"] == 0


@pytest.mark.parametrize("name", ["api-0", "scheduler-0", "agent-0"])
def test_restart_of_a_program_fails_no_client_request(private, name):
    up, endpoint = private
    with Clients(endpoint) as clients:
        old = up.pid(name)
        os.kill(old, signal.SIGTERM)
        up.wait_restarted(name, old)
        clients.wait_more(10)
    assert clients.wrong == []
    jobs = endpoint.health()["jobs"]
    assert (jobs["failed"], jobs["retried"]) == (0, 0)


def test_result_posted_while_redis_is_away_is_not_lost(fresh_up, tmp_path):
    from raw_worker import RawWorker, puppet_handler
    up = fresh_up("--slots", 1)
    endpoint = up.apply(document("raw", puppet_handler(tmp_path), workersMin=1))
    worker, = RawWorker.wait_all(tmp_path)
    job_id = endpoint.run({})
    worker.take()
    old = up.pid("redis")
    os.kill(old, signal.SIGKILL)
    worker.done(job_id, '{"output": "kept"}')
    up.wait_restarted("redis", old)
    job = endpoint.wait(job_id)
    assert (job["output"], job.get("retries")) == ("kept", None)


def test_counters_survive_restarts_of_everything(private):
    up, endpoint = private
    for n in range(5):
        endpoint.runsync({"n": n})
    before = endpoint.health()["jobs"]
    for name in ("redis", "api-0", "scheduler-0", "agent-0"):
        old = up.pid(name)
        os.kill(old, signal.SIGTERM)
        up.wait_restarted(name, old)
    assert endpoint.health()["jobs"] == before
    assert json.dumps(endpoint.runsync({"n": 5})["output"]) == '{"n": 5}'
