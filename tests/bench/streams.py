"""Streams: chunks a second through one agent, post to event, the handler's wait for its answer, and
the memory of idle readers. The handlers are parked processes (tests/e2e/handlers/puppet.py) in whose
name `stream` posts. Standard library only."""

import http.client
import json
import os
import pathlib
import resource
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse

import processes

PUPPET = pathlib.Path(__file__).resolve().parents[1] / "e2e/handlers/puppet.py"


class Worker:
    """One parked handler process, spoken for by us."""

    def __init__(self, folder, wait_until):
        folder = pathlib.Path(folder, "worker")
        wait_until(lambda: list(folder.glob("*.json")), "the handler")
        self.env = json.loads(next(folder.glob("*.json")).read_text())
        self.id, self.key = self.env["RUNPOD_POD_ID"], self.env["RUNPOD_AI_API_KEY"]
        self.port = urllib.parse.urlsplit(self.env["RUNPOD_WEBHOOK_GET_JOB"]).port

    def call(self, method, url, body=None):
        parts = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        connection.request(method, parts.path + "?" + parts.query, body,
                           {"Authorization": self.key})
        reply = connection.getresponse()
        text = reply.read()
        connection.close()
        return text

    def take(self, count):
        url = self.env["RUNPOD_WEBHOOK_GET_JOB"].replace("$ID", self.id)
        url = url.replace("/job-take/", "/job-take-batch/")
        ids = []
        while len(ids) < count:
            url_now = "%s&batch_size=%d&job_in_progress=%d" % (url, count - len(ids), bool(ids))
            ids += [job["id"] for job in json.loads(self.call("GET", url_now))]
        return ids

    def url(self, variable, job_id):
        url = self.env[variable].replace("$RUNPOD_POD_ID", self.id).replace("$ID", job_id)
        return url + "&isStream=true"

    def target(self, job_id):
        parts = urllib.parse.urlsplit(self.url("RUNPOD_WEBHOOK_POST_STREAM", job_id))
        return parts.path + "?" + parts.query

    def done(self, job_id):
        self.call("POST", self.url("RUNPOD_WEBHOOK_POST_OUTPUT", job_id), b'{"output": []}')


def document(folder):
    """The handler leaves its environment in the subfolder "worker"."""
    folder = os.path.join(folder, "worker")
    os.makedirs(folder, exist_ok=True)
    return {"id": "bench", "workersMin": 1, "workersMax": 1, "limits": "off",
            "handler": {"command": [sys.executable, str(PUPPET), folder]}}


def submit(target, count):
    connection = http.client.HTTPConnection("127.0.0.1", target.port)
    headers = {"Authorization": "Bearer " + target.key, "Content-Type": "application/json"}
    ids = []
    for _ in range(count):
        connection.request("POST", "/v2/bench/run", b'{"input": {}}', headers)
        ids.append(json.loads(connection.getresponse().read())["id"])
    connection.close()
    return ids


def post(build, target, worker, jobs, rate, seconds):
    """One round: figures of the line that `stream` prints, CPU microseconds a chunk."""
    submit(target, jobs)
    ids = worker.take(jobs)
    lines = "".join("/v2/bench/events/%s %s %s %s\n" % (job_id, target.key, worker.target(job_id),
                                                       worker.key) for job_id in ids)
    before = {name: processes.cpu_seconds([pid]) for name, pid in target.pids.items()}
    done = subprocess.run([build / "bench/stream", str(target.port), str(worker.port), str(rate),
                           str(seconds)], input=lines, capture_output=True, text=True, check=True)
    posted, read, took, *times = map(float, done.stdout.split())
    used = {name: (processes.cpu_seconds([pid]) - before[name]) * 1e6 / posted
            for name, pid in target.pids.items()}
    for job_id in ids:
        worker.done(job_id)
    if posted != read:
        sys.exit("bench: %d chunks posted, %d read" % (posted, read))
    return {"rate": posted / took, "times": times, **used}


def show(name, found):
    middle = sorted(found, key=lambda one: one["rate"])[len(found) // 2]
    times = [statistics.median(one["times"][i] for one in found) / 1000 for i in range(4)]
    print("%-24s %9.0f %9.2f %9.2f %9.2f %9.2f %8.1f %8.1f %8.1f" % (
        name, middle["rate"], *times, middle["agent"], middle["server"], middle["redis"]))


def bench_stream(options, start, wait_until, folder):
    target = start("--slots", "1", document=document(folder))
    try:
        target.pids["agent"] = int(pathlib.Path(folder, "d/run/agent-0.pid").read_text())
        worker = Worker(folder, wait_until)
        print("\nstreams through one agent, one reader of events each, medians of %d rounds of %g s"
              % (options.rounds, options.seconds))
        print("%-24s %9s %9s %9s %9s %9s %8s %8s %8s" % (
            "", "chunks/s", "answer", "p99 ms", "event", "p99 ms", "agent us", "api us", "redis us"))
        for name, jobs, rate in (("1 job, 200/s", 1, 200), ("20 jobs, 200/s each", 20, 200),
                                 ("100 jobs, 200/s each", 100, 200),
                                 ("64 jobs, all they can", 64, 0)):
            show(name, [post(options.build, target, worker, jobs, rate, options.seconds)
                        for _ in range(options.rounds)])
    finally:
        target.close()


# ---- idle readers

def resident_kb(pid):
    for line in pathlib.Path("/proc/%d/status" % pid).read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def open_request(target, path):
    connection = socket.create_connection(("127.0.0.1", target.port))
    connection.sendall(("GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n" % (path, target.headers)).encode())
    return connection


def idle_readers(target, count, ids):
    """Memory of the node for each reader, then CPU of node and Redis while nothing happens."""
    before = resident_kb(target.pids["server"])
    readers = [open_request(target, "/v2/bench/events/" + ids[n % len(ids)]) for n in range(count)]
    for reader in readers:
        while b"IN_QUEUE" not in reader.recv(65536):
            pass
    used = {key: processes.cpu_seconds([pid]) for key, pid in target.pids.items()}
    time.sleep(12)  # one comment each
    used = {key: (processes.cpu_seconds([pid]) - used[key]) / 12 * 100
            for key, pid in target.pids.items()}
    grown = resident_kb(target.pids["server"]) - before
    for reader in readers:
        reader.close()
    return grown / count, used["server"], used["redis"]


def bench_idle(options, start, wait_until, folder):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(options.readers, hard - 1000)
    print("\nidle readers of events on one node")
    for name, jobs in (("of one job", 1), ("of a job each", count)):
        target = start("--agents", "0", document=dict(document(folder), workersMax=1000))
        try:
            print("%6d %-14s %5.2f KB each, API %.1f %%, Redis %.1f %% of a core (aim: 4 KB)" % (
                count, name, *idle_readers(target, count, submit(target, jobs))))
        finally:
            target.close()
