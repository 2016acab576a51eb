"""Handlers written for the unmodified runpod package, run as workers."""

import json
import time

import pytest

from documents import python_handler
from millrace_up import wait_for


def test_plain(plain):
    job = plain.runsync({"do": "echo", "text": "grüße \U0001f600", "deep": [{"a": [1, 2.5, None]}]})
    assert job["status"] == "COMPLETED"
    assert job["output"] == {"do": "echo", "text": "grüße \U0001f600", "deep": [{"a": [1, 2.5, None]}]}


def test_one_worker_takes_job_after_job(plain):
    pids = {plain.runsync({"do": "pid"})["output"] for _ in range(3)}
    assert len(pids) == 1


def test_raising(plain):
    job = plain.runsync({"do": "raise", "why": "test"})
    assert job["status"] == "FAILED"
    error = json.loads(job["error"])
    assert error["error_type"] == "<class 'ValueError'>"
    assert "broken on purpose: test" in error["error_message"]
    assert plain.health()["jobs"]["failed"] == 1


def test_error_key_fails_the_job(plain):
    job = plain.runsync({"do": "error"})
    assert (job["status"], job["error"]) == ("FAILED", "said no")


def test_error_is_always_a_string(plain):
    job = plain.runsync({"do": "error-object"})
    assert job["status"] == "FAILED" and isinstance(job["error"], str)


def test_empty_result_completes_without_output(plain):
    job = plain.runsync({"do": "empty"})
    assert job["status"] == "COMPLETED" and "output" not in job


def test_none_is_null(plain):
    assert plain.runsync({"do": "nothing"})["output"] is None


def test_nan_becomes_null(plain):
    assert plain.runsync({"do": "nan"})["output"] == [None, None, 1.5]


def test_large_output(plain):
    job = plain.runsync({"do": "big", "size": 5 << 20})
    assert job["status"] == "COMPLETED" and len(job["output"]) == 5 << 20


def test_the_job_a_handler_sees(plain):
    s3 = {"accessId": "id", "accessSecret": "secret", "bucketName": "b", "endpointUrl": "u"}
    reply = plain.runsync({"do": "job"}, s3Config=s3, unknown="dropped")
    seen = reply["output"]
    assert seen["id"] == reply["id"]
    assert (seen["input"], seen["s3Config"]) == ({"do": "job"}, s3)
    assert "unknown" not in seen
    assert "secret" not in json.dumps({k: v for k, v in reply.items() if k != "output"})


def test_the_environment_a_handler_sees(make_endpoint):
    endpoint = make_endpoint(python_handler("plain.py", GREETING="hello"))
    env = endpoint.runsync({"do": "env"})["output"]
    assert env["GREETING"] == "hello"
    assert env["RUNPOD_ENDPOINT_ID"] == endpoint.id
    assert env["RUNPOD_SKIP_AUTO_SYSTEM_CHECKS"] == "true"


def test_generator(make_endpoint):
    endpoint = make_endpoint(python_handler("words.py"))
    job_id = endpoint.run({"text": "a b c"})
    assert endpoint.stream(job_id) == ("COMPLETED", [{"output": word} for word in "abc"])
    assert endpoint.status(job_id)["output"] == []


def test_generator_with_aggregate(make_endpoint):
    endpoint = make_endpoint(python_handler("words.py", AGGREGATE=1))
    job = endpoint.runsync({"text": "a b c"})
    assert job["output"] == ["a", "b", "c"]


def test_generator_that_fails_keeps_what_it_said(make_endpoint):
    endpoint = make_endpoint(python_handler("words.py"))
    job_id = endpoint.run({"text": "a b c d", "fail_at": 2})
    status, chunks = endpoint.stream(job_id)
    assert (status, [chunk["output"] for chunk in chunks]) == ("FAILED", ["a", "b"])
    assert "stream broken on purpose" in endpoint.status(job_id)["error"]


def test_async_handler_with_concurrency_4(make_endpoint, tmp_path):
    record = tmp_path / "record"
    endpoint = make_endpoint(python_handler("many.py", 4, record))
    job_ids = [endpoint.run({"n": n, "seconds": 0.5}) for n in range(8)]
    jobs = [endpoint.wait(job_id) for job_id in job_ids]
    assert [job["output"] for job in jobs] == [{"n": n} for n in range(8)]
    running = most = 0
    for line in record.read_text().splitlines():
        running += 1 if line.startswith("start") else -1
        most = max(most, running)
    assert most == 4


def test_progress_is_visible_and_then_replaced(make_endpoint, tmp_path):
    until = tmp_path / "until"
    endpoint = make_endpoint(python_handler("progress.py"))
    job_id = endpoint.run({"until": str(until)})

    def halfway():
        job = endpoint.status(job_id)
        return job if job.get("output") else None
    job = wait_for(halfway, 60)
    assert (job["status"], job["output"]) == ("IN_PROGRESS", {"percent": 50})
    until.touch()
    assert endpoint.wait(job_id)["output"] == {"percent": 100}


def test_refresh_replaces_the_process(plain):
    first = plain.runsync({"do": "refresh"})
    assert (first["status"], set(first["output"])) == ("COMPLETED", {"pid"})
    assert plain.runsync({"do": "pid"})["output"] != first["output"]["pid"]


def test_blocking_handler_delays_nobody_else(make_endpoint, plain):
    other = make_endpoint(python_handler("plain.py"))
    blocked = plain.run({"do": "sleep", "seconds": 6})
    plain.wait(blocked, "IN_PROGRESS")
    assert other.runsync({"do": "echo"})["status"] == "COMPLETED"
    assert plain.status(blocked)["status"] == "IN_PROGRESS"
    assert plain.wait(blocked)["output"] == {"slept": 6}


def test_cancel_of_a_running_async_job_stops_it(make_endpoint, tmp_path):
    record = tmp_path / "record"
    endpoint = make_endpoint(python_handler("many.py", 2, record))
    job_id = endpoint.run({"seconds": 60})
    endpoint.wait(job_id, "IN_PROGRESS")
    wait_for(lambda: record.exists() and "start" in record.read_text(), 20)
    assert endpoint.cancel(job_id)["status"] == "CANCELLED"
    wait_for(lambda: "stopped " + job_id in record.read_text(), 15, "the handler's CancelledError")
    assert endpoint.status(job_id)["status"] == "CANCELLED"


@pytest.mark.timeout(180)
def test_cancel_frees_the_worker_of_a_blocking_handler(plain):
    blocked = plain.run({"do": "sleep", "seconds": 300})
    plain.wait(blocked, "IN_PROGRESS")
    time.sleep(1)  # the handler is inside its sleep
    plain.cancel(blocked)
    since = time.monotonic()
    assert plain.runsync({"do": "echo"}, wait_ms=60000)["status"] == "COMPLETED"
    assert time.monotonic() - since < 25
    assert plain.status(blocked)["status"] == "CANCELLED"


def test_execution_timeout(plain):
    job_id = plain.run({"do": "sleep", "seconds": 300}, policy={"executionTimeout": 5000})
    job = plain.wait(job_id, timeout=40)
    assert (job["status"], job["error"]) == ("TIMED_OUT", "executionTimeout exceeded")
