"""A reader of Server-Sent Events that keeps all it got, comments too, and comes back as browsers do:
with the last id."""

import http.client
import json
import threading
import time
import urllib.parse
from collections import namedtuple

from millrace_up import FINAL, wait_for

Event = namedtuple("Event", "at name id data")


class SseReader(threading.Thread):
    """Reads until the final status, over as many connections as it takes.

    bases: places to ask in turn, "http://127.0.0.1:8080"; the next one after each lost connection.
    """

    def __init__(self, path, key, *bases, last_id=None, timeout=60):
        super().__init__(daemon=True)
        self.path, self.key, self.bases, self.timeout = path, key, bases, timeout
        self.last_id = last_id
        self.events, self.comments, self.breaks, self.problem = [], [], [], None
        self.headers = None
        self.connection = None

    @classmethod
    def of(cls, endpoint, job_id, **options):
        up = endpoint.up
        reader = cls(endpoint.path("events", job_id), up.key, "http://127.0.0.1:%d" % up.port,
                     **options)
        reader.start()
        return reader

    # ---- reading
    def run(self):
        for number in range(50):
            try:
                self.read(self.bases[number % len(self.bases)])
            except (OSError, http.client.HTTPException) as error:
                self.breaks.append(repr(error))
            else:
                if self.is_over() or self.problem:
                    return
                self.breaks.append("end")
            time.sleep(0.1)

    def read(self, base):
        parts = urllib.parse.urlsplit(base)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port,
                                                     timeout=self.timeout)
        headers = {"Authorization": "Bearer " + self.key, "Accept": "text/event-stream"}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        try:
            self.connection.request("GET", self.path, headers=headers)
            reply = self.connection.getresponse()
            self.headers = reply.headers
            if reply.status == 200:
                self.parse(reply)
            else:
                self.problem = (reply.status, reply.read())
        finally:
            self.connection.close()

    def parse(self, reply):
        fields = {"data": []}
        while True:
            line = reply.readline()
            if not line:
                return
            line = line.decode().rstrip("\n")
            if line.startswith(":"):
                self.comments.append(line)
            elif line:
                name, _, value = line.partition(": ")
                fields["data"].append(value) if name == "data" else fields.update({name: value})
            else:
                self.dispatch(fields)
                fields = {"data": []}

    def dispatch(self, fields):
        if not fields["data"]:
            return
        self.last_id = fields.get("id", self.last_id)
        self.events.append(Event(time.monotonic(), fields.get("event"), fields.get("id"),
                                 "\n".join(fields["data"])))

    def drop(self):
        """Cuts the connection, as a network does."""
        self.connection.sock.shutdown(2)

    # ---- what it got
    def is_over(self):
        return bool(self.events) and self.events[-1].name == "status" and \
            json.loads(self.events[-1].data)["status"] in FINAL

    def named(self, name):
        return [json.loads(event.data) for event in list(self.events) if event.name == name]

    def chunks(self):
        return self.named("chunk")

    def outputs(self):
        return [chunk["output"] for chunk in self.chunks()]

    def states(self):
        return [job["status"] for job in self.named("status")]

    def wait(self, condition, timeout=30):
        return wait_for(lambda: condition(self), timeout, "events; so far %s" % (self,))

    def wait_over(self, timeout=60):
        self.join(timeout)
        assert not self.is_alive() and self.is_over(), self
        ids = [int(event.id) for event in self.events]
        assert ids == sorted(set(ids)), "ids grow"
        assert [state in FINAL for state in self.states()].count(True) == 1
        return self

    def __repr__(self):
        return "%d events, last %s, breaks %s, problem %s" % (
            len(self.events), self.events[-3:], self.breaks, self.problem)
