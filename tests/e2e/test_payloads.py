"""Large bodies: refused before they are read, and many at once within bounded memory."""

import concurrent.futures
import http.client
import json
import os
import signal
import socket

import pytest

from documents import document
from millrace_up import is_sanitized, wait_for
from processes import peak_mib

MIB = 1 << 20
UPLOADS = 20


@pytest.mark.parametrize("operation, mib", [("run", 10), ("runsync", 20)])
def test_a_body_too_large_is_refused_before_it_is_read(up, parked, operation, mib):
    head = ("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n"
            % (parked.path(operation), up.key, mib * MIB + 1))
    with socket.create_connection(("127.0.0.1", up.port), timeout=30) as client:
        client.sendall(head.encode())
        reply = http.client.HTTPResponse(client)
        reply.begin()
        error = json.loads(reply.read())["error"]
    assert reply.status == 413
    assert "exceeded max body size of %dMiB" % mib in error


def test_a_body_without_a_length_is_refused_in_the_same_words(up, parked):
    client = http.client.HTTPConnection("127.0.0.1", up.port, timeout=30)
    client.putrequest("POST", parked.path("run"))
    client.putheader("Authorization", up.key)
    client.putheader("Transfer-Encoding", "chunked")
    client.endheaders()
    client.send(b"%x\r\n" % (10 * MIB + 1))
    reply = client.getresponse()
    assert reply.status == 413
    assert "exceeded max body size of 10MiB" in json.loads(reply.read())["error"]


def test_many_large_uploads_at_once_cost_one_copy_each(fresh_up):
    up = fresh_up("--slots", 0, "--agents", 0)
    endpoint = up.apply(document("large", {"command": ["true"]}, workersMax=0))
    pid = up.pid("api-0")
    body = b'{"input":"' + b"x" * (20 * MIB - 12) + b'"}'

    def upload(_):
        client = http.client.HTTPConnection("127.0.0.1", up.port, timeout=120)
        client.request("POST", endpoint.path("runsync") + "?wait=1000", body,
                       {"Authorization": "Bearer " + up.key})
        reply = client.getresponse()
        answer = json.loads(reply.read())
        client.close()
        return reply.status, answer.get("status")
    with concurrent.futures.ThreadPoolExecutor(UPLOADS) as pool:
        answers = set(pool.map(upload, range(UPLOADS)))
    assert answers == {(200, "IN_QUEUE")}
    assert endpoint.health()["jobs"]["inQueue"] == UPLOADS
    if not is_sanitized():  # a sanitizer keeps what was freed
        assert peak_mib(pid) < UPLOADS * 20 + 120


def test_small_requests_wait_behind_one_large_upload_only(fresh_up):
    up = fresh_up("--slots", 0, "--agents", 0)
    endpoint = up.apply(document("large", {"command": ["true"]}, workersMax=0))
    body = b'{"input":"' + b"x" * (10 * MIB - 12) + b'"}'
    endpoint.health()  # the node knows the endpoint now
    clients, answered = [], []

    def answer(client, what):
        reply, _ = answer_of(client)
        answered.append(what)
        return reply.status
    os.kill(up.pid("redis"), signal.SIGSTOP)
    try:
        for _ in range(4):
            clients.append(announce(up, endpoint, 0, "Content-Length: %d" % len(body)))
            clients[-1].sendall(body)
        for _ in range(10):  # loop turns in which the node gets to all of them
            assert up.get("/nothing").status_code == 404
        small = socket.create_connection(("127.0.0.1", up.port), timeout=30)
        small.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n" % (
            endpoint.path("health").encode(), up.key.encode()))
        assert up.get("/nothing").status_code == 404  # by then it has been sent to Redis
    finally:
        os.kill(up.pid("redis"), signal.SIGCONT)
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        replies = [pool.submit(answer, client, "large") for client in clients]
        replies.append(pool.submit(answer, small, "small"))
        assert [reply.result() for reply in replies] == [200] * 5
    assert "small" in answered[:-2], answered


def announce(up, endpoint, mib, framing=None):
    """A connection on which a body of that size has been announced, and its first bytes sent."""
    client = socket.create_connection(("127.0.0.1", up.port), timeout=30)
    client.sendall(("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n%s\r\n\r\n" % (
        endpoint.path("run"), up.key, framing or "Content-Length: %d" % (mib * MIB))).encode())
    return client


def answer_of(client):
    reply = http.client.HTTPResponse(client)
    reply.begin()
    return reply, json.loads(reply.read())


def test_bodies_beyond_the_room_for_them_are_told_to_come_again(fresh_up):
    up = fresh_up("--agents", "0", env={"MILLRACE_BODIES_MAX_MB": "50"})
    parked = up.apply(document("parked", {"command": ["true"]}, workersMax=0,
                               payload={"runBytes": 30 * MIB}))
    with announce(up, parked, 30) as first:
        def is_full():
            with announce(up, parked, 30) as second:
                second.settimeout(0.5)  # one that has room is not answered
                try:
                    return answer_of(second)
                except TimeoutError:
                    return None
        reply, body = wait_for(is_full, 20, "no room")
        assert reply.status == 503 and int(reply.headers["Retry-After"]) > 0
        assert "50 MiB" in body["error"] and "--bodies-max-mb" in body["error"]
        assert parked.run({"small": 1})  # passes beside them
        first.shutdown(socket.SHUT_RDWR)
    text = '{"input": "%s"}' % ("x" * (29 * MIB))

    def fits():
        return up.session.post("http://127.0.0.1:%d%s" % (up.port, parked.path("run")), data=text,
                               timeout=60).status_code == 200
    wait_for(fits, 20, "room again")
    assert fits() and fits()  # each gives its room back


CHUNKED = "Transfer-Encoding: chunked"


def test_bodies_without_a_length_count_as_they_grow(fresh_up):
    up = fresh_up("--agents", "0", env={"MILLRACE_BODIES_MAX_MB": "50"})
    parked = up.apply(document("parked", {"command": ["true"]}, workersMax=0,
                               payload={"runBytes": 30 * MIB}))
    many = [announce(up, parked, 0, CHUNKED) for _ in range(20)]
    try:
        for client in many:
            client.sendall(b"c\r\n{\"input\": 1}\r\n0\r\n\r\n")
        assert {answer_of(client)[0].status for client in many} == {200}, "small ones cost nothing"
        large = many[:2]
        answers = [grow(up, parked, client, 28 * MIB) for client in large]
        assert answers[0] is None, "it has room"
        reply, body = answers[1]
        assert reply.status == 503 and "--bodies-max-mb" in body["error"]
    finally:
        for client in many:
            client.close()


def grow(up, endpoint, client, size):
    """Sends that much of a chunked body, without its end; the answer, None when there is none."""
    client.sendall(("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n%s\r\n\r\n" % (
        endpoint.path("run"), up.key, CHUNKED)).encode())
    try:
        client.sendall(b"%x\r\n" % size + b"x" * size + b"\r\n")
    except OSError:
        pass  # it was answered and closed meanwhile
    client.settimeout(1)
    try:
        return answer_of(client)
    except TimeoutError:
        return None
