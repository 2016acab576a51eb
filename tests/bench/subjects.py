"""What is measured: Millrace as `millrace up` starts it, and bare servers, each on an empty Redis
with the same settings. Standard library only."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests/lib"))

import processes  # noqa: E402
from resp import Client, answers, command  # noqa: E402
from transitions import Transitions, script_text  # noqa: E402

REDIS = ["redis-server", "--port", "0", "--unixsocket", "redis.sock", "--dir", ".", "--appendonly",
         "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction"]
INPUT = {"prompt": "a lighthouse on a cliff at dusk, oil on canvas, long shadows", "steps": 30,
         "width": 1024, "height": 1024, "seed": 9007199254740993, "scheduler": "euler"}


class Folder:
    """A short temporary folder: unix sockets need short paths."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="mrb-", dir="/tmp")
        return self.path

    def __exit__(self, *exc):
        shutil.rmtree(self.path, ignore_errors=True)


def end(process):
    process.terminate()
    process.wait(60)


def wait_until(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("bench: gave up waiting for " + what)
        time.sleep(0.01)


class Reference:
    """The bare server on a Redis of its own. work: run, or status of the job in `record`."""

    def __init__(self, build, folder, work="run", record=None):
        self.redis = subprocess.Popen(REDIS, cwd=folder, stdout=subprocess.DEVNULL)
        path = os.path.join(folder, "redis.sock")
        wait_until(lambda: answers(path), "redis")
        self.redis_client = Client(path)
        more = []
        if work == "run":
            more = [os.path.join(folder, "submit.lua")]
            pathlib.Path(more[0]).write_text(script_text("submit"))
            more += map(str, Transitions.submit_args("", "", waiting_max=500000,
                                                     token="0123456789abcdef")[2:])
        else:
            self.redis_client.ask(command("HSET", *record), 1)
        self.server = subprocess.Popen([build / "bench/reference", work, path, *more],
                                       stdout=subprocess.PIPE, text=True)
        self.port = int(self.server.stdout.readline())
        self.pids = {"server": self.server.pid, "redis": self.redis.pid}
        self.headers = ""

    def close(self):
        end(self.server)
        end(self.redis)


class Millrace:
    """`millrace up` on a data folder of its own."""

    def __init__(self, build, folder, *args, document):
        path = os.path.join(folder, "bench.json")
        pathlib.Path(path).write_text(json.dumps(document))
        self.log = open(os.path.join(folder, "up.log"), "w")
        self.up = subprocess.Popen(
            [build / "millrace", "up", "--port", "0", "--data", os.path.join(folder, "d"),
             "--endpoint", path, *args], stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.up.stdout.readline()
        found = re.fullmatch(r"ready http://127\.0\.0\.1:(\d+)/v2\n", line)
        if not found:
            sys.exit("bench: up did not start: " + pathlib.Path(self.log.name).read_text())
        self.port = int(found.group(1))
        self.key = pathlib.Path(folder, "d/api-key").read_text().strip()
        self.headers = "Authorization: Bearer %s\r\n" % self.key
        self.redis_path = os.path.join(folder, "d/redis/redis.sock")
        run = pathlib.Path(folder, "d/run")
        self.pids = {"server": int((run / "api-0.pid").read_text()),
                     "redis": int((run / "redis.pid").read_text())}

    def close(self):
        end(self.up)
        self.log.close()


def request(target, operation):
    body = json.dumps({"input": INPUT}, separators=(",", ":"))
    return ("POST /v2/bench/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n%sContent-Type: application/json\r\n"
            "Content-Length: %d\r\n\r\n%s" % (operation, target.headers, len(body), body)).encode()


def parked_document():
    return {"id": "bench", "workersMin": 0, "workersMax": 1000, "limits": "off",
            "handler": {"library": "noop.so"}}


def measure(build, target, text, connections, seconds):
    """One round of one request: answers a second, percentiles, CPU microseconds a request."""
    before = {name: processes.cpu_seconds([pid]) for name, pid in target.pids.items()}
    done = subprocess.run([build / "bench/load", str(target.port), str(connections), str(seconds)],
                          input=text, capture_output=True, check=True)
    answers, refused, took, p50, p99 = done.stdout.split()
    if int(refused):
        sys.exit("bench: %s of %s answers were not 200" % (refused.decode(), answers.decode()))
    used = {name: (processes.cpu_seconds([pid]) - before[name]) * 1e6 / int(answers)
            for name, pid in target.pids.items()}
    return {"rate": int(answers) / float(took), "p50": int(p50), "p99": int(p99), **used}


def exchange(connection, text):
    """One request and its answer on a keep-alive connection; the body."""
    connection.sendall(text)
    answer = connection.recv(65536)
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head).group(1))
    while len(body) < length:
        body += connection.recv(65536)
    return body
