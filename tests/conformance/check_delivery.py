"""100-104, 106, 107: jobs reach a worker and none is lost on the way."""

import json
import pathlib
import socket
import threading
import time
import urllib.parse

from documents import python_handler
from millrace_up import wait_for
from raw_worker import RawWorker
from stage import Timed, later, puppet, records
from table import check


@check(100, "a job that its worker has lost runs again with retries 1; lost again, it fails and "
            "says why", is_slow=True)
def c100(stage):
    endpoint, worker, job_id = stage.running({"n": 1})
    time.sleep(11)
    again = worker.take()  # asks for the next job and says it holds none
    assert (again["id"], again["input"]) == (job_id, {"n": 1})
    job = endpoint.status(job_id)
    assert (job["status"], job["retries"]) == ("IN_PROGRESS", 1)
    time.sleep(11)
    worker.take_later()
    job = endpoint.wait(job_id, timeout=10)
    assert job["status"] == "FAILED" and job["error"] and job["retries"] == 1
    jobs = endpoint.health()["jobs"]
    assert (jobs["retried"], jobs["failed"]) == (1, 1)


@check(101, "a take that is broken off as its job arrives loses nothing", is_slow=True)
def c101(stage):
    endpoint, worker = stage.pair()
    parts = urllib.parse.urlsplit(worker.take_url_with())
    request = "GET %s?%s HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\n\r\n" % (
        parts.path, parts.query, worker.headers["Authorization"])
    for number in range(6):
        aborted = socket.create_connection((parts.hostname, parts.port))
        aborted.sendall(request.encode())
        time.sleep(0.05)
        closer = threading.Timer(number * 0.002, aborted.close)
        closer.start()
        job_id = endpoint.run({})
        closer.join()
        assert next_job(worker)["id"] == job_id
        worker.done(job_id, "{}")
    jobs = endpoint.health()["jobs"]
    assert (jobs["completed"], jobs["failed"], jobs["inQueue"]) == (6, 0, 0)


def next_job(worker):
    """A job that may have reached the broken connection is given again once the worker has asked
    for another for 10 s."""
    for _ in range(2):
        status, _, body = worker.take_bytes()
        if status == 200:
            return json.loads(body)
    raise AssertionError("no job in two polls")


@check(102, "a worker that asked to be replaced gets no further job, and another takes its place",
       is_slow=True)
def c102(stage):
    endpoint, worker, job_id = stage.running()
    worker.done(job_id, '{"output": 1, "stopPod": true}')
    assert endpoint.status(job_id)["output"] == 1
    waiting = endpoint.run({})
    try:
        assert worker.take_bytes()[0] != 200
    except OSError:
        pass  # its plane may be closed already
    fresh = another(stage, worker)
    assert fresh.take()["id"] == waiting


def another(stage, old):
    """The worker that came up after old."""
    def came():
        return [env for name, env in records(stage.folder).items() if name != old.id]
    return RawWorker(wait_for(came, 30, "a new worker")[0])


@check(103, "a worker that shall end gets 204 on its open polls, then SIGTERM; no job is lost",
       is_slow=True)
def c103(stage):
    endpoint, worker = started_by_a_job(stage)
    polls = [later(worker.take_bytes), later(worker.stop_list)]
    term = stage.folder / (worker.id + ".term")
    wait_for(term.exists, 30, "SIGTERM")
    for poll in polls:
        assert poll.result(5)[0] == 204
        assert poll.ended_at <= float(term.read_text()) + 0.5
    job_id = endpoint.run({})
    assert another(stage, worker).take()["id"] == job_id
    assert endpoint.health()["jobs"]["retried"] == 0


def started_by_a_job(stage):
    """An endpoint whose worker, begun for one job, is idle and will be let go."""
    endpoint = stage.endpoint(puppet(stage.folder), idleTimeout=2)
    job_id = endpoint.run({})
    worker, = RawWorker.wait_all(stage.folder, timeout=60)
    assert worker.take()["id"] == job_id
    worker.done(job_id, "{}")
    return endpoint, worker


@check(104, "a ping that says unhealthy counts, and the worker gets no job", is_slow=True)
def c104(stage):
    endpoint, worker = stage.pair()
    before = endpoint.health()["workers"]["unhealthy"]
    url = worker.env["RUNPOD_WEBHOOK_PING"].replace("$RUNPOD_POD_ID", worker.id)
    url += ("&" if "?" in url else "?") + "status=unhealthy&check=gpu&reason=RuntimeError%3A+no"
    assert worker.send("GET", url)[0] == 200
    wait_for(lambda: endpoint.health()["workers"]["unhealthy"] == before + 1, 15)
    job_id = endpoint.run({})
    pending = worker.take_later()
    pending.join(3)
    assert not [one for one in pending.answers if one[0] == 200]
    assert endpoint.status(job_id)["status"] == "IN_QUEUE"


@check(106, "a normal job is delivered before a low-priority one that came first; low-priority "
            "jobs alone start no worker", is_slow=True)
def c106(stage):
    endpoint = stage.endpoint(puppet(stage.folder))
    low = endpoint.run({}, policy={"lowPriority": True})
    time.sleep(6)
    assert records(stage.folder) == {} and endpoint.status(low)["status"] == "IN_QUEUE"
    normal = endpoint.run({})
    worker, = RawWorker.wait_all(stage.folder, timeout=60)
    for expected in (normal, low):
        assert worker.take()["id"] == expected
        worker.done(expected, "{}")


@check(107, "the real Python worker: plain, failing, generator, progress and concurrent handlers",
       is_slow=True)
def c107(stage):
    plain = stage.endpoint(python_handler("plain.py"))
    assert plain.runsync({"a": 1})["output"] == {"a": 1}
    failed = plain.runsync({"do": "raise", "why": "test"})
    assert failed["status"] == "FAILED"
    assert "broken on purpose: test" in json.loads(failed["error"])["error_message"]
    assert plain.runsync({"do": "error"})["error"] == "said no"
    words = stage.endpoint(python_handler("words.py", AGGREGATE=1))
    job_id = words.run({"text": "one two three"})
    assert [chunk["output"] for chunk in words.stream(job_id)[1]] == ["one", "two", "three"]
    assert words.status(job_id)["output"] == ["one", "two", "three"]
    check_progress(stage)
    check_concurrency(stage)


def check_progress(stage):
    endpoint = stage.endpoint(python_handler("progress.py"))
    until = stage.folder / "until"
    job_id = endpoint.run({"until": str(until)})
    wait_for(lambda: endpoint.status(job_id).get("output") == {"percent": 50}, 60)
    assert endpoint.status(job_id)["status"] == "IN_PROGRESS"
    pathlib.Path(until).touch()
    assert endpoint.wait(job_id)["output"] == {"percent": 100}


def check_concurrency(stage):
    endpoint = stage.endpoint(python_handler("many.py", 4, stage.folder / "record"))
    endpoint.runsync({"n": 0})  # the worker is there
    with Timed() as timed:
        job_ids = [endpoint.run({"n": n, "seconds": 2}) for n in range(4)]
        assert [endpoint.wait(job_id)["output"] for job_id in job_ids] == [
            {"n": n} for n in range(4)]
    assert timed.took < 7, "four jobs of 2 s each, side by side"

