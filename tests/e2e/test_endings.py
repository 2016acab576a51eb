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
    worker.ping(job_id)  # it has arrived; an answer that was lost on its way would go back
    while endpoint.status(job_id)["status"] == "IN_PROGRESS":
        assert time.monotonic() - since < 15
        worker.take_later(in_progress=0).join(1)
    job = endpoint.status(job_id)
    assert (job["status"], job["error"].splitlines()[0]) == ("FAILED", NO_RESULT)
    worker.done(job_id, json.dumps({"output": "too late"}))
    assert "output" not in endpoint.status(job_id)


@pytest.mark.parametrize("says_close", [True, False])
def test_a_worker_that_drops_its_job_and_never_pings_ends_it_within_15_s(puppet, says_close):
    """Each request over a connection of its own: none shows by itself that the job has arrived."""
    endpoint, worker = puppet
    if not says_close:
        del worker.headers["Connection"]
    job_id = endpoint.run({})
    worker.take()
    since = time.monotonic()
    while endpoint.status(job_id)["status"] in ("IN_PROGRESS", "IN_QUEUE"):
        assert time.monotonic() - since < 15
        worker.take_later(in_progress=0).join(1)
    job = endpoint.status(job_id)
    assert (job["status"], job["error"].splitlines()[0]) == ("FAILED", NO_RESULT)


# ---- deaths, explained

def tail_of(error):
    """The machine-readable last line."""
    return json.loads(error.splitlines()[-1])["millrace"]


def test_a_signal_is_explained_to_people_and_programs(plain):
    job = plain.runsync({"do": "dies"})
    assert job["status"] == "FAILED"
    assert job["error"].startswith("worker lost: its process ended with signal 11 (SIGSEGV)")
    assert "last words of the handler" in job["error"]
    tail = tail_of(job["error"])
    assert (tail["cause"], tail["signal"], tail["signalName"]) == ("signal", 11, "SIGSEGV")
    assert (tail["attempt"], tail["cudaOom"]) == (2, False), "killed two processes, then failed"
    assert job["retries"] == 1


def test_an_exit_with_a_full_card_is_recognised(plain):
    said = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
    job = plain.runsync({"do": "exits", "code": 7, "says": said})
    assert "exit code 7" in job["error"] and said in job["error"]
    tail = tail_of(job["error"])
    assert (tail["cause"], tail["exitCode"], tail["cudaOom"]) == ("cuda_oom", 7, True)


def test_at_most_20_lines_are_kept(plain):
    job = plain.runsync({"do": "exits", "code": 1, "says": "\n".join(map(str, range(1000, 1100)))})
    assert "\n1099" in job["error"] and "1070" not in job["error"]


def test_a_silent_ending_shows_what_the_sdk_said(plain):
    job = plain.runsync({"do": "set"}, wait_ms=30000)
    assert "not JSON serializable" in job["error"]
    assert tail_of(job["error"])["cause"] == "no_result"


# ---- stops

def freed_ms(endpoint, job_id, timeout=30):
    return wait_for(lambda: endpoint.status(job_id).get("workerFreedTime"), timeout, "the card free")


def test_cancel_of_a_blocking_handler_says_when_its_card_was_free(plain):
    job_id = plain.run({"do": "sleep", "seconds": 300})
    plain.wait(job_id, "IN_PROGRESS")
    assert "workerFreedTime" not in plain.status(job_id)
    time.sleep(1)  # the handler is inside its sleep
    plain.cancel(job_id)
    assert 4000 < freed_ms(plain, job_id) < 15000
    assert plain.status(job_id)["status"] == "CANCELLED"


def test_cancel_of_an_async_handler_frees_it_in_a_second(make_endpoint, tmp_path):
    record = tmp_path / "record"
    endpoint = make_endpoint(python_handler("many.py", 2, record))
    endpoint.wait(endpoint.run({"n": 1}))
    pid = record.read_text().split()[2]
    job_id = endpoint.run({"seconds": 60})
    wait_for(lambda: "start " + job_id in record.read_text(), 20)
    endpoint.cancel(job_id)
    wait_for(lambda: "stopped " + job_id in record.read_text(), 2, "the handler's CancelledError")
    assert 0 < freed_ms(endpoint, job_id) < 10000
    assert endpoint.wait(endpoint.run({"n": 2}))["output"] == {"n": 2}
    assert record.read_text().split()[-1] == pid, "the process is kept"


def test_execution_timeout_says_when_its_card_was_free(plain):
    job_id = plain.run({"do": "sleep", "seconds": 300}, policy={"executionTimeout": 5000})
    assert plain.wait(job_id)["status"] == "TIMED_OUT"
    assert 0 < freed_ms(plain, job_id) < 15000


# ---- quarantine

@pytest.mark.timeout(180)
def test_a_worker_that_fails_while_its_sibling_does_not_is_replaced(make_endpoint, tmp_path):
    endpoint = make_endpoint(python_handler("ill.py", tmp_path / "ill"), workersMin=2, workersMax=2)
    wait_for(lambda: endpoint.health()["workers"]["idle"] == 2, 60, "two workers")
    jobs = [endpoint.wait(endpoint.run({})) for _ in range(2)]
    deadline = time.monotonic() + 60
    while "worker.quarantine ep=" + endpoint.id not in endpoint.up.log("agent-0"):
        assert time.monotonic() < deadline, jobs[-4:]
        started = [endpoint.run({}) for _ in range(4)]
        jobs += [endpoint.wait(job_id) for job_id in started]
    wait_for(lambda: endpoint.health()["workers"]["idle"] == 2, 60, "two workers again")
    assert [endpoint.runsync({})["status"] for _ in range(10)] == ["COMPLETED"] * 10
