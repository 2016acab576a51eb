"""Millrace on several hosts: API nodes, schedulers, agents, each on a host of its own choice."""

import itertools
import json
import os
import pathlib
import subprocess
import sys
import time

import processes

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MILLRACE_BUILD", ROOT / "build-test"))
KEY = "fleet-key-0123456789"
WORKER = ROOT / "tests/chaos/worker.py"


def until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError("gave up waiting for " + what)
        time.sleep(0.05)
    return value


class Fleet:
    """Programs die with the hosts they run on (hosts.Lan ends those)."""

    def __init__(self, redis, folder, client_host):
        self.redis, self.folder, self.client_host = redis, pathlib.Path(folder), client_host
        self.nodes, self.programs, self.runs = [], {}, itertools.count()
        self.record = self.folder / "record"
        self.record.touch()

    def _start(self, host, program, name, *args, **env):
        env = {"MILLRACE_API_KEY": KEY, "ASAN_OPTIONS": "exitcode=99", **env}
        self.programs[name] = host.start(
            BUILD / program, "--redis", self.redis, "--node-id", name, *args, env=env,
            log=self.folder / (name + ".log"))

    def api(self, host, name):
        self._start(host, "millrace-api", name, "--listen", host.address + ":8080",
                    "--bus", "tcp://%s:9000" % host.address)
        self.nodes.append("http://%s:8080" % host.address)

    def scheduler(self, host, name):
        self._start(host, "millrace-scheduler", name)

    def agent(self, host, name, slots):
        self._start(host, "millrace-worker", name, "--slots", slots, "--spool",
                    self.folder / (name + ".spool"), "--lb", host.address + ":0")

    def curl(self, method, path, body=None):
        """(status, text) of a call made from the client's host."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.client_host.space, "curl", "-sS", "-m", "10", "-X", method,
             "-H", "Authorization: Bearer " + KEY, "-w", "\n%{http_code}",
             *(["-d", json.dumps(body)] if body is not None else []), self.nodes[0] + path],
            capture_output=True, text=True)
        text, _, status = done.stdout.rpartition("\n")
        return int(status or 0), text

    def wait_ready(self):
        until(lambda: self.curl("GET", "/healthz")[0] == 200, 30, "the API node")

    def endpoint(self, name, **settings):
        """Its handler is the one of the chaos run, which writes down what it begins and ends."""
        document = {"id": name, "limits": "off", "retries": 10, "workersMin": 1, "idleTimeout": 60,
                    "handler": {"command": [sys.executable, str(WORKER), str(self.record)]},
                    **settings}
        status, text = self.curl("POST", "/v1/endpoints", document)
        assert status == 200, (status, text)

    def ready_workers(self, name):
        return json.loads(self.curl("GET", "/v2/%s/health" % name)[1])["workers"]["idle"]

    def load(self, endpoints, jobs, **options):
        """A running client; see Load."""
        return Load(self, endpoints, jobs, options)

    def executions(self):
        """How often each job began."""
        counts = {}
        for line in self.record.read_text().splitlines():
            event, _, _, job = line.split()
            counts[job] = counts.get(job, 0) + (event == "start")
        return counts

    def reports(self):
        """Programs that ended by themselves, or that a sanitizer has complained about."""
        ended = ["%s ended with %s" % (name, one.returncode) for name, one in self.programs.items()
                 if one.poll() is not None]
        said = [path.name for path in self.folder.glob("*.log")
                if "Sanitizer" in (text := path.read_text(errors="replace"))
                or "runtime error" in text]
        return ended + said


class Load:
    def __init__(self, fleet, endpoints, jobs, options):
        self.run = "run%d" % next(fleet.runs)
        self.acks = fleet.folder / (self.run + ".acks")
        self.acks.touch()
        words = [word for name, value in options.items() for word in ("--" + name, str(value))]
        self.log = fleet.folder / (self.run + ".client")
        self.process = fleet.client_host.start(
            sys.executable, pathlib.Path(__file__).with_name("client.py"), "--urls",
            ",".join(fleet.nodes), "--key", KEY, "--endpoints", ",".join(endpoints), "--jobs", jobs,
            "--acks", self.acks, "--run", self.run, *words, log=self.log)

    def acked(self):
        return self.acks.read_bytes().count(b"\n")

    def wait_acked(self, count):
        until(lambda: self.acked() >= count or self.process.poll() is not None, 300, "answers")

    def result(self, seconds=600):
        status = self.process.wait(seconds)
        text = self.log.read_text()
        assert status == 0, text[-3000:]
        return {**json.loads(text.splitlines()[-1]), "longest_pause_s": self.longest_pause()}

    def longest_pause(self):
        """Seconds between two answers."""
        times = sorted(float(line.split()[2]) for line in self.acks.read_text().splitlines())
        return round(max((b - a for a, b in zip(times, times[1:])), default=0), 2)


def kill(process):
    """SIGKILL for what `ip netns exec` has become."""
    processes.kill(process.pid)
    process.wait(10)
