"""A client that behaves as RunPod's Go SDK does (tests/lib/go_client.py)."""

import threading
import time

import pytest

from documents import python_handler
from go_client import GoEndpoint, GoError

TEXT = "every word comes once and in order: one two three four five six seven"


@pytest.fixture
def go(up):
    return lambda endpoint: GoEndpoint(up.base, up.key, endpoint.id)


def test_run_and_status(go, noop):
    client = go(noop)
    job = client.run({"n": 1})
    assert job["status"] == "IN_QUEUE"
    final = client.status_sync(job["id"])
    assert (final["status"], final["output"]) == ("COMPLETED", {"n": 1})
    assert client.status(job["id"]) == final


def test_run_sync(go, noop):
    job = go(noop).run_sync({"n": 2})
    assert (job["status"], job["output"]) == ("COMPLETED", {"n": 2})
    assert {"delayTime", "executionTime", "workerId"} <= set(job) and "error" not in job


def test_run_sync_of_a_failing_job_has_its_error_as_text(go, make_endpoint):
    job = go(make_endpoint(python_handler("plain.py"))).run_sync({"do": "error-object"})
    assert job["status"] == "FAILED" and isinstance(job["error"], str)


def test_a_job_that_goes_on_has_no_error(go, parked):
    client = go(parked)
    job_id = client.run({})["id"]
    assert client.status(job_id).get("error") is None
    assert client.status_sync(job_id, 1000).get("error") is None


def test_stream_of_a_generator(go, make_endpoint):
    client = go(make_endpoint(python_handler("words.py")))
    job_id = client.run({"text": TEXT, "pause": 0.05})["id"]
    assert [item["output"] for item in client.stream(job_id)] == TEXT.split()
    assert client.stream(job_id) == []


def test_stream_ends_when_the_job_is_cancelled(go, parked):
    client = go(parked)
    job_id = client.run({})["id"]
    items = []
    reader = threading.Thread(target=lambda: items.append(client.stream(job_id)))
    reader.start()
    time.sleep(0.3)
    assert client.cancel(job_id)["status"] == "CANCELLED"
    reader.join(5)
    assert items == [[]]


def test_purge_and_health(go, parked):
    client = go(parked)
    client.run({})
    assert client.health()["jobs"]["inQueue"] == 1
    assert client.purge_queue() == {"removed": 1, "status": "completed"}
    assert client.health()["jobs"]["inQueue"] == 0


def test_refusals(go, up, parked):
    with pytest.raises(GoError, match="404"):
        go(parked).status("no-such-job")
    with pytest.raises(GoError, match="401"):
        GoEndpoint(up.base, "wrong", parked.id).health()
