"""`millrace up` as a fixture: started on a free port and a data folder of its own, spoken to over
HTTP, ended by pid, and searched afterwards for what it must not leave: processes, sockets and
reports of the sanitizers."""

import contextlib
import json
import os
import pathlib
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
import uuid

import requests

import processes
from transitions import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MILLRACE_BUILD", ROOT / "build-test")).resolve()
READY_S = 60
STOP_S = 40
REPORT = re.compile(r"ERROR: AddressSanitizer|runtime error:|ERROR: LeakSanitizer"
                    r"|AddressSanitizer:DEADLYSIGNAL|ensure\(")
FINAL = ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT")


def is_sanitized():
    """Then figures of memory mean nothing: a sanitizer keeps what was freed."""
    return "CMAKE_BUILD_TYPE:STRING=Sanitize" in (BUILD / "CMakeCache.txt").read_text()


class Up:
    """One `millrace up`. start() waits for its ready line; stop() asserts that it left nothing."""

    def __init__(self, *args, data=None, env=None, build=BUILD, port=0):
        self.args, self.build, self.wanted_port = args, pathlib.Path(build), port
        self.owns_data = data is None
        self.data = pathlib.Path(data or tempfile.mkdtemp(prefix="mr-", dir="/tmp"))
        self.mark = "MILLRACE_TEST_MARK=" + uuid.uuid4().hex
        self.extra_env = env or {}
        self.process = self.base = self.port = None
        self.session = requests.Session()
        self.session.trust_env = False  # no proxies, and no look at an environment that changes

    # ---- life
    def environment(self):
        reports = self.data / "sanitizer"
        reports.mkdir(parents=True, exist_ok=True)
        name, value = self.mark.split("=")
        return dict(os.environ, **self.extra_env, **{
            name: value,
            "ASAN_OPTIONS": "detect_leaks=1:log_path=%s/asan" % reports,
            "UBSAN_OPTIONS": "print_stacktrace=1:log_path=%s/ubsan" % reports,
        })

    def command(self):
        return [str(self.build / "millrace"), "up", "--port", str(self.wanted_port),
                "--data", str(self.data), *map(str, self.args)]

    def launch(self):
        """Starts it without waiting."""
        self.stderr_path = self.data / "up.stderr"
        with open(self.stderr_path, "ab") as stderr:
            self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=stderr,
                                            stdin=subprocess.DEVNULL, env=self.environment(),
                                            cwd=str(ROOT))
        return self

    def start(self):
        self.launch()
        line = self._first_line()
        found = re.fullmatch(r"ready (http://127\.0\.0\.1:(\d+)/v2)\n", line)
        if not found:
            self.kill()
        assert found, "no ready line but %r; %s\n%s" % (line, self.tail(), self.reports())
        self.base, self.port = found.group(1), int(found.group(2))
        self.session.headers["Authorization"] = "Bearer " + self.key
        return self

    def _first_line(self):
        selector = selectors.DefaultSelector()
        selector.register(self.process.stdout, selectors.EVENT_READ)
        if not selector.select(READY_S):
            return ""
        return self.process.stdout.readline().decode()

    def stop(self, number=signal.SIGINT):
        """Ends it and checks that nothing is left behind."""
        self.session.close()  # a node that stops waits some seconds for clients to hang up
        family = processes.descendants(self.process.pid)
        self.process.send_signal(number)
        try:
            status = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            left = [processes.command_line(pid) for pid in processes.descendants(self.process.pid)]
            self.kill()
            raise AssertionError("up did not stop in %d s; left: %s; log: %s"
                                 % (STOP_S, left, self.tail()))
        left = processes.wait_gone(family, 2) + processes.with_mark(self.mark)
        lines = [processes.command_line(pid) for pid in left]
        self.kill()
        assert left == [], "left behind: %s" % lines
        assert self.port not in processes.listening_ports()
        assert self.reports() == ""
        return status

    def kill(self):
        """Ends all that is left of it, whatever state it is in."""
        for pid in [self.process.pid, *processes.with_mark(self.mark)]:
            processes.kill(pid)
        self.process.wait(10)

    def remove(self):
        if self.owns_data:
            shutil.rmtree(self.data, ignore_errors=True)

    # ---- what it wrote
    @property
    def key(self):
        if "--api-key" in self.args:
            return self.args[self.args.index("--api-key") + 1]
        return (self.data / "api-key").read_text().strip()

    def log(self, name):
        path = self.data / "log" / (name + ".log")
        return path.read_text(errors="replace") if path.exists() else ""

    def logs(self):
        return {path.stem: path.read_text(errors="replace")
                for path in sorted((self.data / "log").glob("*.log"))}

    def tail(self, lines=15):
        parts = {"up": self.stderr_path.read_text(errors="replace"), **self.logs()}
        return "\n".join("--- %s\n%s" % (name, "\n".join(text.splitlines()[-lines:]))
                         for name, text in parts.items())

    def reports(self):
        """Text of sanitizer reports and failed assertions, empty when there are none."""
        texts = [path.read_text(errors="replace")
                 for path in sorted((self.data / "sanitizer").glob("*"))]
        texts += [text for text in (*self.logs().values(),
                                    self.stderr_path.read_text(errors="replace"))
                  if REPORT.search(text)]
        return "\n".join(text[-6000:] for text in texts)

    def pid(self, name):
        """The pid of a program, None while it is being restarted."""
        try:
            return int((self.data / "run" / (name + ".pid")).read_text())
        except (FileNotFoundError, ValueError):
            return None

    def wait_restarted(self, name, old, timeout=40):
        def is_back():
            pid = self.pid(name)
            return pid not in (None, old) and processes.alive(pid) and self.healthy()
        wait_for(is_back, timeout, name + " back")

    # ---- HTTP
    def request(self, method, path, **options):
        """path: below the host, as "/v2/ep/run"."""
        options.setdefault("timeout", 120)
        return self.session.request(method, "http://127.0.0.1:%d%s" % (self.port, path), **options)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, json=None, **options):
        return self.request("POST", path, json=json, **options)

    def apply(self, document):
        """Creates the endpoint, or changes it when it exists."""
        reply = self.post("/v1/endpoints", document)
        if reply.status_code == 409:
            reply = self.request("PATCH", "/v1/endpoints/" + document["id"], json=document)
        assert reply.status_code == 200, reply.text
        return Endpoint(self, document["id"])

    def healthy(self):
        try:
            return self.get("/healthz", timeout=2).status_code == 200
        except requests.RequestException:
            return False


@contextlib.contextmanager
def starter():
    """start(args...) starts one; all are ended and checked afterwards."""
    started = []

    def start(*args, **options):
        one = Up(*args, **options)
        started.append(one)
        return one.start()
    yield start
    for one in started:
        if one.process and one.process.poll() is None:
            one.stop()
        elif one.process:
            one.kill()
    for one in started:
        one.remove()


class Endpoint:
    """One endpoint as a client sees it."""

    def __init__(self, up, endpoint_id):
        self.up, self.id = up, endpoint_id
        self.started = []

    def path(self, *parts):
        return "/".join(["/v2", self.id, *parts])

    def get(self, *parts, **options):
        return self.up.get(self.path(*parts), **options)

    def post(self, *parts, json=None, **options):
        return self.up.post(self.path(*parts), json, **options)

    def run(self, job_input, **body):
        reply = self.post("run", json={"input": job_input, **body})
        assert reply.status_code == 200, reply.text
        assert reply.json()["status"] == "IN_QUEUE"
        self.started.append(reply.json()["id"])
        return self.started[-1]

    def runsync(self, job_input, wait_ms=60000, **body):
        reply = self.post("runsync", json={"input": job_input, **body}, params={"wait": wait_ms})
        assert reply.status_code == 200, reply.text
        return reply.json()

    def status(self, job_id):
        reply = self.get("status", job_id)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def cancel(self, job_id):
        reply = self.post("cancel", job_id)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def health(self):
        reply = self.get("health")
        assert reply.status_code == 200, reply.text
        return reply.json()

    def wait(self, job_id, *states, timeout=60):
        """The job object once it is in one of states (default: any final one)."""
        seen = []

        def reached():
            job = self.status(job_id)
            seen[:] = [job]
            return job if job["status"] in (states or FINAL) else None
        try:
            return wait_for(reached, timeout, "%s of %s" % (states or FINAL, job_id))
        except AssertionError as error:
            raise AssertionError("%s; last: %s; health: %s\n%s" % (
                error, json.dumps(seen), self.health(), self.up.tail())) from None

    def stream(self, job_id, timeout=60):
        """All chunks until the final state, read as the SDKs do."""
        chunks, deadline = [], time.monotonic() + timeout
        while time.monotonic() < deadline:
            page = self.get("stream", job_id, headers={"Content-Type": "application/json"}).json()
            chunks += page["stream"]
            if page["status"] in FINAL:
                return page["status"], chunks
        raise AssertionError("stream of %s did not end" % job_id)

    def delete(self):
        """Ends what still runs, so that the handler's slot is free at once, and deletes it."""
        if self.health()["jobs"]["inProgress"]:
            for job_id in self.started[-50:]:
                if self.get("status", job_id).json().get("status") == "IN_PROGRESS":
                    self.cancel(job_id)
        return self.up.request("DELETE", "/v1/endpoints/" + self.id)
