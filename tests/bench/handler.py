#!/usr/bin/env python3
"""What streaming costs a handler of RunPod's SDK: the same work, 200 chunks a second, with and
without handing each chunk over.

  tests/bench/handler.py [--chunks 2000]

Three times of the job: without streaming, with it under `millrace up`, and with it against a server
that does nothing but answer 200 at once, which is the least that the SDK can do with any server.
MILLRACE_BUILD names the build (default: build-test)."""

import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "lib")]

HANDLER = """
import sys, time, runpod
streams = sys.argv.pop(1) == "stream"
def work(job):
    for number in range(job["input"]["chunks"]):
        time.sleep(0.005)
        yield {"number": number}
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


def floor_s(script, chunks):
    server = NullServer(chunks)
    base = "http://127.0.0.1:%d" % server.port
    env = dict(os.environ, RUNPOD_WEBHOOK_GET_JOB=base + "/take?id=$ID", RUNPOD_POD_ID="null",
               RUNPOD_WEBHOOK_POST_OUTPUT=base + "/done/$ID?x=1", RUNPOD_AI_API_KEY="key",
               RUNPOD_WEBHOOK_POST_STREAM=base + "/stream/$ID?x=1",
               RUNPOD_WEBHOOK_PING=base + "/ping/$RUNPOD_POD_ID")
    worker = subprocess.Popen([sys.executable, script, "stream"], env=env,
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chunks", type=int, default=2000)
    options = parser.parse_args()
    from documents import document
    from millrace_up import Up
    up = Up("--slots", 2).start()
    script = str(up.data / "handler.py")
    pathlib.Path(script).write_text(HANDLER)
    times = {}
    try:
        for kind in ("return", "stream"):
            endpoint = up.apply(document(kind, {"command": [sys.executable, script, kind]}))
            job = endpoint.wait(endpoint.run({"chunks": options.chunks}), timeout=120)
            times[kind] = job["executionTime"] / 1000
        times["null"] = floor_s(script, options.chunks)
    finally:
        up.stop()
        up.remove()
    print("%d chunks at 200/s: %.2f s without streaming, %.2f s with it (%.2f x), %.2f s (%.2f x) "
          "against a server that only answers 200" % (
              options.chunks, times["return"], times["stream"], times["stream"] / times["return"],
              times["null"], times["null"] / times["return"]))


if __name__ == "__main__":
    main()
