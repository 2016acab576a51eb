"""What a check works with: endpoints of its own on the shared `millrace up`, simulated workers, and
bare connections. One Stage for each check, usable from its own thread."""

import contextlib
import itertools
import json
import pathlib
import shutil
import socket
import sys
import tempfile
import threading
import time

import requests

from documents import document
from millrace_up import Endpoint, wait_for
from raw_worker import RawWorker

FOLDER = pathlib.Path(__file__).resolve().parent
JSON_TYPE = {"Content-Type": "application/json"}
_numbers = itertools.count()


def puppet(folder):
    return {"command": [sys.executable, str(FOLDER / "puppet.py"), str(folder)]}


def session():
    """Looks for no proxies: the environment changes with each test, while checks run side by side."""
    found = requests.Session()
    found.trust_env = False
    return found


class Client:
    """The part of Up that endpoints need, with a session of its own: checks run side by side."""

    def __init__(self, up):
        self.up, self.base, self.port, self.key = up, up.base, up.port, up.key
        self.session = session()
        self.session.headers["Authorization"] = "Bearer " + self.key

    def tail(self):
        return self.up.tail()

    def request(self, method, path, **options):
        options.setdefault("timeout", 120)
        return self.session.request(method, "http://127.0.0.1:%d%s" % (self.port, path), **options)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, json=None, **options):
        return self.request("POST", path, json=json, **options)

    def apply(self, text):
        reply = self.post("/v1/endpoints", text)
        assert reply.status_code == 200, reply.text
        return Endpoint(self, text["id"])


class Stage:
    def __init__(self, up, name):
        self.up, self.name = Client(up), name
        self.made, self.sockets = [], []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mr-conf-", dir="/tmp"))
        self.on_close = contextlib.ExitStack()

    def close(self):
        self.on_close.close()
        for one in self.sockets:
            one.close()
        for endpoint in self.made:
            endpoint.delete()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.up.session.close()

    # ---- endpoints and workers
    def endpoint(self, handler, **settings):
        """Rate limits are off unless settings bring `limits`; limits=None keeps the defaults."""
        text = document("conf-%s-%d" % (self.name, next(_numbers)), handler, **settings)
        if text["limits"] is None:
            del text["limits"]
        self.made.append(self.up.apply(text))
        return self.made[-1]

    def parked(self, **settings):
        """Without workers: its jobs wait."""
        return self.endpoint({"command": ["true"]}, workersMax=0, **settings)

    def puppets(self, count=1, **settings):
        """An endpoint and the workers that the check speaks for."""
        settings = {"workersMin": count, "workersMax": count, **settings}
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        endpoint = self.endpoint(puppet(folder), **settings)
        return endpoint, RawWorker.wait_all(folder, count, timeout=60)

    def pair(self, **settings):
        endpoint, (worker,) = self.puppets(**settings)
        return endpoint, worker

    def running(self, job_input=None, body=None, **settings):
        """(endpoint, worker, id of a job that the worker holds)"""
        endpoint, worker = self.pair(**settings)
        return endpoint, worker, hand_over(endpoint, worker, job_input, **(body or {}))

    # ---- the wire
    def raw(self, method, path, body=None, headers=None, key=True):
        """One request without anything that a client library adds."""
        headers = dict(headers or {})
        if key:
            headers.setdefault("Authorization", "Bearer " + self.up.key)
        with session() as bare:
            return bare.request(method, "http://127.0.0.1:%d%s" % (self.up.port, path), data=body,
                                headers=headers, timeout=60)

    def connect(self, text=None, timeout=30):
        one = socket.create_connection(("127.0.0.1", self.up.port), timeout=timeout)
        self.sockets.append(one)
        if text is not None:
            one.sendall(text.encode())
        return one

    def head(self, method, path, **headers):
        lines = ["%s %s HTTP/1.1" % (method, path), "Host: conformance",
                 "Authorization: Bearer " + self.up.key]
        lines += ["%s: %s" % (name.replace("_", "-"), value) for name, value in headers.items()]
        return "\r\n".join(lines) + "\r\n\r\n"


def hand_over(endpoint, worker, job_input=None, **body):
    """Submits a job and lets worker take it."""
    job_id = endpoint.run({} if job_input is None else job_input, **body)
    job = worker.take()
    assert job["id"] == job_id, (job, job_id)
    return job_id


def read_reply(one):
    """(status, headers, body bytes) of the next reply on a socket."""
    file = one.makefile("rb")
    status = int(file.readline().split()[1])
    headers = {}
    while (line := file.readline().strip()):
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    return status, headers, file.read(int(headers.get("content-length", 0)))


def assert_error(reply, *statuses):
    """A refusal as every client can read it."""
    assert reply.status_code in statuses, (reply.status_code, reply.text[:300])
    assert reply.headers["Content-Type"].split(";")[0] == "application/json"
    body = reply.json()
    assert isinstance(body["error"], str) and body["error"]
    assert not isinstance(body.get("status"), int)
    return body["error"]


def body_of(size):
    """A submission of exactly size bytes."""
    frame = '{"input":"%s"}'
    return frame % ("x" * (size - len(frame % "")))


def page_of(endpoint, job_id, **query):
    """What an SDK reads from /stream."""
    reply = endpoint.get("stream", job_id, headers=JSON_TYPE, params=query)
    assert reply.status_code == 200, reply.text
    return reply.json()


def later(call, *args, **options):
    """Runs call in a thread; .result(timeout) joins it."""
    return _Later(call, args, options)


class _Later:
    def __init__(self, call, args, options):
        self.value = self.error = self.ended_at = None

        def run():
            try:
                self.value = call(*args, **options)
            except BaseException as error:  # handed to the check, in result()
                self.error = error
            self.ended_at = time.monotonic()
        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def is_done(self):
        return not self.thread.is_alive()

    def result(self, timeout=60):
        self.thread.join(timeout)
        assert not self.thread.is_alive(), "still waiting after %s s" % timeout
        if self.error is not None:
            raise self.error
        return self.value


class Timed:
    """with Timed() as t: ...; t.s"""

    def __enter__(self):
        self.since = time.monotonic()
        return self

    @property
    def s(self):
        return time.monotonic() - self.since

    def __exit__(self, *_):
        self.took = self.s


def gone_after(endpoint, job_id, timeout):
    """Seconds until the record of a job answers 404."""
    with Timed() as timed:
        wait_for(lambda: endpoint.get("status", job_id).status_code == 404, timeout, "404")
    return timed.took


def records(folder):
    """Environment of each puppet that has come up, by its worker id."""
    return {path.stem: json.loads(path.read_text())
            for path in pathlib.Path(folder).rglob("*.json")}
