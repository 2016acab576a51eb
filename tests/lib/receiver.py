"""A webhook receiver on a free port of this machine: keeps what it gets, answers as its path says."""

import base64
import hashlib
import hmac
import http.server
import ssl
import threading
import time
from collections import namedtuple

from transitions import wait_for

Got = namedtuple("Got", "at path headers body")


class Receiver:
    """/ok/... 200; /500/... that status; /slow/... after release(); /302/... to /ok/redirected;
    /flaky/N/... 500 the first N times."""

    def __init__(self, port=0, tls=None):
        self.got, self.lock = [], threading.Lock()
        self.gate = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.server.daemon_threads = True
        self.scheme = "https" if tls else "http"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.cert, tls.key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path, host="127.0.0.1"):
        return "%s://%s:%d/%s" % (self.scheme, host, self.port, path)

    def _handler(receiver):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.lock:
                    receiver.got.append(Got(time.monotonic(), self.path, self.headers, body))
                    count = sum(one.path == self.path for one in receiver.got)
                status = receiver.status_of(self.path, count)
                if status is None:
                    receiver.gate.wait(60)
                    status = 200
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", receiver.url("ok/redirected"))
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *args):
                pass
        return Handler

    @staticmethod
    def status_of(path, count):
        kind = path.split("/")[1]
        if kind == "slow":
            return None
        if kind == "flaky":
            return 500 if count <= int(path.split("/")[2]) else 200
        return 200 if kind == "ok" else int(kind)

    def at(self, path):
        with self.lock:
            return [one for one in self.got if one.path == "/" + path]

    def wait(self, path, count=1, timeout=30):
        return wait_for(lambda: len(self.at(path)) >= count and self.at(path), timeout,
                        "%d deliveries at %s, got %s" % (count, path, self.at(path)))

    def release(self):
        self.gate.set()

    def close(self):
        self.release()
        self.server.shutdown()
        self.server.server_close()


def signature(key, got):
    """What the signature header of Standard Webhooks must be."""
    text = b".".join([got.headers["webhook-id"].encode(),
                      got.headers["webhook-timestamp"].encode(), got.body])
    return "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
