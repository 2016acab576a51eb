"""Large bodies: refused before they are read, and many at once within bounded memory."""

import concurrent.futures
import http.client
import json
import socket

import pytest

from documents import document
from millrace_up import BUILD

MIB = 1 << 20
UPLOADS = 20


def is_sanitized():
    return "CMAKE_BUILD_TYPE:STRING=Sanitize" in (BUILD / "CMakeCache.txt").read_text()


def peak_mib(pid):
    with open("/proc/%d/status" % pid) as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


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
