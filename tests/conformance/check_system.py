"""121, 122: restarts, on a system of their own."""

import os
import signal
import sys
import time

import processes
from documents import document
from millrace_up import Up
from raw_worker import RawWorker
from stage import FOLDER, hand_over, puppet
from table import check

PROGRAMS = ("redis", "api-0", "scheduler-0")


def own_up(stage, **options):
    up = Up("--slots", 2, **options).start()
    stage.on_close.callback(up.remove)
    stage.on_close.callback(up.kill)
    return up


@check(121, "a restart of everything keeps waiting, running and finished jobs", is_slow=True)
def c121(stage):
    up = own_up(stage)
    endpoint = up.apply(document("kept", puppet(stage.folder), workersMin=1))
    worker, = RawWorker.wait_all(stage.folder, timeout=60)
    finished = hand_over(endpoint, worker)
    worker.done(finished, '{"output": 1}')
    failed = hand_over(endpoint, worker)
    worker.done(failed, '{"error": "broke"}')
    running, waiting = hand_over(endpoint, worker, {"n": 1}), endpoint.run({"n": 2})
    counters = endpoint.health()["jobs"]
    up.stop()
    (stage.folder / (worker.id + ".json")).unlink()
    up.start()
    assert endpoint.status(finished)["output"] == 1
    assert endpoint.status(failed)["error"] == "broke"
    worker, = RawWorker.wait_all(stage.folder, timeout=60)
    assert [worker.take()["id"] for _ in range(2)] == [running, waiting]
    for job_id in (running, waiting):
        worker.done(job_id, '{"output": 2}')
        assert endpoint.status(job_id)["status"] == "COMPLETED"
    after = endpoint.health()["jobs"]
    assert (after["completed"], after["failed"]) == (counters["completed"] + 2, 1)
    up.stop()


@check(122, "while programs restart no post of a worker is refused or cut off", is_slow=True)
def c122(stage):
    up = own_up(stage)
    command = {"command": [sys.executable, str(FOLDER / "puppet.py"), str(stage.folder), "stay"]}
    endpoint = up.apply(document("posting", command, workersMin=1))
    worker, = RawWorker.wait_all(stage.folder, timeout=60)
    job_id = hand_over(endpoint, worker)
    posted = 0

    def post_for(seconds):
        nonlocal posted
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            worker.chunk(job_id, '{"output": %d}' % posted)
            posted += 1
    for name in PROGRAMS:
        old = up.pid(name)
        os.kill(old, signal.SIGTERM)
        while up.pid(name) in (None, old):
            post_for(0.1)
        post_for(1)
    agent = up.pid("agent-0")
    os.kill(agent, signal.SIGTERM)
    post_for(3)
    worker.done(job_id, '{"output": []}', stream="true")
    worker.done(job_id, '{"output": "again"}')
    processes.kill(int(worker.env["PUPPET_PID"]))
    job = endpoint.wait(job_id)
    assert job["status"] == "COMPLETED" and "retries" not in job
    assert [chunk["output"] for chunk in endpoint.stream(job_id)[1]] == list(range(posted))
    up.wait_restarted("agent-0", agent)
    up.stop()
