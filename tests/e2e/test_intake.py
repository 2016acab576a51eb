"""Results that come to one agent at the same time: each is read when there is room for it, and the
handler waits until then."""

import json
import socket
import threading

import pytest

from documents import document
from millrace_up import wait_for
from raw_worker import RawWorker, puppet_handler

MIB = 1 << 20


@pytest.fixture
def three(fresh_up, tmp_path):
    """(up, endpoint, raw workers that hold a job each, their jobs), at an agent with 40 MiB of room"""
    up = fresh_up("--slots", 3, env={"MILLRACE_BODIES_MAX_MB": "40"})
    endpoint = up.apply(document("raw", puppet_handler(tmp_path), workersMin=3, workersMax=3,
                                 limits="off"))
    workers = RawWorker.wait_all(tmp_path, 3)
    jobs = []
    for worker in workers:
        endpoint.run({})
        jobs.append(worker.take()["id"])
    return up, endpoint, workers, jobs


def announce(worker, job_id, mib):
    """A connection on which a result of that size has been announced to the agent."""
    url = worker.env["RUNPOD_WEBHOOK_POST_OUTPUT"].replace("$RUNPOD_POD_ID", worker.id)
    connection, target = worker.connect(url.replace("$ID", job_id) + "&isStream=false")
    connection.connect()
    connection.sock.sendall(("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n"
                             "Content-Length: %d\r\n\r\n{"
                             % (target, worker.headers["Authorization"], mib * MIB)).encode())
    return connection.sock


def waits_or_answers(thread, seconds=1):
    thread.join(seconds)
    return "waits" if thread.is_alive() else "answered"


def test_a_result_waits_for_room_and_a_small_one_does_not(three):
    up, endpoint, workers, jobs = three
    with announce(workers[0], jobs[0], 30) as first:
        first.settimeout(0.5)
        with pytest.raises(TimeoutError):
            first.recv(1)  # it is being read
        text = json.dumps({"output": "x" * (30 * MIB)})
        large = workers[1].post_later(jobs[1], text)
        assert waits_or_answers(large) == "waits"
        workers[2].done(jobs[2], '{"output": 1}')
        assert large.is_alive()
        assert endpoint.status(jobs[1])["status"] == "IN_PROGRESS"
        first.shutdown(socket.SHUT_RDWR)
    large.join(30)
    assert not large.is_alive()
    wait_for(lambda: endpoint.status(jobs[1])["status"] == "COMPLETED", 20, "the large result")
    again = threading.Thread(target=workers[0].done, args=(jobs[0], text), daemon=True)
    again.start()
    again.join(30)
    assert endpoint.status(jobs[0])["status"] == "COMPLETED"
    assert "post.no_room" not in up.log("agent-0")


def test_one_that_is_larger_than_the_room_goes_alone(three):
    _, endpoint, workers, jobs = three
    workers[0].done(jobs[0], json.dumps({"output": "x" * (50 * MIB)}))
    wait_for(lambda: endpoint.status(jobs[0])["status"] == "COMPLETED", 20, "the result")
