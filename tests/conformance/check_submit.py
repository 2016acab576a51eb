"""13-25: what may be submitted, and what of it reaches the worker."""

import json
import re

from stage import Timed, assert_error, body_of, hand_over
from table import check

TRICKY = {"s": "grüße \U0001f600 \u0000 \u2028 \ud83d", "big": 123456789012345678901234567890,
          "exact": 9007199254740993, "small": 1e-300, "deep": [[[{"": None}]]]}


def submit(stage, endpoint, body, operation="run"):
    text = body if isinstance(body, str) else json.dumps(body)
    return stage.raw("POST", endpoint.path(operation), text.encode())


@check(13, "run answers exactly 200 with id and IN_QUEUE, in less than 3 s")
def c13(stage):
    endpoint = stage.parked()
    with Timed() as timed:
        reply = submit(stage, endpoint, {"input": {}})
    assert reply.status_code == 200 and timed.took < 3
    assert reply.json()["status"] == "IN_QUEUE"
    assert re.fullmatch(r"[A-Za-z0-9_-]+", reply.json()["id"])
    assert "\n" not in reply.text.strip()


@check(14, "no two jobs have the same id")
def c14(stage):
    endpoint = stage.parked(workersMin=0)
    ids = {endpoint.run({}) for _ in range(40)}
    assert len(ids) == 40


@check(15, "ids of runsync begin with sync-")
def c15(stage):
    endpoint = stage.parked()
    assert endpoint.runsync({}, wait_ms=1000)["id"].startswith("sync-")
    assert not endpoint.run({}).startswith("sync-")


@check(16, "a body that is no JSON: 400")
def c16(stage):
    endpoint = stage.parked()
    for body in ("", "{", "nonsense", '{"input":1}x', "[]", "7", "null"):
        assert_error(submit(stage, endpoint, body), 400)
        assert_error(submit(stage, endpoint, body, "runsync"), 400)


@check(17, "no input, or null as input: 400")
def c17(stage):
    endpoint = stage.parked()
    for body in ({}, {"input": None}, {"inputs": {}}):
        assert_error(submit(stage, endpoint, body), 400)


@check(18, "an empty input is accepted, and the worker gets it as such")
def c18(stage):
    endpoint, worker = stage.pair()
    endpoint.run({})
    job = worker.take()
    assert "input" in job and job["input"] == {}


@check(19, "unknown keys beside input are not shown to the worker")
def c19(stage):
    endpoint, worker = stage.pair()
    hidden = {"unknown": 1, "id": "mine", "status": "COMPLETED", "workerId": "x"}
    assert submit(stage, endpoint, {"input": {"a": 1}, **hidden}).status_code == 200
    job = worker.take()
    assert "unknown" not in job and "mine" not in job.values()
    assert job["input"] == {"a": 1} and job.get("workerId") != "x"


@check(20, "s3Config reaches the worker and is never shown to a client")
def c20(stage):
    endpoint, worker = stage.pair()
    secret = {"accessId": "i", "accessSecret": "top-secret-5", "bucketName": "b",
              "endpointUrl": "http://s3.invalid", "objectPath": "p"}
    job_id = endpoint.run({}, s3Config=secret)
    assert worker.take()["s3Config"] == secret
    seen = [endpoint.get("status", job_id).text, endpoint.get("requests").text]
    worker.done(job_id, '{"output": 1}')
    seen += [endpoint.get("status", job_id).text, endpoint.get("requests").text]
    assert not any("top-secret-5" in text or "s3Config" in text for text in seen)


@check(21, "run takes 10 MiB and refuses one byte more")
def c21(stage):
    endpoint = stage.parked()
    assert submit(stage, endpoint, body_of(10 << 20)).status_code == 200
    error = assert_error(submit(stage, endpoint, body_of((10 << 20) + 1)), 413)
    assert "exceeded max body size of 10MiB" in error


@check(22, "runsync takes 15 and 20 MiB and refuses one byte more")
def c22(stage):
    endpoint = stage.parked()
    for size in (15 << 20, 20 << 20):
        assert submit(stage, endpoint, body_of(size), "runsync?wait=1000").status_code == 200
    assert_error(submit(stage, endpoint, body_of((20 << 20) + 1), "runsync?wait=1000"), 413)


@check(23, "an executionTimeout below the smallest is accepted, not refused")
def c23(stage):
    policy = {"executionTimeout": 3000}
    assert submit(stage, stage.parked(), {"input": {}, "policy": policy}).status_code == 200


@check(24, "a policy that is no object: 400")
def c24(stage):
    endpoint = stage.parked()
    for policy in (7, "fast", [], True):
        assert_error(submit(stage, endpoint, {"input": {}, "policy": policy}), 400)
    assert submit(stage, endpoint, {"input": {}, "policy": {}}).status_code == 200


@check(25, "text of any script and integers of any size come back unchanged")
def c25(stage):
    endpoint, worker = stage.pair()
    job_id = endpoint.run(TRICKY)
    job = worker.take()
    assert job["input"] == TRICKY
    worker.done(job_id, json.dumps({"output": job["input"]}, ensure_ascii=True))
    assert endpoint.wait(job_id)["output"] == TRICKY
    plain = {"s": "grüße \U0001f600 \u2028", "n": -9223372036854775809}
    job_id = hand_over(endpoint, worker, plain)
    worker.done(job_id, json.dumps({"output": plain}, ensure_ascii=False))
    assert endpoint.status(job_id)["output"] == plain
