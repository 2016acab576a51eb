"""How jobs end when their handler does not end them properly: silence, death, a stop."""

import json
import time

import pytest

from documents import python_handler
from millrace_up import wait_for
from raw_worker import RawWorker, puppet_handler

NO_RESULT = "worker finished without a result"


@pytest.fixture
def puppet(make_endpoint, tmp_path):
    endpoint = make_endpoint(puppet_handler(tmp_path), workersMin=1)
    worker, = RawWorker.wait_all(tmp_path)
    return endpoint, worker


# ---- handlers whose result never comes

@pytest.mark.parametrize("kind", ["set", "bytes", "surrogate"])
def test_output_that_the_sdk_cannot_send_fails_the_job_within_15_s(plain, kind):
    plain.runsync({"do": "echo"})  # the worker is up
    since = time.monotonic()
    job = plain.runsync({"do": kind}, wait_ms=30000)
    assert time.monotonic() - since < 15
    assert job["status"] == "FAILED"
    assert job["error"].splitlines()[0] == NO_RESULT
    assert job.get("retries", 0) == 0, "the handler has run: once is enough"
    assert plain.runsync({"do": "echo"})["status"] == "COMPLETED", "the worker goes on"


def test_silence_of_one_of_several_jobs_harms_no_other(make_endpoint, tmp_path):
    endpoint = make_endpoint(python_handler("many.py", 3, tmp_path / "record"))
    busy = endpoint.run({"n": 1, "seconds": 25})
    endpoint.wait(busy, "IN_PROGRESS")
    wait_for(lambda: "start" in (tmp_path / "record").read_text(), 20)
    since = time.monotonic()
    silent = endpoint.run({"n": 2, "silent": True})
    job = endpoint.wait(silent, timeout=40)
    assert time.monotonic() - since < 17, "two pings without it after 10 s"
    assert (job["status"], job["error"].splitlines()[0]) == ("FAILED", NO_RESULT)
    job = endpoint.wait(busy)
    assert (job["status"], job["output"], job.get("retries")) == ("COMPLETED", {"n": 1}, None)


def test_a_handler_that_blocks_is_not_taken_for_silent(plain):
    job = plain.runsync({"do": "sleep", "seconds": 25}, wait_ms=60000)
    assert (job["output"], job.get("retries")) == ({"slept": 25}, None)


def test_a_poll_that_admits_its_job_later_keeps_it(puppet):
    """The first poll was sent before the job had come; only the next one counts."""
    endpoint, worker = puppet
    job_id = endpoint.run({})
    assert worker.take()["id"] == job_id
    assert worker.take_bytes(in_progress=0, timeout=30)[0] == 204  # asked again at 10 s
    assert worker.take_later(in_progress=1)
    time.sleep(3)
    assert endpoint.status(job_id)["status"] == "IN_PROGRESS"
    worker.done(job_id, '{"output": 1}')
    assert endpoint.wait(job_id)["output"] == 1


def test_a_worker_that_is_free_for_10_s_has_lost_its_job(puppet):
    endpoint, worker = puppet
    job_id = endpoint.run({})
    since = time.monotonic()
    worker.take()
    while endpoint.status(job_id)["status"] == "IN_PROGRESS":
        assert time.monotonic() - since < 15
        worker.take_later(in_progress=0).join(1)
    job = endpoint.status(job_id)
    assert (job["status"], job["error"].splitlines()[0]) == ("FAILED", NO_RESULT)
    worker.done(job_id, json.dumps({"output": "too late"}))
    assert "output" not in endpoint.status(job_id)
