"""26-43: the job object in each state, runsync and status-sync."""

import json
import time

from millrace_up import wait_for
from stage import JSON_TYPE, Timed, hand_over, later
from table import check


@check(26, "a waiting job shows its id and status, neither output nor error")
def c26(stage):
    endpoint = stage.parked()
    job_id = endpoint.run({"x": 1})
    job = endpoint.status(job_id)
    assert (job["id"], job["status"]) == (job_id, "IN_QUEUE")
    assert not {"output", "error", "delayTime", "executionTime", "workerId", "input"} & set(job)


@check(27, "a running job shows delayTime and workerId")
def c27(stage):
    endpoint, worker, job_id = stage.running()
    job = endpoint.status(job_id)
    assert (job["status"], job["workerId"]) == ("IN_PROGRESS", worker.id)
    assert type(job["delayTime"]) is int and job["delayTime"] >= 0
    assert "executionTime" not in job


@check(28, "a finished job shows its output, executionTime, delayTime and workerId")
def c28(stage):
    endpoint, worker, job_id = stage.running()
    worker.done(job_id, json.dumps({"output": {"a": [1, None, "x"]}}))
    job = endpoint.status(job_id)
    assert (job["status"], job["output"]) == ("COMPLETED", {"a": [1, None, "x"]})
    assert all(type(job[key]) is int and job[key] >= 0 for key in ("executionTime", "delayTime"))
    assert job["workerId"] == worker.id and "retries" not in job


@check(29, "a job that did not fail has no error, not even an empty one")
def c29(stage):
    endpoint, worker = stage.pair()
    job_id = endpoint.run({})
    seen = [endpoint.status(job_id)]
    worker.take()
    seen.append(endpoint.status(job_id))
    worker.done(job_id, '{"output": 1, "error": null}')
    seen.append(endpoint.status(job_id))
    assert [job["status"] for job in seen] == ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
    assert not any("error" in job for job in seen)
    cancelled = endpoint.run({})
    assert "error" not in endpoint.cancel(cancelled)
    assert "error" not in endpoint.status(cancelled)


@check(30, "a posted error makes the job FAILED, and the error is always text")
def c30(stage):
    endpoint, worker = stage.pair()
    for posted, shown in (("broke", "broke"), ({"code": 7}, None), (17, "17"), (["a"], None)):
        job_id = hand_over(endpoint, worker)
        worker.done(job_id, json.dumps({"error": posted}))
        job = endpoint.status(job_id)
        assert job["status"] == "FAILED" and isinstance(job["error"], str)
        assert job["error"] == shown if shown else json.loads(job["error"]) == posted


@check(31, "output and error together: FAILED, and both are shown")
def c31(stage):
    endpoint, worker, job_id = stage.running()
    worker.done(job_id, '{"output": {"half": 1}, "error": "broke"}')
    job = endpoint.status(job_id)
    assert (job["status"], job["output"], job["error"]) == ("FAILED", {"half": 1}, "broke")


@check(32, "an empty result: COMPLETED without output")
def c32(stage):
    endpoint, worker, job_id = stage.running()
    worker.done(job_id, "{}")
    job = endpoint.status(job_id)
    assert job["status"] == "COMPLETED" and "output" not in job


@check(33, "status may be posted")
def c33(stage):
    endpoint = stage.parked()
    job_id = endpoint.run({})
    for headers in ({}, JSON_TYPE):
        reply = stage.raw("POST", endpoint.path("status", job_id), headers=headers)
        assert (reply.status_code, reply.json()["status"]) == (200, "IN_QUEUE")


@check(34, "RUNNING is never a status")
def c34(stage):
    endpoint, worker = stage.pair()
    seen = []

    def look(job_id):
        while not seen or seen[-1] != "COMPLETED":
            seen.append(endpoint.status(job_id)["status"])
    job_id = endpoint.run({})
    looking = later(look, job_id)
    worker.take()
    worker.progress(job_id, 1)
    worker.done(job_id, "{}")
    looking.result()
    listed = {job["status"] for job in endpoint.get("requests").json()["requests"]}
    assert set(seen) | listed <= {"IN_QUEUE", "IN_PROGRESS", "COMPLETED"}


@check(35, "progress is the output while the job runs")
def c35(stage):
    endpoint, worker, job_id = stage.running()
    for value in ({"percent": 10}, "half"):
        worker.progress(job_id, value)
        wait_for(lambda: endpoint.status(job_id).get("output") == value, 5)
    assert endpoint.status(job_id)["status"] == "IN_PROGRESS"


@check(36, "progress that arrives after the result changes nothing")
def c36(stage):
    endpoint, worker, job_id = stage.running()
    worker.done(job_id, '{"output": "all"}')
    worker.progress(job_id, "late")
    job = endpoint.status(job_id)
    assert (job["status"], job["output"]) == ("COMPLETED", "all")


@check(37, "runsync gives the finished job in one call")
def c37(stage):
    endpoint, worker = stage.pair()
    asked = later(endpoint.runsync, {"n": 1})
    job = worker.take()
    worker.done(job["id"], '{"output": 7}')
    answer = asked.result(20)
    assert (answer["id"], answer["status"], answer["output"]) == (job["id"], "COMPLETED", 7)
    assert {"delayTime", "executionTime", "workerId"} <= set(answer)


@check(38, "runsync that waits in vain answers after the wait with the id, IN_QUEUE")
def c38(stage):
    endpoint = stage.parked()
    with Timed() as timed:
        job = endpoint.runsync({}, wait_ms=1000)
    assert 0.9 < timed.took < 3
    assert job["status"] == "IN_QUEUE" and job["id"]


@check(39, "a wait out of range is clamped, one that is no number is ignored")
def c39(stage):
    endpoint, worker = stage.pair()
    with Timed() as timed:
        short = endpoint.runsync({}, wait_ms=1)
    assert 0.9 < timed.took < 3 and short["status"] == "IN_QUEUE"
    worker.take()
    for wait in (10 ** 9, "soon", -5):
        asked = later(endpoint.get, "status-sync", short["id"], params={"wait": wait})
        if wait == -5:
            assert asked.result(5).json()["status"] == "IN_PROGRESS"
        else:
            time.sleep(1.5)
            assert not asked.is_done()
    worker.done(short["id"], "{}")
    assert asked.result(5).status_code == 200


@check(40, "runsync of a job that fails is answered 200")
def c40(stage):
    endpoint, worker = stage.pair()
    asked = later(endpoint.runsync, {})
    worker.done(worker.take()["id"], '{"error": "broke"}')
    assert asked.result(20)["status"] == "FAILED"


@check(41, "status-sync answers within about 100 ms after the end")
def c41(stage):
    endpoint, worker = stage.pair()
    gaps = []
    for _ in range(5):
        job_id = hand_over(endpoint, worker)
        asked = later(endpoint.get, "status-sync", job_id)
        time.sleep(0.3)
        assert not asked.is_done()
        worker.done(job_id, '{"output": 3}')
        since = time.monotonic()
        assert asked.result(10).json()["status"] == "COMPLETED"
        gaps.append(asked.ended_at - since)
    assert min(gaps) < 0.1 and max(gaps) < 1.0, gaps  # others share the machine


@check(42, "status-sync that waits in vain: 200 with the state")
def c42(stage):
    endpoint = stage.parked()
    job_id = endpoint.run({})
    for method in ("GET", "POST"):
        with Timed() as timed:
            reply = stage.raw(method, endpoint.path("status-sync", job_id) + "?wait=1000")
        assert 0.9 < timed.took < 3
        assert (reply.status_code, reply.json()["status"]) == (200, "IN_QUEUE")


@check(43, "a client that hangs up does not cancel its job")
def c43(stage):
    endpoint, worker = stage.pair()
    one = stage.connect(stage.head("POST", endpoint.path("runsync"), Content_Length=11)
                        + '{"input":1}')
    job_id = worker.take()["id"]
    one.close()
    time.sleep(0.5)
    assert endpoint.status(job_id)["status"] == "IN_PROGRESS"
    worker.done(job_id, '{"output": "kept"}')
    assert endpoint.status(job_id)["output"] == "kept"
