"""Why jobs wait, how many workers come and go, and what the scheduler says about it."""

import time

import pytest

from documents import document, python_handler
from transitions import wait_for

BROKEN = {"command": ["python3", "-c", "raise ValueError('no weights')"]}


def reason_of(endpoint, job_id):
    return endpoint.status(job_id).get("reason")


def starts_of(up, endpoint):
    return up.log("agent-0").count("event=worker.start ep=%s " % endpoint.id)


def wait_reason(endpoint, job_id, reason, timeout=20):
    wait_for(lambda: reason_of(endpoint, job_id) == reason, timeout, reason)


def decisions(endpoint):
    reply = endpoint.get("autoscaler")
    assert reply.status_code == 200, reply.text
    return reply.json()["decisions"]


def test_jobs_of_an_endpoint_without_workers_say_so(parked):
    first, second = parked.run({}), parked.run({})
    wait_reason(parked, first, "PAUSED")
    assert (parked.status(first)["position"], parked.status(second)["position"]) == (0, 1)
    assert parked.health()["reason"] == "PAUSED"
    reply = parked.runsync({}, wait_ms=1000)
    assert (reply["status"], reply["reason"], reply["position"]) == ("IN_QUEUE", "PAUSED", 2)
    reply = parked.get("status-sync", first, params={"wait": 1000}).json()
    assert (reply["status"], reply["reason"]) == ("IN_QUEUE", "PAUSED")


def test_ended_jobs_give_no_reason(parked):
    job_id = parked.run({})
    parked.cancel(job_id)
    assert not {"reason", "position", "detail"} & set(parked.status(job_id))


def test_a_card_that_no_machine_has_is_the_reason(make_endpoint):
    endpoint = make_endpoint(python_handler("plain.py"), gpuCount=1, gpuTypeIds=["NVIDIA Dream 1"])
    wait_reason(endpoint, endpoint.run({}), "NO_COMPATIBLE_GPU")


def test_a_fleet_without_slots_is_the_reason(fresh_up, unique_id):
    up = fresh_up("--slots", 0)
    endpoint = up.apply(document(unique_id(), python_handler("plain.py")))
    wait_reason(endpoint, endpoint.run({}), "NO_CAPACITY")


def test_workers_max_is_the_reason(make_endpoint):
    endpoint = make_endpoint(python_handler("plain.py"), workersMax=1)
    busy = endpoint.run({"do": "sleep", "seconds": 600})
    endpoint.wait(busy, "IN_PROGRESS")
    wait_reason(endpoint, endpoint.run({}), "AT_MAX_WORKERS")
    endpoint.cancel(busy)


def test_a_handler_that_cannot_start_is_stopped_and_explained(up, make_endpoint, noop):
    endpoint = make_endpoint(BROKEN)
    begin = time.monotonic()
    job_id = endpoint.run({})
    wait_reason(endpoint, job_id, "CRASH_LOOP")
    assert time.monotonic() - begin < 15  # 5 s without sanitizers
    assert "ValueError: no weights" in endpoint.status(job_id)["detail"]
    assert endpoint.health()["reason"] == "CRASH_LOOP"
    assert noop.runsync({})["status"] == "COMPLETED"
    wait_for(lambda: sum(endpoint.health()["workers"].values()) == 0, 10, "no worker left")
    assert starts_of(up, endpoint) == 3
    assert decisions(endpoint)[0]["term"] == "crash_loop"


@pytest.mark.parametrize("settings", [{}, {"workersMax": 5, "scalerType": "REQUEST_COUNT", "scalerValue": 1}],
                         ids=["unchanged", "more workers"])
def test_applying_the_same_release_again_allows_one_try(up, make_endpoint, settings):
    endpoint = make_endpoint(BROKEN)
    job_id = endpoint.run({})
    for _ in range(4):
        endpoint.run({})
    wait_reason(endpoint, job_id, "CRASH_LOOP")
    up.apply(document(endpoint.id, BROKEN, **settings))
    wait_for(lambda: starts_of(up, endpoint) == 4, 20, "one more start")
    wait_for(lambda: sum(endpoint.health()["workers"].values()) == 0, 10, "no worker left")
    assert starts_of(up, endpoint) == 4


def test_a_corrected_document_starts_at_once(up, make_endpoint):
    endpoint = make_endpoint(BROKEN)
    job_id = endpoint.run({"do": "echo"})
    wait_reason(endpoint, job_id, "CRASH_LOOP")
    up.apply(document(endpoint.id, python_handler("plain.py")))
    assert endpoint.wait(job_id)["status"] == "COMPLETED"
    assert "reason" not in endpoint.health(), "nothing waits"


def test_decisions_tell_their_inputs_and_the_term_that_won(make_endpoint):
    endpoint = make_endpoint(python_handler("plain.py"), idleTimeout=1)
    assert endpoint.runsync({"do": "echo"})["status"] == "COMPLETED"
    wait_for(lambda: decisions(endpoint)[0]["to"] == 0, 20, "scaled down")
    kept = decisions(endpoint)
    assert [one["at"] for one in kept] == sorted((one["at"] for one in kept), reverse=True)
    first, last = kept[-1], kept[0]
    assert (first["from"], first["to"], first["term"]) == (0, 1, "first_job")
    assert first["placed"] in (0, 1)  # workers of another test may still be leaving
    assert first["inputs"]["waiting"] == 1
    assert last["term"] == "idle"
    assert last["inputs"]["startSeconds"] > 0
    assert last["inputs"]["breaker"] == "closed"


def test_the_idle_time_begins_with_the_end_of_the_last_job(make_endpoint):
    endpoint = make_endpoint(python_handler("plain.py"), idleTimeout=4, workersMax=1)
    workers, begin = set(), time.monotonic()
    while time.monotonic() - begin < 10:
        workers.add(endpoint.runsync({"do": "echo"})["workerId"])
        time.sleep(1)
    assert len(workers) == 1


@pytest.mark.parametrize("method", ["post", "delete"])
def test_autoscaler_can_only_be_read(up, noop, method):
    assert up.request(method.upper(), noop.path("autoscaler")).status_code == 405
