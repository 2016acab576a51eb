#!/usr/bin/env python3
"""What streaming costs a handler of RunPod's SDK: the same work, 200 chunks a second, with and
without handing each chunk over.

  tests/bench/handler.py [--chunks 2000] [--rounds 3]

Times of the job by turns, the median and the least (which says more when others use the cores), each
beside that of `return`, and the CPU that the handler's process takes for each chunk:
  return  without streaming                    stream  with it, under `millrace up`
  off     with MILLRACE_SDK_STREAM=off, so that the SDK posts each chunk and waits for its answer
  null    the same against a server that does nothing but answer 200 at once: the least that the SDK
          can do with any server
MILLRACE_BUILD names the build (default: build-test)."""

import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import threading
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "lib")]

from documents import document  # noqa: E402
from millrace_up import Up  # noqa: E402

KINDS = ("return", "stream", "off", "null")

HANDLER = """
import sys, time, runpod
cpu_file, streams = sys.argv.pop(1), sys.argv.pop(1) != "return"
def work(job):
    begun = time.process_time()
    for number in range(job["input"]["chunks"]):
        time.sleep(0.005)
        yield {"number": number}
    with open(cpu_file, "w") as file:
        file.write(str(time.process_time() - begun))
def handler(job):
    return list(work(job))
runpod.serverless.start({"handler": work if streams else handler})
"""


class NullServer:
    """Gives one job, then answers each POST with 200 and nothing behind it."""

    def __init__(self, chunks):
        self.job = json.dumps({"id": "null", "input": {"chunks": chunks}}).encode()
        self.given = self.done = None
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                more = connection.recv(65536)
                if not more:
                    return
                data += more
            head, _, data = data.partition(b"\r\n\r\n")
            length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                           if line.lower().startswith(b"content-length:")), 0)
            while len(data) < length:
                data += connection.recv(65536)
            data = data[length:]
            connection.sendall(self.answer(head))

    def answer(self, head):
        body = b"{}"
        if b"/take" in head:
            if self.given is not None:
                time.sleep(1)
                return b"HTTP/1.1 204 No Content\r\n\r\n"
            self.given, body = time.monotonic(), self.job
        elif b"/done" in head:
            self.done = self.done or time.monotonic()
        return (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (len(body), body))


def floor_s(command, chunks):
    server = NullServer(chunks)
    base = "http://127.0.0.1:%d" % server.port
    env = dict(os.environ, RUNPOD_WEBHOOK_GET_JOB=base + "/take?id=$ID", RUNPOD_POD_ID="null",
               RUNPOD_WEBHOOK_POST_OUTPUT=base + "/done/$ID?x=1", RUNPOD_AI_API_KEY="key",
               RUNPOD_WEBHOOK_POST_STREAM=base + "/stream/$ID?x=1",
               RUNPOD_WEBHOOK_PING=base + "/ping/$RUNPOD_POD_ID")
    worker = subprocess.Popen(command, env=env,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60 + chunks
        while server.done is None:
            if time.monotonic() > deadline or worker.poll() is not None:
                sys.exit("the handler did not end at the null server")
            time.sleep(0.01)
    finally:
        worker.kill()
        worker.wait()
    return server.done - server.given


class Bench:
    def __init__(self, up, chunks):
        self.up, self.chunks, self.endpoints = up, chunks, {}
        self.script, self.cpu = str(up.data / "handler.py"), up.data / "cpu"
        pathlib.Path(self.script).write_text(HANDLER)

    def command(self, kind):
        return [sys.executable, self.script, str(self.cpu), kind]

    def job_s(self, kind):
        if kind == "null":
            return floor_s(self.command(kind), self.chunks)
        if kind not in self.endpoints:
            env = {"MILLRACE_SDK_STREAM": "off"} if kind == "off" else {}
            handler = {"command": self.command(kind), "env": env}
            self.endpoints[kind] = self.up.apply(document(kind, handler, workersMin=1))
            self.endpoints[kind].runsync({"chunks": 1})
        endpoint = self.endpoints[kind]
        job = endpoint.wait(endpoint.run({"chunks": self.chunks}), timeout=60 + self.chunks)
        return job["executionTime"] / 1000

    def measure(self, kind):
        """(seconds of the job, microseconds of CPU for each chunk)"""
        seconds = self.job_s(kind)
        return seconds, float(self.cpu.read_text()) / self.chunks * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chunks", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    up = Up("--slots", len(KINDS)).start()
    try:
        bench = Bench(up, options.chunks)
        rounds = [{kind: bench.measure(kind) for kind in KINDS} for _ in range(options.rounds)]
    finally:
        up.stop()
        up.remove()
    print("%d chunks at 200/s, %d rounds by turns: median, least" % (options.chunks, options.rounds))
    times = {kind: [one[kind][0] for one in rounds] for kind in KINDS}
    for kind in KINDS:
        shown = ["%6.2f s %.3f x" % (pick(times[kind]), pick(times[kind]) / pick(times["return"]))
                 for pick in (statistics.median, min)]
        cpu = statistics.median(one[kind][1] for one in rounds)
        print("%-6s  %s   %s   %4.0f us of CPU a chunk" % (kind, *shown, cpu))


if __name__ == "__main__":
    main()
