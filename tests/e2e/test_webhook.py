"""Webhooks: each end of a job reaches its receiver with the body of /status, whatever breaks."""

import base64
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import pytest
import requests

import processes
from documents import document, library_handler, python_handler
from millrace_up import BUILD, Up, wait_for
from private_redis import PrivateRedis, Tls
from receiver import Receiver, signature

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
PAUSE_MS = 400


@pytest.fixture(scope="module")
def hooked():
    """A `millrace up` of its own: two API nodes, quick retries."""
    up = Up("--slots", 3, "--api-nodes", 2,
            env={"MILLRACE_WEBHOOK_RETRY_MS": str(PAUSE_MS)}).start()
    yield up
    up.stop()
    up.remove()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def endpoint(hooked, unique_id):
    made = []

    def make(handler, **settings):
        made.append(hooked.apply(document(unique_id(), handler, **settings)))
        return made[-1]
    yield make
    for one in made:
        one.delete()


@pytest.fixture
def noop(endpoint):
    return endpoint(library_handler("noop.so"), webhookSecret=SECRET)


@pytest.fixture
def parked(endpoint):
    return endpoint({"command": ["true"]}, workersMax=0)


def log(endpoint, job_id):
    reply = endpoint.get("webhook-redeliver", job_id)
    assert reply.status_code == 200, reply.text
    return reply.json()


def wait_log(endpoint, job_id, status, timeout=30):
    return wait_for(lambda: log(endpoint, job_id)["status"] == status and log(endpoint, job_id),
                    timeout, "webhook %s" % status)


# ---- what is sent

def test_the_body_is_that_of_status_and_signed(noop, receiver):
    job_id = noop.run({"text": "\u00e9", "n": 9007199254740993}, webhook=receiver.url("ok/a"))
    (got,) = receiver.wait("ok/a")
    assert got.body == noop.get("status", job_id).content
    assert json.loads(got.body)["status"] == "COMPLETED"
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["webhook-id"] == job_id + "_1"
    assert abs(int(got.headers["webhook-timestamp"]) - time.time()) < 60
    assert got.headers["webhook-signature"] == signature(KEY, got)
    seen = wait_log(noop, job_id, "DELIVERED")
    assert (seen["id"], seen["tries"], seen["lastStatus"]) == (job_id, 1, 200)
    assert "nextTryAt" not in seen and "lastError" not in seen
    assert len(receiver.got) == 1


def test_runsync_and_webhook_v2(noop, receiver):
    job = noop.runsync({"a": 1}, webhookV2=receiver.url("ok/v2"))
    (got,) = receiver.wait("ok/v2")
    assert json.loads(got.body) == job


def test_webhook_wins_over_webhook_v2(noop, receiver):
    job_id = noop.run({}, webhookV2=receiver.url("ok/two"), webhook=receiver.url("ok/one"))
    receiver.wait("ok/one")
    wait_log(noop, job_id, "DELIVERED")
    assert receiver.at("ok/two") == []


def test_an_endpoint_without_a_secret_sends_no_signature(parked, receiver):
    job_id = parked.run({}, webhook=receiver.url("ok/a"))
    parked.cancel(job_id)
    (got,) = receiver.wait("ok/a")
    assert "webhook-signature" not in got.headers


# ---- all ends

def assert_delivered(endpoint, receiver, job_id, path, state):
    (got,) = receiver.wait(path)
    body, shown = json.loads(got.body), endpoint.status(job_id)
    shown.pop("workerFreedTime", None)  # becomes known after the end
    assert (list(body.items()), body["status"]) == (list(shown.items()), state)
    wait_log(endpoint, job_id, "DELIVERED")
    assert len(receiver.at(path)) == 1


def test_failed_is_delivered(endpoint, receiver):
    plain = endpoint(python_handler("plain.py"))
    job_id = plain.run({"do": "raise", "why": "boom"}, webhook=receiver.url("ok/f"))
    assert_delivered(plain, receiver, job_id, "ok/f", "FAILED")


def test_execution_timeout_is_delivered(endpoint, receiver):
    plain = endpoint(python_handler("plain.py"))
    job_id = plain.run({"do": "sleep", "seconds": 60}, webhook=receiver.url("ok/t"),
                       policy={"executionTimeout": 5000})
    assert_delivered(plain, receiver, job_id, "ok/t", "TIMED_OUT")


def test_queue_ttl_is_delivered(parked, receiver):
    job_id = parked.run({}, webhook=receiver.url("ok/ttl"), policy={"ttl": 10000})
    assert_delivered(parked, receiver, job_id, "ok/ttl", "TIMED_OUT")


def test_cancel_is_delivered(parked, receiver):
    job_id = parked.run({}, webhook=receiver.url("ok/c"))
    parked.cancel(job_id)
    assert_delivered(parked, receiver, job_id, "ok/c", "CANCELLED")


def test_purge_is_delivered(parked, receiver):
    jobs = [parked.run({}, webhook=receiver.url("ok/p%d" % i)) for i in range(3)]
    assert parked.post("purge-queue").status_code == 200
    for i, job_id in enumerate(jobs):
        assert_delivered(parked, receiver, job_id, "ok/p%d" % i, "CANCELLED")


def test_the_end_after_a_retry_is_delivered_anew(endpoint, receiver):
    plain = endpoint(python_handler("plain.py"))
    job_id = plain.run({"do": "raise", "why": "boom"}, webhook=receiver.url("ok/r"))
    receiver.wait("ok/r")
    assert plain.post("retry", job_id).status_code == 200
    first, second = receiver.wait("ok/r", 2)
    assert first.headers["webhook-id"] != second.headers["webhook-id"]
    assert second.body == plain.get("status", job_id).content


# ---- failures of the receiver

def test_three_tries_one_pause_apart_then_back_off(parked, receiver):
    job_id = parked.run({}, webhook=receiver.url("500/a"))
    parked.cancel(job_id)
    tries = receiver.wait("500/a", 3)
    gaps = [b.at - a.at for a, b in zip(tries, tries[1:])]
    assert all(PAUSE_MS / 1000 - 0.05 <= gap <= PAUSE_MS / 1000 + 1 for gap in gaps), gaps
    seen = wait_for(lambda: log(parked, job_id)["tries"] == 3 and log(parked, job_id), 10, "log")
    assert (seen["status"], seen["lastStatus"], seen["lastError"]) == \
        ("QUEUED", 500, "HTTP status 500")
    assert 0.8 * 6 * PAUSE_MS <= seen["nextTryAt"] - seen["lastTriedAt"] <= 1.2 * 6 * PAUSE_MS
    assert len({one.headers["webhook-id"] for one in tries}) == 1
    fourth = receiver.wait("500/a", 4)[3]
    assert fourth.at - tries[2].at >= 0.7 * 6 * PAUSE_MS / 1000
    assert parked.status(job_id)["status"] == "CANCELLED"


def test_it_stops_with_the_first_success(parked, receiver):
    job_id = parked.run({}, webhook=receiver.url("flaky/1/a"))
    parked.cancel(job_id)
    receiver.wait("flaky/1/a", 2)
    assert wait_log(parked, job_id, "DELIVERED")["tries"] == 2
    time.sleep(3 * PAUSE_MS / 1000)  # nothing to wait for: a third one must not come
    assert len(receiver.at("flaky/1/a")) == 2


def test_a_redirect_is_refused(parked, receiver):
    job_id = parked.run({}, webhook=receiver.url("302/a"))
    parked.cancel(job_id)
    receiver.wait("302/a", 2)
    assert "redirects are not followed: name" in log(parked, job_id)["lastError"]
    assert receiver.at("ok/redirected") == []


def test_nobody_listens(parked, receiver):
    url = receiver.url("ok/x")
    receiver.close()
    job_id = parked.run({}, webhook=url)
    parked.cancel(job_id)
    seen = wait_for(lambda: log(parked, job_id)["tries"] >= 1 and log(parked, job_id), 10, "a try")
    assert "refused" in seen["lastError"].lower() or "connect" in seen["lastError"].lower()
    assert "lastStatus" not in seen


def test_a_slow_receiver_delays_nobody(noop, receiver):
    for i in range(80):  # more than fit at once
        noop.run({}, webhook=receiver.url("slow/%d" % i, host="localhost"))
    wait_for(lambda: len(receiver.got) >= 40, 30, "tries at the slow one")
    begun = time.monotonic()
    job = noop.runsync({"a": 1}, webhook=receiver.url("ok/quick"))
    assert job["status"] == "COMPLETED"
    assert time.monotonic() - begun < 5
    receiver.wait("ok/quick", timeout=9)
    receiver.release()


# ---- redelivery

def test_redeliver(noop, receiver):
    job_id = noop.run({"a": 1}, webhook=receiver.url("ok/a"))
    wait_log(noop, job_id, "DELIVERED")
    reply = noop.post("webhook-redeliver", job_id)
    assert reply.status_code == 200, reply.text
    assert (reply.json()["id"], reply.json()["status"]) == (job_id, "QUEUED")
    first, second = receiver.wait("ok/a", 2)
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])


def test_redeliver_is_refused_where_there_is_nothing_to_deliver(parked, receiver):
    assert parked.post("webhook-redeliver", "nobody").status_code == 404
    assert parked.get("webhook-redeliver", "nobody").status_code == 404
    plain = parked.run({})
    for reply in (parked.post("webhook-redeliver", plain), parked.get("webhook-redeliver", plain)):
        assert reply.status_code == 400 and "without a webhook" in reply.json()["error"]
    waiting = parked.run({}, webhook=receiver.url("ok/a"))
    reply = parked.post("webhook-redeliver", waiting)
    assert reply.status_code == 400 and "IN_QUEUE" in reply.json()["error"]
    assert log(parked, waiting) == {"id": waiting, "status": "WAITING", "tries": 0}


# ---- submit and settings

@pytest.mark.parametrize("url", ["ftp://example.com/", "nonsense", "https://", "http://a b/", 7])
def test_a_url_that_can_never_be_reached_is_refused(parked, url):
    for operation in ("run", "runsync"):
        reply = parked.post(operation, json={"input": {}, "webhook": url})
        assert reply.status_code == 400 and "webhook" in reply.json()["error"], reply.text


def test_no_webhook_in_other_words(parked):
    for empty in ("", None):
        job_id = parked.run({}, webhook=empty)
        assert parked.get("webhook-redeliver", job_id).status_code == 400


def test_the_secret_is_never_shown_and_survives_an_update(hooked, noop, receiver):
    path = "/v1/endpoints/" + noop.id
    shown = hooked.get(path)
    assert shown.json()["webhookSecret"] == "***"
    assert SECRET not in hooked.get("/v1/endpoints").text + shown.text
    changed = {key: value for key, value in shown.json().items() if key != "version"}
    reply = hooked.request("PATCH", path, json=dict(changed, idleTimeout=7))
    assert reply.status_code == 200 and SECRET not in reply.text, reply.text
    noop.run({}, webhook=receiver.url("ok/a"))
    (got,) = receiver.wait("ok/a")
    assert got.headers["webhook-signature"] == signature(KEY, got)


class Alone:
    """One millrace-api of its own, without `millrace up` and its leave for private addresses."""

    def __init__(self, *args):
        self.redis = PrivateRedis().start()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.base = "http://127.0.0.1:%d" % free.getsockname()[1]
        self.process = subprocess.Popen(
            [str(BUILD / "millrace-api"), "--redis", "unix://" + self.redis.socket,
             "--listen", self.base[7:], "--api-key", "k", "--webhook-retry-ms", "200", *args],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.is_up, 20, "millrace-api")

    def is_up(self):
        try:
            return self.request("GET", "/healthz").status_code == 200
        except requests.ConnectionError:
            return False

    def request(self, method, path, body=None):
        return requests.request(method, self.base + path, json=body, timeout=20,
                                headers={"Authorization": "Bearer k", "Connection": "close"})

    def submit(self, url):
        return self.request("POST", "/v2/e/run", {"input": {}, "webhook": url})

    def tried(self, url):
        """The log of a job with that webhook, once it has been tried."""
        job_id = self.submit(url).json()["id"]
        assert self.request("POST", "/v2/e/cancel/" + job_id).status_code == 200

        def log():
            seen = self.request("GET", "/v2/e/webhook-redeliver/" + job_id).json()
            return seen if seen["tries"] else None
        return wait_for(log, 20, "a try")

    def stop(self):
        self.process.terminate()
        status = self.process.wait(20)
        self.redis.stop()
        return status


@pytest.fixture
def alone():
    """alone(args...) starts one; all are ended and checked."""
    started = []

    def start(*args):
        started.append(Alone(*args))
        reply = started[-1].request("POST", "/v1/endpoints",
                                    document("e", {"command": ["true"]}, workersMax=0))
        assert reply.status_code == 200, reply.text
        return started[-1]
    yield start
    assert [one.stop() for one in started] == [0] * len(started)


def test_a_private_address_is_refused_without_leave(alone, receiver):
    node = alone()
    reply = node.submit(receiver.url("ok/a"))
    assert reply.status_code == 400 and "--webhook-allow" in reply.json()["error"]
    for host in ("127.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0"):
        reply = node.submit("https://%s:%d/ok/a" % (host, receiver.port))
        assert reply.status_code == 400 and "address is not allowed" in reply.json()["error"]
    for host in ("localhost", "127.1"):  # known when the name is resolved
        seen = node.tried("https://%s:%d/ok/a" % (host, receiver.port))
        assert seen["status"] == "QUEUED" and "lastStatus" not in seen
        assert seen["lastError"].startswith("a loopback address is not allowed: ")
        assert "--webhook-allow" in seen["lastError"]
    assert receiver.got == []


def test_only_listed_addresses_are_reached(alone, receiver):
    node = alone("--webhook-allow", "10.0.0.0/8,127.0.0.2")
    reply = node.submit(receiver.url("ok/a"))
    assert reply.status_code == 400 and "a loopback address is not" in reply.json()["error"]
    seen = node.tried(receiver.url("ok/a", host="localhost"))
    assert "a loopback address is not allowed" in seen["lastError"]
    assert receiver.got == []
    other = alone("--webhook-allow", "10.0.0.0/8,127.0.0.1")
    assert other.tried(receiver.url("ok/a"))["status"] == "DELIVERED"


def test_a_bad_range_is_named():
    done = subprocess.run([str(BUILD / "millrace-api"), "--webhook-allow", "10.0.0.0/99"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert "10.0.0.0/99" in done.stderr and done.stderr.count("\n") == 1


# ---- private authorities

@pytest.fixture
def tls():
    """tls(host) makes an authority and a certificate of that host."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    made = []

    def make(host="127.0.0.1"):
        made.append(Tls(host))
        return made[-1]
    yield make
    for one in made:
        one.stop()


def test_a_receiver_of_a_private_authority(alone, tls):
    ours, others, elsewhere = tls(), tls(), tls("127.0.0.9")
    both = os.path.join(ours.folder, "both.pem")
    with open(both, "w") as file:
        for one in (ours, elsewhere):
            file.write(pathlib.Path(one.cacert).read_text())
    node = alone("--webhook-allow", "127.0.0.0/8", "--webhook-ca", both)
    receivers = [Receiver(tls=one) for one in (ours, others, elsewhere)]
    try:
        good, unknown, misnamed = [node.tried(one.url("ok/a")) for one in receivers]
        assert good["status"] == "DELIVERED"
        assert (unknown["status"], misnamed["status"]) == ("QUEUED", "QUEUED")
        assert "certificate" in unknown["lastError"]
        assert "no alternative certificate subject name matches" in misnamed["lastError"]
        assert [len(one.got) for one in receivers] == [1, 0, 0]
    finally:
        for one in receivers:
            one.close()


def test_an_unusable_file_of_authorities_is_named():
    done = subprocess.run([str(BUILD / "millrace-api"), "--webhook-ca", "/dev/null"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert "/dev/null" in done.stderr and "PEM" in done.stderr


# ---- deleted endpoints

def test_what_a_deleted_endpoint_left_is_delivered_and_signed(fresh_up, receiver):
    up = fresh_up("--slots", 0)
    endpoint = up.apply(document("e", {"command": ["true"]}, workersMax=0, webhookSecret=SECRET))
    job_id = endpoint.run({}, webhook=receiver.url("slow/a"))
    endpoint.delete()
    receiver.wait("slow/a")
    old = up.pid("api-0")
    processes.kill(old, signal.SIGKILL)  # nobody remembers the hint: the round finds it
    receiver.release()
    up.wait_restarted("api-0", old)
    for got in receiver.wait("slow/a", 2, timeout=40):
        assert json.loads(got.body)["status"] == "CANCELLED"
        assert got.headers["webhook-id"].startswith(job_id)
        assert got.headers["webhook-signature"] == signature(KEY, got)


# ---- programs that die

def test_a_restarted_node_delivers_what_it_had_not(fresh_up, receiver):
    up = fresh_up("--slots", 0)
    endpoint = up.apply(document("e", {"command": ["true"]}, workersMax=0))
    slow = endpoint.run({}, webhook=receiver.url("slow/a"))
    endpoint.cancel(slow)
    receiver.wait("slow/a")
    old = up.pid("api-0")
    processes.kill(old, signal.SIGKILL)
    receiver.release()
    up.wait_restarted("api-0", old)
    assert len(receiver.wait("slow/a", 2, timeout=40)) >= 2
    assert wait_log(endpoint, slow, "DELIVERED")["tries"] == 1


def test_another_node_takes_over(fresh_up, receiver):
    up = fresh_up("--slots", 0, "--api-nodes", 2)
    endpoint = up.apply(document("e", {"command": ["true"]}, workersMax=0))
    jobs = [endpoint.run({}, webhook=receiver.url("ok/%d" % i)) for i in range(20)]
    old = up.pid("api-1")
    for number, job_id in enumerate(jobs):
        endpoint.cancel(job_id)
        if number == 10:
            processes.kill(old, signal.SIGKILL)
    for number in range(20):
        receiver.wait("ok/%d" % number, timeout=40)
    up.wait_restarted("api-1", old)
