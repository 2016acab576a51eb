"""Load-balancing endpoints: /lb/EP/... reaches the HTTP server of a ready worker."""

import json
import os
import signal
import socket
import threading
import time

import pytest
import redis
import requests

from documents import document, python_handler, server_handler
from millrace_up import wait_for


class Balanced:
    def __init__(self, endpoint):
        self.endpoint, self.up = endpoint, endpoint.up

    def call(self, method, path, **options):
        return self.up.request(method, "/lb/%s%s" % (self.endpoint.id, path), **options)

    def get(self, path, worker=None, **options):
        headers = {"X-Runpod-Worker-Id": worker} if worker else {}
        return self.call("GET", path, headers=headers, **options)

    def workers(self):
        return self.endpoint.health()["workers"]


@pytest.fixture
def balanced(make_endpoint):
    def make(*args, concurrency=None, **settings):
        env = settings.pop("env", {})
        return Balanced(make_endpoint(server_handler("model_server.py", *args, **env),
                                      type="LOAD_BALANCER", **settings))
    return make


@pytest.fixture
def one(balanced):
    return balanced()


def test_a_request_starts_a_worker_and_reaches_it(one):
    reply = one.call("POST", "/echo?a=b%20c&d", data=b"some body", headers={
        "X-Mine": "1", "Content-Type": "text/x", "Accept": "x/y"})
    assert reply.status_code == 200 and reply.headers["X-Echo"] == "yes"
    seen = reply.json()
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/echo?a=b%20c&d", "some body")
    assert seen["headers"]["x-mine"] == "1" and seen["headers"]["accept"] == "x/y"
    assert seen["headers"]["content-type"] == "text/x"
    assert "authorization" not in seen["headers"]
    assert not [name for name in seen["headers"] if "millrace" in name]
    assert reply.headers["X-Runpod-Worker-Id"].startswith("agent-0-")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
def test_every_method(one, method):
    reply = one.call(method, "/echo")
    assert reply.status_code == 200
    if method == "HEAD":
        assert reply.content == b""
    else:
        assert reply.json()["method"] == method


def test_errors_and_empty_answers_are_the_workers(one):
    assert one.get("/text").content == "grüße".encode()
    assert one.get("/text").headers["Content-Type"] == "text/plain; charset=utf-8"
    assert one.get("/binary").content == bytes(range(256))
    reply = one.get("/teapot")
    assert (reply.status_code, reply.text) == (418, "short and stout")
    assert one.get("/health").status_code == 200


def test_a_large_body_both_ways(one):
    data = os.urandom(8 << 20)
    reply = one.call("POST", "/echo", data=data)
    assert reply.json()["body"].encode("latin-1") == data
    reply = one.call("POST", "/echo", data=b"x" * ((30 << 20) + 1))
    assert reply.status_code == 413


def test_streams_come_piece_by_piece(one):
    one.get("/text")
    body = {"model": "tiny", "messages": [{"role": "user", "content": "a b c d"}], "stream": True,
            "pause": 0.4}
    begin, times = time.monotonic(), []
    with one.call("POST", "/v1/chat/completions", json=body, stream=True) as reply:
        assert reply.headers["Content-Type"].startswith("text/event-stream")
        for line in reply.iter_lines():
            if line:
                times.append(time.monotonic() - begin)
    assert times[0] < 1 and times[-1] > 1.5


def resident_mb(pid):
    with open("/proc/%d/status" % pid) as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) >> 10


def test_a_slow_reader_slows_the_server_and_gets_all(one):
    one.get("/text")
    pids = [one.up.pid("api-0"), one.up.pid("agent-0")]
    before = [resident_mb(pid) for pid in pids]
    got = bytearray()
    with one.get("/flood", stream=True) as reply:
        for piece in reply.iter_content(1 << 20):
            if not got:
                wait_for(lambda: one.get("/counts").json()["active"] == 1, 5, "server still sends")
                grown = [resident_mb(pid) - old for pid, old in zip(pids, before)]
                assert max(grown) < 48, grown
            got += piece
    assert bytes(got) == b"".join(bytes([number]) * (1 << 20) for number in range(64))


def test_a_broken_answer_is_broken_for_the_client_too(one):
    one.get("/text")
    with pytest.raises(requests.RequestException):
        assert one.get("/cut").content is None


def test_a_client_that_leaves_closes_the_request(one):
    one.get("/text")
    with socket.create_connection(("127.0.0.1", one.up.port)) as sock:
        body = json.dumps({"model": "tiny", "stream": True, "pause": 0.5, "messages": [
            {"role": "user", "content": "a b c d e f g h"}]}).encode()
        sock.sendall(b"POST /lb/%s/v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n"
                     b"Content-Length: %d\r\n\r\n%s" % (one.endpoint.id.encode(),
                                                        one.up.key.encode(), len(body), body))
        wait_for(lambda: one.get("/counts").json()["active"] == 1, 10, "request at the server")
    wait_for(lambda: one.get("/counts").json()["active"] == 0, 5, "request closed")


def test_queue_and_balance_do_not_mix(one, plain):
    reply = plain.up.get("/lb/%s/x" % plain.id)
    assert (reply.status_code, reply.json()) == (400, {"error": "not allowed for QB API"})
    assert one.endpoint.post("run", json={"input": {}}).status_code == 400
    assert one.endpoint.post("runsync", json={"input": {}}).status_code == 400


def test_without_a_key(one):
    url = "http://127.0.0.1:%d/lb/%s/text" % (one.up.port, one.endpoint.id)
    assert requests.get(url, timeout=10).status_code == 401
    assert one.up.get("/lb/no-such/text").status_code == 404


def test_no_workers(balanced):
    endpoint = balanced(workersMax=0)
    reply = endpoint.get("/text")
    assert (reply.status_code, reply.json()) == (503, {"error": "no workers available"})


def test_a_wait_has_an_end(fresh_up):
    up = fresh_up("--slots", 0, env={"MILLRACE_LB_WAIT_MS": "1500"})
    endpoint = Balanced(up.apply(document("lb", server_handler("model_server.py"),
                                          type="LOAD_BALANCER")))
    begin = time.monotonic()
    assert endpoint.get("/text").status_code == 503
    assert 1.4 < time.monotonic() - begin < 10
    wait_for(lambda: up.get("/v2/lb/health").json()["jobs"]["inQueue"] == 0, 5, "nothing waits")


def test_servers_that_load_are_not_in_rotation(balanced):
    endpoint = balanced(3)
    begin = time.monotonic()
    reply = endpoint.get("/text")
    assert reply.status_code == 200 and time.monotonic() - begin > 2.5


def test_requests_in_flight_make_workers_and_spread(balanced):
    endpoint = balanced(workersMax=3, scalerType="REQUEST_COUNT", scalerValue=2)
    pids, threads = [], []

    def one():
        pids.append(endpoint.call("POST", "/slow", data=b"4").json()["pid"])
    for _ in range(6):
        threads.append(threading.Thread(target=one))
        threads[-1].start()
    seen = set()

    def has_three():
        seen.add(endpoint.get("/text").headers["X-Runpod-Worker-Id"])
        return len(seen) == 3
    wait_for(has_three, 20, "a worker for each two requests")
    for _ in range(3):
        threads.append(threading.Thread(target=one))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert len(pids) == 9 and len(set(pids)) >= 2
    wait_for(lambda: endpoint.workers()["idle"] + endpoint.workers()["running"] == 0, 20,
             "idle workers gone")


def test_affinity(balanced):
    endpoint = balanced(workersMin=2, workersMax=2)
    wait_for(lambda: endpoint.workers()["idle"] == 2, 20, "two workers")
    workers = {}

    def learn():
        reply = endpoint.call("POST", "/slow", data=b"0.5")
        workers[reply.headers["X-Runpod-Worker-Id"]] = reply.json()["pid"]
    threads = [threading.Thread(target=learn) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(workers) == 2
    for worker, pid in workers.items():
        for wish in (worker, "strict " + worker, "strict-resume " + worker):
            for _ in range(3):
                assert endpoint.get("/echo", wish).json()["pid"] == pid
    assert endpoint.get("/echo", "agent-0-000000").status_code == 200
    reply = endpoint.get("/echo", "strict agent-0-000000")
    assert reply.status_code == 404 and reply.json()["error"] == "affinity_worker_gone"


def test_a_dead_worker_is_passed_over(balanced):
    endpoint = balanced(workersMin=2, workersMax=2)
    wait_for(lambda: endpoint.workers()["idle"] == 2, 20, "two workers")
    os.kill(endpoint.get("/echo").json()["pid"], signal.SIGKILL)
    assert [endpoint.get("/text").status_code for _ in range(20)] == [200] * 20


def test_a_post_whose_worker_dies_is_not_repeated(balanced):
    endpoint = balanced(workersMin=2, workersMax=2)
    wait_for(lambda: endpoint.workers()["idle"] == 2, 20, "two workers")
    assert endpoint.call("POST", "/die").status_code == 502
    assert endpoint.get("/text").status_code == 200


def test_a_draining_worker_ends_its_requests(balanced):
    endpoint = balanced(workersMin=1)
    endpoint.get("/text")
    replies = []
    thread = threading.Thread(
        target=lambda: replies.append(endpoint.call("POST", "/slow", data=b"3")))
    thread.start()
    wait_for(lambda: endpoint.workers()["running"] == 1, 10, "request runs")
    endpoint.up.apply(document(endpoint.endpoint.id, server_handler("model_server.py", NEW=1),
                               type="LOAD_BALANCER", workersMin=1))
    thread.join()
    assert replies[0].status_code == 200
    wait_for(lambda: endpoint.get("/echo").json()["pid"] != replies[0].json()["pid"], 20,
             "the new worker")


def test_the_gate_answers_only_those_who_know_its_secret(one):
    one.get("/text")
    agent = json.loads(redis.Redis(
        unix_socket_path=str(one.up.data / "redis/redis.sock")).hget("mr:{sys}:agents", "agent-0"))
    address = agent["lb"]["address"]
    assert address.startswith("127.0.0.1:")
    reply = requests.get("http://%s/text" % address, timeout=10)
    assert reply.status_code == 401
    reply = requests.get("http://%s/text" % address, timeout=10, headers={
        "X-Millrace-Secret": agent["lb"]["secret"], "X-Millrace-Worker": "agent-0-000000"})
    assert reply.status_code == 503


def test_handlers_of_other_kinds_are_refused(up):
    reply = up.post("/v1/endpoints", document("lb-bad", python_handler("plain.py"),
                                              type="LOAD_BALANCER"))
    assert reply.status_code == 400 and "server" in reply.json()["error"]
