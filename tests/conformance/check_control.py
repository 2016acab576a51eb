"""65-76: cancel, retry, purge, counters, the latest requests."""

import json
import time

from millrace_up import wait_for
from stage import JSON_TYPE, Timed, assert_error, gone_after, hand_over, later
from table import check

JOB_COUNTERS = {"completed", "failed", "inProgress", "inQueue", "retried"}
WORKER_COUNTERS = {"idle", "initializing", "ready", "running", "throttled", "unhealthy"}


@check(65, "a waiting job that is cancelled is CANCELLED, and no worker gets it")
def c65(stage):
    endpoint, worker = stage.pair()
    cancelled, kept = endpoint.run({}), endpoint.run({})
    reply = endpoint.cancel(cancelled)
    assert (reply["id"], reply["status"]) == (cancelled, "CANCELLED")
    assert worker.take()["id"] == kept
    worker.done(kept, "{}")
    pending = worker.take_later()
    time.sleep(1)
    assert pending.answers == []
    job = endpoint.status(cancelled)
    assert (job["status"], job["executionTime"], job["workerId"]) == ("CANCELLED", 0, "")
    assert type(job["delayTime"]) is int and "output" not in job


@check(66, "a running job that is cancelled is CANCELLED at once; its worker is told, and what it "
           "posts later changes nothing")
def c66(stage):
    endpoint, worker, job_id = stage.running()
    told = later(worker.stop_list)
    with Timed() as timed:
        assert endpoint.cancel(job_id)["status"] == "CANCELLED"
        assert endpoint.status(job_id)["status"] == "CANCELLED"
    assert timed.took < 2
    assert told.result(10) == (200, [job_id])
    worker.done(job_id, '{"output": "late"}')
    job = endpoint.status(job_id)
    assert job["status"] == "CANCELLED" and "output" not in job


@check(67, "cancelling a finished job is answered with its state")
def c67(stage):
    endpoint, worker = stage.pair()
    for posted, state in (('{"output":1}', "COMPLETED"), ('{"error":"x"}', "FAILED")):
        job_id = hand_over(endpoint, worker)
        worker.done(job_id, posted)
        reply = stage.raw("POST", endpoint.path("cancel", job_id))
        assert (reply.status_code, reply.json()["status"]) == (200, state)
        assert endpoint.status(job_id)["status"] == state
    cancelled = endpoint.run({})
    assert [endpoint.cancel(cancelled)["status"] for _ in range(2)] == ["CANCELLED"] * 2


@check(68, "a failed job that is retried waits again under its id, without output and error; the "
           "worker gets the same input")
def c68(stage):
    endpoint, worker, job_id = stage.running({"n": [1, 2]}, {"s3Config": {"accessId": "i"}})
    worker.chunk(job_id, '{"output": "old"}')
    worker.done(job_id, '{"error": "broke", "output": "half"}')
    assert endpoint.status(job_id)["status"] == "FAILED"
    reply = stage.raw("POST", endpoint.path("retry", job_id))
    assert (reply.status_code, reply.json()) == (200, {"id": job_id, "status": "IN_QUEUE"})
    job = endpoint.status(job_id)
    assert job["status"] == "IN_QUEUE" and not {"output", "error", "executionTime"} & set(job)
    again = worker.take()
    assert (again["id"], again["input"], again["s3Config"]) == (job_id, {"n": [1, 2]},
                                                              {"accessId": "i"})
    worker.chunk(job_id, '{"output": "new"}')
    worker.done(job_id, '{"output": "whole"}')
    job = endpoint.status(job_id)
    assert (job["status"], job["output"], job["retries"]) == ("COMPLETED", "whole", 1)
    assert endpoint.stream(job_id)[1] == [{"output": "new"}]


@check(69, "a job that was TIMED_OUT can be retried", is_slow=True)
def c69(stage):
    endpoint, worker, job_id = stage.running({"n": 1}, {"policy": {"executionTimeout": 5000}})
    assert endpoint.wait(job_id, timeout=20)["status"] == "TIMED_OUT"
    assert worker.stop_list() == (200, [job_id])
    assert endpoint.post("retry", job_id).json() == {"id": job_id, "status": "IN_QUEUE"}
    again = worker.take()
    assert (again["id"], again["input"]) == (job_id, {"n": 1})
    worker.done(job_id, '{"output": 2}')
    assert endpoint.status(job_id)["output"] == 2


@check(70, "retry of a job that has not failed: 400")
def c70(stage):
    endpoint, worker = stage.pair()
    done = hand_over(endpoint, worker)
    worker.done(done, "{}")
    running = hand_over(endpoint, worker)
    waiting, cancelled = endpoint.run({}), endpoint.run({})
    endpoint.cancel(cancelled)
    for job_id in (done, running, waiting, cancelled):
        before = endpoint.status(job_id)["status"]
        assert_error(endpoint.post("retry", job_id), 400)
        assert endpoint.status(job_id)["status"] == before


@check(71, "retry of a job whose record has expired: 404")
def c71(stage):
    endpoint, worker, job_id = stage.running(retention={"asyncSeconds": 1})
    worker.done(job_id, '{"error": "broke"}')
    gone_after(endpoint, job_id, 10)
    assert_error(endpoint.post("retry", job_id), 404)


@check(72, "purge removes what waits and says how many; a running job goes on, runsync callers "
           "hear CANCELLED")
def c72(stage):
    endpoint, worker, running = stage.running()
    waiting = [endpoint.run({}) for _ in range(5)]
    asked = [later(endpoint.runsync, {}) for _ in range(2)]
    wait_for(lambda: endpoint.health()["jobs"]["inQueue"] == 7, 10)
    reply = stage.raw("POST", endpoint.path("purge-queue"), headers=JSON_TYPE)
    assert (reply.status_code, reply.json()) == (200, {"removed": 7, "status": "completed"})
    assert [one.result(5)["status"] for one in asked] == ["CANCELLED"] * 2
    assert {endpoint.status(job_id)["status"] for job_id in waiting} == {"CANCELLED"}
    assert endpoint.status(running)["status"] == "IN_PROGRESS"
    worker.done(running, '{"output": 1}')
    assert endpoint.status(running)["status"] == "COMPLETED"
    assert endpoint.post("purge-queue").json()["removed"] == 0
    assert endpoint.health()["jobs"]["inQueue"] == 0


@check(73, "health has five counters of jobs and six of workers, all whole numbers")
def c73(stage):
    health = stage.parked().health()
    assert set(health["jobs"]) >= JOB_COUNTERS and set(health["workers"]) >= WORKER_COUNTERS
    assert {type(n) for group in ("jobs", "workers") for n in health[group].values()} == {int}


@check(74, "the counters of jobs move with each step")
def c74(stage):
    endpoint, worker = stage.pair()

    def jobs(**wanted):
        counters = {key: 0 for key in JOB_COUNTERS} | wanted
        assert endpoint.health()["jobs"] == counters
    jobs()
    job_id = endpoint.run({})
    jobs(inQueue=1)
    worker.take()
    jobs(inProgress=1)
    worker.done(job_id, "{}")
    jobs(completed=1)
    failing = hand_over(endpoint, worker)
    worker.done(failing, '{"error": "x"}')
    jobs(completed=1, failed=1)
    endpoint.post("retry", failing)
    jobs(completed=1, failed=1, retried=1, inQueue=1)
    endpoint.cancel(failing)
    jobs(completed=1, failed=1, retried=1)


@check(75, "a worker that asks for jobs counts as idle and ready, one that has a job as running")
def c75(stage):
    endpoint, worker = stage.pair()
    pending = worker.take_later()

    def workers():
        return endpoint.health()["workers"]
    wait_for(lambda: workers()["idle"] >= 1 and workers()["ready"] >= 1, 15)
    job_id = endpoint.run({})
    pending.join(10)
    found = wait_for(lambda: workers()["running"] >= 1 and workers(), 15)
    assert found["idle"] == found["ready"] == 0
    worker.done(job_id, "{}")
    worker.take_later()
    wait_for(lambda: workers()["idle"] == 1 and workers()["running"] == 0, 15)


@check(76, "requests lists the latest jobs, newest first, without output")
def c76(stage):
    endpoint, worker, first = stage.running()
    worker.done(first, json.dumps({"output": "hidden-7"}))
    second = endpoint.run({})
    reply = endpoint.get("requests")
    assert reply.status_code == 200 and "hidden-7" not in reply.text
    jobs = reply.json()["requests"]
    assert [(job["id"], job["status"]) for job in jobs] == [(second, "IN_QUEUE"),
                                                           (first, "COMPLETED")]
    assert all(abs(job["createdAt"] / 1000 - time.time()) < 120 for job in jobs)
