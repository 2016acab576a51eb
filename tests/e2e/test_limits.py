"""Rate limits, idempotency, retry, purge, the list of requests and ?ttl, as clients see them."""

import concurrent.futures
import time

import pytest

from documents import library_handler, python_handler
from millrace_up import wait_for


@pytest.fixture
def limited(make_endpoint):
    """An endpoint with the default limits, and no workers."""
    return make_endpoint({"command": ["true"]}, workersMax=0, limits={})


def wait_for_new_window():
    """The next calls fall into one window of 10 s."""
    time.sleep(10.2 - time.time() % 10)


def assert_429(reply):
    assert reply.status_code == 429, reply.text
    assert 1 <= int(reply.headers["Retry-After"]) <= 10
    assert isinstance(reply.json()["error"], str)


def test_third_purge_in_a_window_is_refused(limited):
    wait_for_new_window()
    replies = [limited.post("purge-queue") for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert_429(replies[2])


def test_101st_cancel_in_a_window_is_refused(limited):
    job_id = limited.run({})
    wait_for_new_window()
    replies = [limited.post("cancel", job_id) for _ in range(101)]
    assert [reply.status_code for reply in replies[:100]] == [200] * 100
    assert_429(replies[100])


def test_11th_list_of_requests_in_a_window_is_refused(limited):
    wait_for_new_window()
    replies = [limited.get("requests") for _ in range(11)]
    assert [reply.status_code for reply in replies] == [200] * 10 + [429]


def test_own_limits_are_exact(make_endpoint):
    endpoint = make_endpoint({"command": ["true"]}, workersMax=1, limits={"run": {"per10s": 7}})
    wait_for_new_window()
    codes = [endpoint.post("run", json={"input": 1}).status_code for _ in range(10)]
    assert codes == [200] * 7 + [429] * 3


def test_limits_off(parked):
    assert {parked.get("requests").status_code for _ in range(15)} == {200}


def test_many_waiters_at_once_beyond_the_limit_are_refused(make_endpoint):
    endpoint = make_endpoint({"command": ["true"]}, workersMax=1,
                             limits={"runsync": {"concurrent": 3}})
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(lambda _: endpoint.post(
            "runsync", json={"input": 1}, params={"wait": 2000}).status_code, range(6)))
    assert sorted(codes) == [200] * 3 + [429] * 3


def test_idempotency_key(parked):
    def send(body, key="k-1"):
        return parked.post("run", json=body, headers={"Idempotency-Key": key})
    first = send({"input": {"n": 1}})
    again = send({"input": {"n": 1}})
    assert again.status_code == 200 and again.json()["id"] == first.json()["id"]
    assert send({"input": {"n": 2}}).status_code == 422
    assert send({"input": {"n": 1}}, "k-2").json()["id"] != first.json()["id"]
    assert parked.health()["jobs"]["inQueue"] == 2


def test_an_idempotency_key_outlives_its_job(make_endpoint):
    endpoint = make_endpoint(library_handler("noop.so"), retention={"syncSeconds": 1})

    def send():
        return endpoint.post("runsync", json={"input": 1}, headers={"Idempotency-Key": "k"})
    job = send().json()["id"]
    wait_for(lambda: endpoint.get("status", job).status_code == 404, 20, "the job to expire")
    again = send()
    assert again.status_code == 404 and "Idempotency-Key" in again.json()["error"]


def test_retry_runs_the_same_job_again(plain):
    job_id = plain.run({"do": "error"})
    assert plain.wait(job_id)["status"] == "FAILED"
    reply = plain.post("retry", job_id)
    assert (reply.status_code, reply.json()) == (200, {"id": job_id, "status": "IN_QUEUE"})
    again = plain.wait(job_id)
    assert (again["status"], again["retries"]) == ("FAILED", 1)
    assert plain.health()["jobs"]["retried"] == 1


@pytest.mark.parametrize("state", ["IN_QUEUE", "CANCELLED"])
def test_retry_of_a_job_that_did_not_fail_is_400(parked, state):
    job_id = parked.run({})
    if state == "CANCELLED":
        parked.cancel(job_id)
    assert parked.post("retry", job_id).status_code == 400
    assert parked.status(job_id)["status"] == state
    assert parked.post("retry", "no-such-job").status_code == 404


def test_purge_cancels_what_waits(make_endpoint, tmp_path):
    until = tmp_path / "until"
    endpoint = make_endpoint(python_handler("plain.py"))
    running = endpoint.run({"do": "marks", "marker": str(tmp_path / "marker"), "until": str(until)})
    endpoint.wait(running, "IN_PROGRESS")
    waiting = [endpoint.run({}) for _ in range(3)]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        parked = pool.submit(endpoint.runsync, {})
        wait_for(lambda: endpoint.health()["jobs"]["inQueue"] == 4, 10)
        reply = endpoint.post("purge-queue")
        assert (reply.status_code, reply.json()) == (200, {"removed": 4, "status": "completed"})
        assert parked.result(timeout=5)["status"] == "CANCELLED"
    assert {endpoint.status(job_id)["status"] for job_id in waiting} == {"CANCELLED"}
    until.touch()
    assert endpoint.wait(running)["status"] == "COMPLETED"


def test_requests_lists_recent_jobs_newest_first(noop):
    first, second = noop.run({"n": 1}), noop.run({"n": 2})
    noop.wait(first), noop.wait(second)
    reply = noop.get("requests")
    jobs = reply.json()["requests"]
    assert [job["id"] for job in jobs] == [second, first]
    assert all(job["status"] == "COMPLETED" and type(job["createdAt"]) is int for job in jobs)
    assert not any("output" in job or "input" in job for job in jobs)


def test_ttl_on_status_ends_the_retention_early(noop):
    job_id = noop.run({})
    noop.wait(job_id)
    assert noop.get("status", job_id, params={"ttl": 1000}).status_code == 200
    wait_for(lambda: noop.get("status", job_id).status_code == 404, 4)


def test_sync_retention(make_endpoint):
    endpoint = make_endpoint({"command": ["true"]}, workersMax=0,
                             retention={"asyncSeconds": 1, "syncSeconds": 2})
    job_id = endpoint.run({})
    endpoint.cancel(job_id)
    assert endpoint.status(job_id)["status"] == "CANCELLED"
    wait_for(lambda: endpoint.get("status", job_id).status_code == 404, 4)


def test_own_ttl_in_the_queue(make_endpoint):
    endpoint = make_endpoint({"command": ["true"]}, workersMax=0, queueTtlSeconds=10)
    job_id = endpoint.run({})
    behind = endpoint.run({}, policy={"ttl": 60000})
    job = endpoint.wait(job_id, timeout=15)
    assert (job["status"], job["error"]) == ("TIMED_OUT", "ttl expired in queue")
    assert (job["executionTime"], job["workerId"]) == (0, "")
    assert endpoint.status(behind)["status"] == "IN_QUEUE"
