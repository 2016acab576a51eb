"""44-50: how long things last."""

import time

from stage import Timed, assert_error, gone_after, hand_over, later
from table import check


@check(44, "a runsync result is there after 50 s and gone after 70", is_slow=True)
def c44(stage):
    endpoint, worker = stage.pair()
    asked = later(endpoint.runsync, {})
    job_id = worker.take()["id"]
    worker.done(job_id, '{"output": 1}')
    asked.result(20)
    time.sleep(50)
    assert endpoint.status(job_id)["output"] == 1
    assert 7 < gone_after(endpoint, job_id, 25) < 20


@check(45, "a run result lasts as long as the endpoint keeps it (30 min unless set), then 404",
       is_slow=True)
def c45(stage):
    endpoint, worker, job_id = stage.running(retention={"asyncSeconds": 6})
    with Timed() as timed:
        worker.done(job_id, '{"output": 1}')
        gone_after(endpoint, job_id, 15)
    assert 5.9 < timed.took < 12  # other checks load the machine
    assert_error(endpoint.get("status", job_id), 404)
    usual, worker, job_id = stage.running()
    worker.done(job_id, "{}")
    time.sleep(75)  # beyond what runsync keeps
    assert usual.status(job_id)["status"] == "COMPLETED"


@check(46, "?ttl shortens the life of a finished job", is_slow=True)
def c46(stage):
    endpoint, worker, job_id = stage.running()
    worker.done(job_id, "{}")
    for ignored in ("0", "-1", "soon"):
        assert endpoint.get("status", job_id, params={"ttl": ignored}).status_code == 200
    reply = endpoint.get("status", job_id, params={"ttl": 2000})
    assert (reply.status_code, reply.json()["status"]) == (200, "COMPLETED")
    assert 1 < gone_after(endpoint, job_id, 10) < 4


@check(47, "?ttl on a running job does not end it, but shortens what is kept afterwards",
       is_slow=True)
def c47(stage):
    endpoint, worker, job_id = stage.running()
    assert endpoint.get("status", job_id, params={"ttl": 2000}).status_code == 200
    time.sleep(4)
    assert endpoint.status(job_id)["status"] == "IN_PROGRESS"
    worker.done(job_id, "{}")
    assert endpoint.status(job_id)["status"] == "COMPLETED"
    assert 1 < gone_after(endpoint, job_id, 12) < 8


@check(48, "a job nobody takes before its ttl: TIMED_OUT, and says so", is_slow=True)
def c48(stage):
    endpoint = stage.parked()
    with Timed() as timed:
        job_id = endpoint.run({}, policy={"ttl": 10000})
        job = endpoint.wait(job_id, timeout=20)
    assert 9.5 < timed.took < 13
    assert (job["status"], job["error"]) == ("TIMED_OUT", "ttl expired in queue")
    assert (job["executionTime"], job["workerId"]) == (0, "") and type(job["delayTime"]) is int


@check(49, "ttl bounds waiting only: a running job goes on beyond it", is_slow=True)
def c49(stage):
    endpoint, worker, job_id = stage.running(body={"policy": {"ttl": 10000}})
    time.sleep(13)
    assert endpoint.status(job_id)["status"] == "IN_PROGRESS"
    worker.done(job_id, '{"output": 1}')
    assert endpoint.status(job_id)["status"] == "COMPLETED"


@check(50, "a job that runs too long: TIMED_OUT with a reason, and its worker is told to stop",
       is_slow=True)
def c50(stage):
    endpoint, worker = stage.pair()
    with Timed() as timed:
        job_id = hand_over(endpoint, worker, policy={"executionTimeout": 5000})
        told = later(worker.stop_list)
        job = endpoint.wait(job_id, timeout=20)
    assert 4.9 < timed.took < 10
    assert (job["status"], job["error"]) == ("TIMED_OUT", "executionTimeout exceeded")
    assert type(job["executionTime"]) is int and job["workerId"] == worker.id
    assert told.result(10) == (200, [job_id])
