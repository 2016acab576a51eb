"""Workers written for the real SDK, in the versions that are in use: each in an environment of its own.

The handlers run in one folder, as handlers do: what a version keeps there must not make workers
stumble over each other, nor over what a killed one has left."""

import json
import os
import signal
import time

import pytest

from documents import HANDLERS
from millrace_up import wait_for
from sdk_versions import VERSIONS, sdk_python

pytestmark = pytest.mark.timeout(900)  # the first run installs


@pytest.fixture(params=VERSIONS)
def sdk(request, make_endpoint, tmp_path):
    """sdk(handler, args..., setting=value) makes an endpoint whose workers use that version."""
    python = sdk_python(request.param)
    folder = tmp_path / "cwd"
    folder.mkdir()

    def make(handler, *args, env=None, **settings):
        command = [python, str(HANDLERS / handler), *map(str, args)]
        return make_endpoint({"command": command, "cwd": str(folder), "env": env or {}}, **settings)
    make.version, make.folder = request.param, folder
    return make


def test_plain_and_raising(sdk):
    plain = sdk("plain.py")
    assert plain.runsync({"do": "echo", "text": "grüße \U0001f600"})["output"] == {
        "do": "echo", "text": "grüße \U0001f600"}
    job = plain.runsync({"do": "raise", "why": "test"})
    assert job["status"] == "FAILED" and "broken on purpose: test" in job["error"]
    assert plain.runsync({"do": "error"})["error"] == "said no"
    pids = {plain.runsync({"do": "pid"})["output"] for _ in range(3)}
    assert len(pids) == 1


def test_generator(sdk):
    endpoint = sdk("words.py")
    job_id = endpoint.run({"text": "a b c"})
    assert endpoint.stream(job_id) == ("COMPLETED", [{"output": word} for word in "abc"])
    job_id = endpoint.run({"text": "a b c", "fail_at": 1})
    status, chunks = endpoint.stream(job_id)
    assert (status, [chunk["output"] for chunk in chunks]) == ("FAILED", ["a"])
    assert "stream broken on purpose" in endpoint.status(job_id)["error"]


def test_a_result_that_cannot_be_sent(sdk):
    plain = sdk("plain.py")
    plain.runsync({"do": "echo"})
    since = time.monotonic()
    job = plain.runsync({"do": "set"}, wait_ms=40000)
    assert time.monotonic() - since < 15
    assert job["status"] == "FAILED"
    assert job["error"].splitlines()[0] == "worker finished without a result"
    assert plain.runsync({"do": "echo"})["status"] == "COMPLETED"


def test_killed_while_it_works(sdk, tmp_path):
    """The next process takes jobs although the killed one had one."""
    plain = sdk("plain.py")
    job = plain.runsync({"do": "dies-once", "marker": str(tmp_path / "marker")}, wait_ms=60000)
    assert (job["status"], job["retries"]) == ("COMPLETED", 1)
    assert plain.runsync({"do": "echo"})["status"] == "COMPLETED"


def test_workers_side_by_side_do_not_mix_their_jobs(sdk, tmp_path):
    record = tmp_path / "record"
    endpoint = sdk("many.py", 2, record, workersMin=2, workersMax=2)
    wait_for(lambda: endpoint.health()["workers"]["idle"] == 2, 60, "two workers")
    job_ids = [endpoint.run({"n": n, "seconds": 0.2 + 0.1 * (n % 3)}) for n in range(24)]
    jobs = [endpoint.wait(job_id, timeout=60) for job_id in job_ids]
    assert [job["output"] for job in jobs] == [{"n": n} for n in range(24)]
    assert [job.get("retries") for job in jobs] == [None] * 24
    starts = [line.split()[1:] for line in record.read_text().splitlines() if "start" in line]
    assert len(starts) == 24 and len({pid for _, pid in starts}) == 2


def test_long_jobs_side_by_side_run_once(sdk, tmp_path):
    """Longer than all that is waited for before a job counts as lost."""
    record = tmp_path / "record"
    endpoint = sdk("many.py", 2, record, workersMin=2, workersMax=2)
    wait_for(lambda: endpoint.health()["workers"]["idle"] == 2, 60, "two workers")
    long = [endpoint.run({"n": n, "seconds": 24}) for n in range(2)]
    short = []
    while len(short) < 20:
        short.append(endpoint.run({"n": len(short), "seconds": 0.1}))
        endpoint.wait(short[-1], timeout=40)
        time.sleep(0.5)
    for job_id in long:
        job = endpoint.wait(job_id)
        assert (job["status"], job.get("retries")) == ("COMPLETED", None), job
    assert record.read_text().count("start") == 22


def test_cancel_of_a_blocking_handler(sdk):
    plain = sdk("plain.py")
    job_id = plain.run({"do": "sleep", "seconds": 300})
    plain.wait(job_id, "IN_PROGRESS")
    time.sleep(1)
    plain.cancel(job_id)
    freed = wait_for(lambda: plain.status(job_id).get("workerFreedTime"), 20, "the card free")
    assert freed < 15000
    assert plain.runsync({"do": "echo"})["status"] == "COMPLETED"


def test_terminated_between_jobs_ends_by_itself(sdk):
    plain = sdk("plain.py", workersMin=1)
    pid = plain.runsync({"do": "pid"})["output"]
    os.kill(pid, signal.SIGTERM)
    assert plain.runsync({"do": "pid"}, wait_ms=60000)["output"] != pid


def test_the_sdk_is_the_one_that_was_asked_for(sdk):
    plain = sdk("plain.py")
    job = plain.runsync({"do": "raise", "why": "to see the version"})
    if sdk.version != "1.6.2":
        assert json.loads(job["error"])["runpod_version"] == sdk.version


# ---- chunks without a wait for each answer (sdk/python/millrace_stream.py)

FLOOD = 2000


def chunks_of(endpoint, job_id):
    """(status, numbers of the chunks, whether they were posted the quick way)"""
    status, chunks = endpoint.stream(job_id)
    outputs = [chunk["output"] for chunk in chunks]
    return status, [output["n"] for output in outputs], {output["quick"] for output in outputs}


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_flood_comes_whole_and_in_order(sdk, kind):
    endpoint = sdk("flood.py", kind)
    job_id = endpoint.run({"count": FLOOD})
    assert chunks_of(endpoint, job_id) == ("COMPLETED", list(range(FLOOD)), {True})


def test_a_flood_with_the_switch_off(sdk):
    endpoint = sdk("flood.py", "plain", env={"MILLRACE_SDK_STREAM": "off"})
    job_id = endpoint.run({"count": 200})
    assert chunks_of(endpoint, job_id) == ("COMPLETED", list(range(200)), {False})


def test_a_flood_whose_connection_is_cut(sdk):
    endpoint = sdk("flood.py", "plain")
    for cut_at in (1, 700, FLOOD - 1):
        job_id = endpoint.run({"count": FLOOD, "cut_at": cut_at})
        assert chunks_of(endpoint, job_id) == ("COMPLETED", list(range(FLOOD)), {True})


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_what_came_before_an_error_is_there(sdk, kind):
    endpoint = sdk("flood.py", kind)
    job_id = endpoint.run({"count": FLOOD, "fail_at": 777})
    assert chunks_of(endpoint, job_id) == ("FAILED", list(range(777)), {True})
    assert "flood broken on purpose" in endpoint.status(job_id)["error"]


def test_what_came_before_a_death_is_there(sdk):
    endpoint = sdk("flood.py", "plain", retries=0)
    for die_at in (50, 51, 1000):
        job_id = endpoint.run({"count": FLOOD, "die_at": die_at})
        assert chunks_of(endpoint, job_id) == ("FAILED", list(range(die_at)), {True})


def test_floods_side_by_side(sdk):
    endpoint = sdk("flood.py", "many")
    job_ids = [endpoint.run({"count": 500, "cut_at": 250 if n == 2 else None}) for n in range(8)]
    for job_id in job_ids:
        assert chunks_of(endpoint, job_id) == ("COMPLETED", list(range(500)), {True})


def test_a_flood_that_is_also_the_result(sdk):
    endpoint = sdk("flood.py", "aggregate")
    job_id = endpoint.run({"count": 500})
    assert chunks_of(endpoint, job_id) == ("COMPLETED", list(range(500)), {True})
    assert [output["n"] for output in endpoint.status(job_id)["output"]] == list(range(500))


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_cancel_of_a_stream_frees_its_worker(sdk, kind):
    endpoint = sdk("flood.py", kind)
    job_id = endpoint.run({"count": 100000, "pause": 0.001})
    wait_for(lambda: endpoint.get("stream", job_id).json(), 20, "the first chunks")
    endpoint.cancel(job_id)
    freed = wait_for(lambda: endpoint.status(job_id).get("workerFreedTime"), 20, "the card free")
    assert freed < 15000
    job_id = endpoint.run({"count": 10})
    assert chunks_of(endpoint, job_id)[:2] == ("COMPLETED", list(range(10)))
