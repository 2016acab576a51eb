"""Slow and hostile clients against a running node: each is cut or answered, and all the while a
healthy client is served. The slow ones run together, beside the other tests of this file."""

import concurrent.futures
import contextlib
import itertools
import json
import re
import socket
import threading
import time

import pytest
import requests

import processes
from documents import document, library_handler
from millrace_up import wait_for

PATIENCE_S = 10     # a healthy client's request, on a busy machine with sanitizers
UPLOADS_S = 60      # for 180 MB that Redis also writes to its disk
SILENT = 200        # connections that say nothing
BIG = 9 << 20
pytestmark = pytest.mark.timeout(200)
_numbers = itertools.count()


class Victim:
    """Two endpoints of the shared node: one that works and one whose jobs wait."""

    def __init__(self, up):
        self.up = up
        number = next(_numbers)
        self.noop = up.apply(document("hostile-noop-%d" % number, library_handler("noop.so"),
                                      workersMin=1))
        self.parked = up.apply(document("hostile-%d" % number, {"command": ["true"]},
                                        workersMax=0))

    def connect(self, data=b"", timeout=30, receive=None):
        one = socket.socket()
        if receive:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        one.settimeout(timeout)
        one.connect(("127.0.0.1", self.up.port))
        with contextlib.suppress(ConnectionError):  # may be refused before all is sent
            one.sendall(data)
        return one

    def head(self, method, endpoint, operation, *lines):
        return "\r\n".join(["%s %s HTTP/1.1" % (method, endpoint.path(operation)), "Host: h",
                            "Authorization: Bearer " + self.up.key, *lines, "", ""]).encode()

    def health(self, *lines):
        return self.head("GET", self.parked, "health", *lines)

    def run(self, *lines, body=b'{"input":1}'):
        return self.head("POST", self.parked, "run", *lines) + body


@pytest.fixture(scope="module")
def victim(shared_up):
    one = Victim(shared_up)
    yield one
    one.noop.delete()
    one.parked.delete()
    assert shared_up.reports() == ""


class Healthy(threading.Thread):
    """A client that must notice nothing."""

    def __init__(self, victim):
        super().__init__(daemon=True)
        self.victim, self.wrong, self.slowest, self.count = victim, [], 0, 0
        self.stopping = threading.Event()

    def run(self):
        session = requests.Session()
        session.headers["Authorization"] = "Bearer " + self.victim.up.key
        url = "http://127.0.0.1:%d%s" % (self.victim.up.port, self.victim.noop.path("runsync"))
        while not self.stopping.wait(0.05):
            since = time.monotonic()
            try:
                job = session.post(url, json={"input": self.count}, timeout=30).json()
                if (job.get("status"), job.get("output")) != ("COMPLETED", self.count):
                    self.wrong.append(job)
            except Exception as error:  # whatever it is, a healthy client must not see it
                self.wrong.append(repr(error))
            self.slowest = max(self.slowest, time.monotonic() - since)
            self.count += 1

    def mark(self):
        """Begins a new judgement; returns the count so far."""
        self.wrong, self.slowest = [], 0
        return self.count

    def check(self):
        assert self.wrong == [] and self.slowest < PATIENCE_S, (self.wrong, self.slowest)


@pytest.fixture(scope="module")
def healthy(victim):
    one = Healthy(victim)
    one.start()
    yield one
    one.stopping.set()
    one.join(40)
    assert not one.is_alive() and one.count > 0


@pytest.fixture(autouse=True)
def unaffected(healthy):
    before = healthy.mark()
    yield
    wait_for(lambda: healthy.count > before, PATIENCE_S, "the healthy client's next answer")
    healthy.check()


def read_all(one):
    """All that comes until the end of the connection; a reset ends it, too."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while (some := one.recv(65536)):
            data += some
    one.close()
    return data


def statuses(data):
    """Statuses of the answers in data (none of the bodies here holds such a line)."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)]


# ---- slow ones, all at once ----

def silent(victim):
    ones = [victim.connect(timeout=110) for _ in range(SILENT)]
    since = time.monotonic()
    answers = [read_all(one) for one in ones]
    return time.monotonic() - since, set(answers)


def trickle(victim, data, rest, pause):
    """Seconds until the node cuts or answers a client that sends rest byte by byte."""
    one = victim.connect(data, timeout=0.01)
    since, got = time.monotonic(), b""
    for number in itertools.count():
        with contextlib.suppress(ConnectionError):
            one.sendall(rest[number % len(rest):][:1])
        try:
            some = one.recv(65536)
            got += some
            if not some:
                break
        except TimeoutError:
            pass
        except ConnectionError:
            break
        if time.monotonic() - since > 100:
            break
        time.sleep(pause)
    one.close()
    return time.monotonic() - since, statuses(got)


def trickling_head(victim):
    return trickle(victim, b"GET /healthz HTTP/1.1\r\n", b"X-A: b\r\n", 0.2)


def trickling_body(victim):
    return trickle(victim, victim.head("POST", victim.parked, "run", "Content-Length: 5000000"),
                   b"x", 0.2)


def trickling_chunks(victim):
    return trickle(victim, victim.head("POST", victim.parked, "run", "Transfer-Encoding: chunked"),
                   b"1\r\nx\r\n", 0.1)


def never_reading(victim):
    """Ten clients ask for 9 MiB and read nothing. Seconds until the first is cut; memory."""
    job = victim.noop.runsync("x" * BIG)
    request = victim.head("GET", victim.noop, "status/" + job["id"])
    ones = [victim.connect(request, receive=4096) for _ in range(10)]
    since = time.monotonic()
    most = 0
    left = list(ones)
    while left and time.monotonic() - since < 100:
        most = max(most, processes.resident_mb(victim.up.pid("api-0")))
        left = [one for one in left if not is_cut(one)]
        time.sleep(0.5)
    for one in ones:
        one.close()
    return time.monotonic() - since, len(left), most


def is_cut(one):
    """Whether the kernel has told an error: nothing is read."""
    return one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


SLOW = {run.__name__: run for run in (silent, trickling_head, trickling_body, trickling_chunks,
                                      never_reading)}


@pytest.fixture(scope="module")
def slow(victim, healthy):
    with concurrent.futures.ThreadPoolExecutor(len(SLOW)) as pool:
        started = {name: pool.submit(run, victim) for name, run in SLOW.items()}
        yield lambda name: started[name].result(150)


def test_silent_connections_are_closed(slow):
    seconds, answers = slow("silent")
    assert seconds > 70, "idle connections of worker SDKs must live"
    assert seconds < 100 and answers == {b""}


@pytest.mark.parametrize("name, most", [("trickling_head", 15), ("trickling_body", 40),
                                        ("trickling_chunks", 40)])
def test_a_trickling_client_is_cut(slow, name, most):
    seconds, answers = slow(name)
    assert seconds < most and answers in ([408], []), (seconds, answers)


def test_a_client_that_never_reads_is_cut(slow):
    seconds, left, memory_mb = slow("never_reading")
    assert left == 0 and seconds < 90
    assert memory_mb < 1500


# ---- quick ones ----

def refusal(victim, data):
    """The one answer to data, and the end of the connection."""
    found = statuses(read_all(victim.connect(data)))
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("count", [101, 100000])
def test_too_many_headers(victim, count):
    data = b"GET /healthz HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * count + b"\r\n"
    found = statuses(read_all(victim.connect(data)))
    assert found in ([431], []) and (found or count > 101)


@pytest.mark.parametrize("data, status", [
    (b"GET /healthz HTTP/1.1\r\nX: " + b"y" * (1 << 20) + b"\r\n\r\n", 431),
    (b"GET /" + b"y" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100 + b"\r\n\r\n", 400),
    (b"GET /healthz HTTP/9.9\r\n\r\n", 505),
    (b"GET / healthz HTTP/1.1\r\n\r\n", 400),
    (b"NONSENSE\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\nno colon\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\nname : blank\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400),
    (b"GET /healthz HTTP/1.1\r\nA: \x00\r\n\r\n", 400),
])
def test_bad_heads_are_refused(victim, data, status):
    found = statuses(read_all(victim.connect(data)))
    assert found in ([status], [400], [505]) or (found == [] and len(data) > 100000), found


def test_half_closed_client_gets_its_answer(victim):
    one = victim.connect(victim.head("POST", victim.noop, "runsync", "Content-Length: 11")
                         + b'{"input":5}')
    one.shutdown(socket.SHUT_WR)
    data = read_all(one)
    assert statuses(data) == [200] and b'"output":5' in data


def test_half_closed_in_the_middle_of_a_body(victim):
    before = waiting(victim)
    one = victim.connect(victim.run("Content-Length: 100"))
    one.shutdown(socket.SHUT_WR)
    assert statuses(read_all(one)) in ([], [400])
    assert waiting(victim) == before


def waiting(victim):
    return victim.parked.health()["jobs"]["inQueue"]


def test_pipelined_requests_are_all_answered(victim):
    count = 300
    one = victim.connect(victim.health() * (count - 1) + victim.health("Connection: close"))
    assert statuses(read_all(one)) == [200] * count


@pytest.mark.parametrize("garbage", [b"\x00\xff\x00\xff\r\n\r\n", b"{}\r\n\r\n", b"GET\r\n\r\n",
                                     b"A" * 100000, b"\r\n\r\nPOST / \r\n\r\n"])
def test_pipelined_garbage_is_refused_after_the_answer(victim, garbage):
    one = victim.connect(victim.health() + garbage)
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_WR)
    found = statuses(read_all(one))
    assert found[:1] == [200] and found[1:] in ([400], [414], [431], [])


@pytest.mark.parametrize("length", ["-1", "+11", "1e1", "0x0b", "11, 12", "11 11", "", "abc",
                                    "99999999999999999999999", "11\x00", "\u0661\u0661"])
def test_wrong_lengths_are_refused(victim, length):
    before = waiting(victim)
    assert refusal(victim, victim.head("POST", victim.parked, "run", "Content-Length: " + length)
                   + b'{"input":1}') in (400, 413)
    assert waiting(victim) == before


def test_a_body_longer_than_its_length_is_not_a_request(victim):
    data = victim.run("Content-Length: 11", body=b'{"input":1}{"input":2}\r\n\r\n')
    found = statuses(read_all(victim.connect(data)))
    assert found in ([200, 400], [200])


def test_a_huge_length_is_refused_before_anything_is_read(victim):
    data = victim.head("POST", victim.parked, "run", "Content-Length: 999999999999")
    assert refusal(victim, data) == 413


def inner(victim):
    """A request that must never be run."""
    return victim.run("Content-Length: 11")


@pytest.mark.parametrize("lines", [
    ("Content-Length: 5", "Transfer-Encoding: chunked"),
    ("Transfer-Encoding: chunked", "Content-Length: 5"),
    ("Content-Length: 5", "Content-Length: 0"),
    ("Content-Length: 5", "content-length: 6"),
    ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
    ("Transfer-Encoding: identity",), ("Transfer-Encoding: xchunked",),
    ("Transfer-Encoding: chunked, identity",), ("Transfer-Encoding: gzip, chunked",),
    ("Transfer-Encoding : chunked",), ("Transfer-Encoding:\x0bchunked",),
    ("Transfer-Encoding: \"chunked\"",), ("Transfer-Encoding:",),
    ("X: y", " Transfer-Encoding: chunked"),
    ("X: y\nTransfer-Encoding: chunked",), ("X: y\rTransfer-Encoding: chunked",),
], ids=lambda lines: "|".join(lines).encode("unicode_escape").decode())
def test_smuggling_pairs_are_refused(victim, lines):
    before = waiting(victim)
    data = victim.head("POST", victim.parked, "run", *lines) + b"0\r\n\r\n" + inner(victim)
    assert refusal(victim, data) in (400, 501)
    assert waiting(victim) == before


@pytest.mark.parametrize("chunks", [
    b"-1\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"5 \r\nhello\r\n0\r\n\r\n", b"fffffffffffffffff\r\n",
    b"5\nhello\n0\n\n", b"5\r\nhelloXX0\r\n\r\n", b"\r\n", b"5;" + b"e" * 10000 + b"\r\nhello\r\n",
    b"0\r\nContent-Length: 5\r\nX y\r\n\r\n",
], ids=lambda chunks: chunks[:24].decode("unicode_escape").encode("unicode_escape").decode())
def test_broken_chunks_are_refused(victim, chunks):
    before = waiting(victim)
    data = victim.head("POST", victim.parked, "run", "Transfer-Encoding: chunked") + chunks
    one = victim.connect(data)
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_WR)
    assert statuses(read_all(one)) in ([400], [431], [413], [])
    assert waiting(victim) == before


@pytest.mark.parametrize("key", ["é" * 100, "a" + "é" * 100, "\n\x1b[31m", '"\\', "\U0001f600" * 50])
def test_refusals_that_quote_are_one_line_of_valid_json(victim, key):
    twice = '{"input":1,%s:1,%s:1}' % ((json.dumps(key, ensure_ascii=False),) * 2)
    up = victim.up
    for reply in (up.request("POST", victim.parked.path("run"), data=twice.encode()),
                  up.post("/v1/endpoints", {key: 1}), up.post("/v1/keys", {key: 1}),
                  up.post("/v1/endpoints", {"id": key}), up.post("/v1/keys", {"scopes": key}),
                  up.post("/v1/keys", {"name": "x", "scopes": {key: [key]}})):
        if reply.status_code != 404:  # keys may not be there yet
            assert reply.status_code == 400
            assert "\n" not in json.loads(reply.content.decode())["error"]


def test_20_large_uploads_at_once(victim, healthy):
    text = b'{"input":"%s"}' % (b"x" * (BIG - 20))
    request = victim.head("POST", victim.parked, "run", "Content-Length: %d" % len(text),
                          "Connection: close")

    def upload(_):
        return statuses(read_all(victim.connect(request + text, timeout=UPLOADS_S)))
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(upload, range(20)))
    # 503: waited 10 s for its turn, on a disk that slow
    assert {status for answer in answers for status in answer} <= {200, 503}
    assert answers.count([200]) > 10 and all(len(answer) == 1 for answer in answers)
    assert victim.parked.post("purge-queue").json()["removed"] >= answers.count([200])
    assert healthy.wrong == [] and healthy.slowest < UPLOADS_S
    healthy.slowest = 0  # judged here
