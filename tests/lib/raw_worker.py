"""The worker protocol spoken by hand, byte by byte, in the name of a parked handler process
(tests/e2e/handlers/puppet.py), so that tests see exactly what is on the wire."""

import http.client
import json
import pathlib
import socket
import threading
import urllib.parse

from documents import HANDLERS
from millrace_up import wait_for


def puppet_handler(folder):
    import sys
    return {"command": [sys.executable, str(HANDLERS / "puppet.py"), str(folder)]}


class RawWorker:
    """One handler process, spoken for by the test."""

    def __init__(self, env):
        self.env, self.id = env, env["RUNPOD_POD_ID"]
        self.take_url = env["RUNPOD_WEBHOOK_GET_JOB"].replace("$ID", self.id)
        self.headers = {"Authorization": env["RUNPOD_AI_API_KEY"], "Connection": "close"}

    @staticmethod
    def wait_all(folder, count=1, timeout=30):
        """The workers that have come up in folder."""
        def ready():
            found = sorted(pathlib.Path(folder).glob("*.json"))
            return found if len(found) >= count else None
        return [RawWorker(json.loads(path.read_text()))
                for path in wait_for(ready, timeout, "%d puppets" % count)]

    def connect(self, url, timeout=60):
        parts = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
        return connection, parts.path + ("?" + parts.query if parts.query else "")

    def send(self, method, url, body=None, headers=None, timeout=60):
        """(status, content type, body bytes)"""
        connection, target = self.connect(url, timeout)
        try:
            connection.request(method, target, body, dict(self.headers, **(headers or {})))
            reply = connection.getresponse()
            return reply.status, reply.headers.get("Content-Type"), reply.read()
        finally:
            connection.close()

    def take_url_with(self, in_progress=0, batch=None):
        url = self.take_url
        if batch:
            url = url.replace("/job-take/", "/job-take-batch/") + "&batch_size=%d" % batch
        return url + "&job_in_progress=%d" % in_progress

    def take_bytes(self, in_progress=0, batch=None, timeout=60):
        return self.send("GET", self.take_url_with(in_progress, batch), timeout=timeout)

    def take(self, in_progress=0, batch=None):
        status, kind, body = self.take_bytes(in_progress, batch)
        assert (status, kind) == (200, "application/json"), (status, kind, body)
        return json.loads(body)

    def take_later(self, **options):
        """Starts a take in a thread; join() the result to get the list of answers."""
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.take_bytes(**options)),
                                  daemon=True)
        thread.answers = answers
        thread.start()
        return thread

    def post(self, variable, job_id, body, stream="false"):
        """body: bytes or text as they go on the wire, with the SDK's headers."""
        url = self.env[variable].replace("$RUNPOD_POD_ID", self.id).replace("$ID", job_id)
        body = body.encode() if isinstance(body, str) else body
        return self.send("POST", url + "&isStream=" + stream, body, {
            "Content-Type": "application/x-www-form-urlencoded", "charset": "utf-8",
            "X-Request-ID": job_id})

    def done(self, job_id, body, stream="false"):
        status, _, _ = self.post("RUNPOD_WEBHOOK_POST_OUTPUT", job_id, body, stream)
        assert status == 200

    def post_later(self, job_id, body):
        """done() in a thread."""
        thread = threading.Thread(target=self.done, args=(job_id, body), daemon=True)
        thread.start()
        return thread

    def progress(self, job_id, output):
        self.done(job_id, json.dumps({"status": "IN_PROGRESS", "output": output}))

    def chunk(self, job_id, body):
        status, _, _ = self.post("RUNPOD_WEBHOOK_POST_STREAM", job_id, body)
        assert status == 200

    def chunk_bytes(self, job_id, body, number=None, token=None):
        """A chunk post as bytes, for connections on which several leave at once."""
        url = self.env["RUNPOD_WEBHOOK_POST_STREAM"].replace("$ID", job_id) + "&isStream=false"
        parts = urllib.parse.urlsplit(url)
        return ("POST %s?%s%s HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s"
                % (parts.path, parts.query, "&chunk=%s" % number if number is not None else "",
                   token or self.headers["Authorization"], len(body), body)).encode()

    def say(self, data):
        """All that the agent answers to these bytes, until it closes: our side ends after them."""
        parts = urllib.parse.urlsplit(self.take_url)
        with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def stop_list(self, timeout=60):
        """(status, ids) of one job-stop poll."""
        url = self.take_url.replace("/job-take/", "/job-stop/")
        status, _, body = self.send("GET", url, timeout=timeout)
        return status, json.loads(body)["jobsToStop"] if status == 200 else []

    def ping(self, *job_ids):
        url = self.env["RUNPOD_WEBHOOK_PING"].replace("$RUNPOD_POD_ID", self.id)
        url += ("&" if "?" in url else "?") + "runpod_version=1.12.0"
        if job_ids:
            url += "&job_id=" + ",".join(job_ids)
        return self.send("GET", url)[0]
