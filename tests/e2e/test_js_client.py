"""The unmodified `runpod-sdk` of npm as a client."""

import json

import pytest

import node_sdk
from documents import python_handler

TEXT = "every word comes once and in order: one two three four five six seven"


@pytest.fixture
def js(up):
    if (reason := node_sdk.missing()):
        pytest.skip(reason)

    def call(endpoint, operation, value=None, **options):
        return node_sdk.call(up, endpoint.id, operation, value, **options)
    return call


@pytest.fixture
def words(make_endpoint):
    return make_endpoint(python_handler("words.py"))


def test_the_lock_file_names_no_registry():
    lock = json.loads((node_sdk.SOURCE / "package-lock.json").read_text())
    packages = lock["packages"].values()
    assert not any("resolved" in package for package in packages)
    assert lock["packages"]["node_modules/runpod-sdk"]["version"] == "1.1.2"


def test_run_and_status(js, noop):
    started = js(noop, "run", {"n": 1})
    assert started["status"] == "IN_QUEUE"
    noop.wait(started["id"])
    job = js(noop, "status", started["id"])
    assert (job["id"], job["status"], job["output"]) == (started["id"], "COMPLETED", {"n": 1})
    assert (job["started"], job["completed"], job["succeeded"]) == (True, True, True)


def test_run_sync(js, noop):
    job = js(noop, "runSync", {"n": 2, "s": "grüße"})
    assert (job["status"], job["output"]) == ("COMPLETED", {"n": 2, "s": "grüße"})
    assert job["id"].startswith("sync-")


def test_run_sync_goes_on_with_status_sync(js, make_endpoint):
    endpoint = make_endpoint(python_handler("plain.py"))
    assert endpoint.runsync({"a": 1})["status"] == "COMPLETED"  # the worker is there
    job = js(endpoint, "runSync", {"do": "sleep", "seconds": 1.5})
    assert (job["status"], job["output"]) == ("COMPLETED", {"slept": 1.5})


def test_run_sync_gives_up_with_the_state(js, parked):
    job = js(parked, "runSyncShort", {})
    assert job["status"] == "IN_QUEUE" and job["completed"] is False


def test_run_sync_of_a_failing_job_does_not_throw(js, make_endpoint):
    endpoint = make_endpoint(python_handler("plain.py"))
    job = js(endpoint, "runSync", {"do": "raise", "why": "test"})
    assert (job["status"], job["succeeded"]) == ("FAILED", False)
    assert "broken on purpose" in job["error"]


def test_status_sync(js, noop):
    job = js(noop, "statusSync", noop.run({"n": 3}))
    assert (job["status"], job["output"]) == ("COMPLETED", {"n": 3})


def test_stream_yields_every_word_once_in_order_and_ends(js, words):
    got = js(words, "stream", {"text": TEXT, "pause": 0.02})
    assert [item["output"] for item in got["items"]] == TEXT.split()
    assert got["status"] == "COMPLETED"


def test_cancel(js, parked):
    job_id = parked.run({})
    answer = js(parked, "cancel", job_id)
    assert (answer["id"], answer["status"]) == (job_id, "CANCELLED")
    assert parked.status(job_id)["status"] == "CANCELLED"


def test_health(js, parked):
    parked.run({})
    health = js(parked, "health")
    assert health["jobs"]["inQueue"] == 1
    assert {type(n) for n in health["workers"].values()} == {int}


def test_purge_queue(js, parked):
    for _ in range(3):
        parked.run({})
    answer = js(parked, "purgeQueue")
    assert (answer["removed"], answer["status"]) == (3, "completed")


def test_refusals_carry_status_and_text(js, parked):
    for options, status in (({"key": "wrong"}, 401), ({}, 404)):
        thrown = js(parked, "status", "no-such-job", **options)["thrown"]
        assert thrown["status"] == status and isinstance(thrown["data"]["error"], str)
