"""A small HTTP model server as vLLM, llama.cpp and TGI are seen from outside: health, models, chat
completions with deterministic tokens, errors in OpenAI's form. Listens on PORT.

model_server.py [LOADING_S]: seconds for which the health path answers 204."""

import http.server
import json
import os
import sys
import threading
import time

STARTED = time.monotonic()
MODEL = os.environ.get("MODEL", "tiny")
counts = {"active": 0, "peak": 0}
lock = threading.Lock()


def tokens_of(body):
    """Echoes the last message word by word, up to max_tokens."""
    text = body["messages"][-1]["content"]
    return [word + " " for word in text.split()][:body.get("max_tokens", 16)]


def event(value):
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def chunk_of(body, delta, reason=None):
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000,
            "model": body["model"],
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def whole_of(body, text):
    count = len(text.split())
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000,
            "model": body["model"],
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text},
                         "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": count, "total_tokens": count + 1},
            "large": 9007199254740993}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    is_counted = False

    def log_message(self, *_):
        pass

    def enter(self):
        with lock:
            counts["active"] += 1
            counts["peak"] = max(counts["peak"], counts["active"])
        self.is_counted = True

    def leave(self):
        """Before the end of the answer: whoever has that may send the next request at once."""
        if self.is_counted:
            self.is_counted = False
            with lock:
                counts["active"] -= 1

    def reply(self, status, body, media="application/json", **headers):
        self.leave()
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, kind, message):
        self.reply(status, {"error": {"message": message, "type": kind, "param": None,
                                      "code": status}})

    def begin_stream(self, media="text/event-stream; charset=utf-8"):
        self.send_response(200)
        self.send_header("Content-Type", media)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def piece(self, data):
        if not data:
            self.leave()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def read_body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    # ---- routes
    def any(self):
        path = self.path.split("?")[0]
        if path not in ("/health", "/counts"):
            self.enter()
        try:
            self.route(path)
        except OSError:
            self.close_connection = True
        finally:
            self.leave()

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = any

    def route(self, path):
        data = self.read_body()
        if path == "/health":
            loading = time.monotonic() - STARTED < self.server.loading_s
            self.reply(204 if loading else 503 if os.path.exists(os.environ.get("SICK", "")) else 200,
                       b"")
        elif path == "/counts":
            self.reply(200, counts)
        elif path == "/v1/models":
            self.reply(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})
        elif path in ("/v1/chat/completions", "/v1/completions"):
            self.chat(data)
        elif path == "/echo":
            self.reply(200, {"method": self.command, "path": self.path, "pid": os.getpid(),
                             "headers": {k.lower(): v for k, v in self.headers.items()},
                             "body": data.decode("latin-1")}, X_Echo="yes")
        elif path == "/text":
            self.reply(200, "grüße".encode(), "text/plain; charset=utf-8")
        elif path == "/binary":
            self.reply(200, bytes(range(256)), "application/octet-stream")
        elif path == "/torn":
            self.begin_stream("text/plain")
            for byte in "a€\U0001f600é".encode():
                self.piece(bytes([byte]))
                time.sleep(0.02)
            self.piece(b"")
        elif path == "/teapot":
            self.reply(418, b"short and stout", "text/plain")
        elif path == "/slow":
            time.sleep(float(data or b"1"))
            self.reply(200, {"pid": os.getpid()})
        elif path == "/flood":
            self.begin_stream("application/octet-stream")
            for number in range(64):
                self.piece(bytes([number]) * (1 << 20))
            self.piece(b"")
        elif path == "/die":
            os._exit(7)
        elif path == "/cut":
            self.begin_stream()
            self.piece(b"data: 1\n\n")
            self.close_connection = True
        else:
            self.refuse(404, "NotFoundError", "nothing at " + path)

    def chat(self, data):
        try:
            body = json.loads(data)
            tokens = tokens_of(body)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            return self.refuse(400, "BadRequestError", "bad request: %r" % error)
        if body.get("model") != MODEL:
            return self.refuse(404, "NotFoundError",
                               "The model `%s` does not exist." % body.get("model"))
        if not 0 <= body.get("temperature", 1) <= 2:
            return self.refuse(400, "BadRequestError", "temperature must be in [0, 2]")
        pause = body.get("pause", 0)
        if not body.get("stream"):
            time.sleep(pause * len(tokens))
            return self.reply(200, whole_of(body, "".join(tokens)))
        self.begin_stream()
        self.piece(event(chunk_of(body, {"role": "assistant", "content": ""})))
        for token in tokens:
            time.sleep(pause)
            self.piece(event(chunk_of(body, {"content": token})))
        self.piece(event(chunk_of(body, {}, "stop")) + b"data: [DONE]\n\n")
        self.piece(b"")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(os.environ["PORT"])), Handler)
    server.loading_s = float(sys.argv[1]) if len(sys.argv) > 1 else 0
    server.serve_forever()
