"""85-89: what is told to the URL of a job, with a receiver of our own on the loopback address."""

import http.server
import json
import threading
import time

from millrace_up import wait_for
from stage import Timed, hand_over
from table import check


class Receiver:
    """Keeps what is posted; answers `status` after `pause` seconds."""

    def __init__(self, stage, status=200, pause=0):
        self.calls, self.status, self.pause = [], status, pause
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.calls.append((time.monotonic(), dict(self.headers), json.loads(body)))
                stopping.wait(receiver.pause)
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass
        stopping = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        stage.on_close.callback(self.server.server_close)
        stage.on_close.callback(self.server.shutdown)
        stage.on_close.callback(stopping.set)
        self.url = "http://127.0.0.1:%d/hook?x=1" % self.server.server_port

    def wait(self, count=1, timeout=15):
        wait_for(lambda: len(self.calls) >= count, timeout, "%d webhooks" % count)
        return self.calls


def body_of_status(endpoint, job_id):
    """The job object without what only /status adds."""
    return endpoint.status(job_id)


@check(85, "the webhook gets by POST exactly what status shows, in JSON, without s3Config")
def c85(stage):
    receiver = Receiver(stage)
    endpoint, worker, job_id = stage.running({"n": 1}, {
        "webhook": receiver.url, "s3Config": {"accessSecret": "top-secret-6"}})
    worker.done(job_id, '{"output": {"a": [1, "é"]}}')
    (_, headers, body), = receiver.wait()
    assert headers["Content-Type"].split(";")[0] == "application/json"
    assert body == body_of_status(endpoint, job_id)
    assert body["status"] == "COMPLETED" and "top-secret-6" not in json.dumps(body)


@check(86, "a receiver that answers 500 is tried three times, 10 s apart", is_slow=True)
def c86(stage):
    receiver = Receiver(stage, status=500)
    endpoint, worker, job_id = stage.running(body={"webhook": receiver.url})
    worker.done(job_id, "{}")
    times = [call[0] for call in receiver.wait(3, 40)]
    assert all(8.5 < b - a < 13 for a, b in zip(times, times[1:])), times
    time.sleep(13)
    assert len(receiver.calls) == 3, "what comes later comes much later"
    assert endpoint.status(job_id)["status"] == "COMPLETED"


@check(87, "a receiver that answers 200 is told once", is_slow=True)
def c87(stage):
    receiver = Receiver(stage)
    _, worker, job_id = stage.running(body={"webhook": receiver.url})
    worker.done(job_id, "{}")
    receiver.wait()
    time.sleep(12)
    assert len(receiver.calls) == 1


@check(88, "webhooks tell of FAILED, TIMED_OUT and CANCELLED, too", is_slow=True)
def c88(stage):
    receiver = Receiver(stage)
    hook = {"webhook": receiver.url}
    endpoint, worker, failing = stage.running(body=hook)
    worker.done(failing, '{"error": "broke"}')
    (_, _, body), = receiver.wait()
    assert (body["id"], body["status"], body["error"]) == (failing, "FAILED", "broke")
    slow = hand_over(endpoint, worker, policy={"executionTimeout": 5000}, **hook)
    body = receiver.wait(2, 20)[1][2]
    assert (body["id"], body["status"]) == (slow, "TIMED_OUT") and body["error"]
    cancelled = stage.parked().run({}, **hook)
    endpoint.up.post("/v2/%s/cancel/%s" % (stage.made[-1].id, cancelled))
    body = receiver.wait(3)[2][2]
    assert (body["id"], body["status"]) == (cancelled, "CANCELLED")


@check(89, "a slow receiver delays no client")
def c89(stage):
    receiver = Receiver(stage, pause=8)
    endpoint, worker = stage.pair()
    for _ in range(5):
        job_id = hand_over(endpoint, worker, webhook=receiver.url)
        with Timed() as timed:
            worker.done(job_id, '{"output": 1}')
            assert endpoint.status(job_id)["status"] == "COMPLETED"
        assert timed.took < 2
    receiver.wait()
