"""A client that asks and insists exactly as RunPod's Go SDK does: POST with an empty body for
status, status-sync and stream, `wait` of at most 90 s, nothing but 200 accepted, types as in its
structs (encoding/json refuses anything else)."""

import json
import urllib.error
import urllib.request

FINAL = ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT")
WAIT_MAX_MS = 90000
TYPES = {"id": str, "status": str, "workerId": str, "error": str, "delayTime": int,
         "executionTime": int, "retries": int}


class GoError(Exception):
    pass


class GoEndpoint:
    def __init__(self, base, key, endpoint_id):
        self.url = "%s/%s" % (base, endpoint_id)
        self.headers = {"Content-Type": "application/json", "Authorization": "Bearer " + key,
                        "User-Agent": "Go-http-client/1.1"}

    def call(self, method, path, body=None, timeout=3):
        data = None if body is None else json.dumps(body).encode()
        if method == "POST" and data is None:
            data = b""
        request = urllib.request.Request(self.url + path, data, self.headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as reply:
                status, text = reply.status, reply.read()
        except urllib.error.HTTPError as error:
            with error:
                raise GoError("status code %d: %s" % (error.code, error.read().decode())) from None
        if status != 200:
            raise GoError("status code %d" % status)
        return decode(text)

    def run(self, job_input):
        return self.call("POST", "/run", {"input": job_input})

    def status(self, job_id):
        return self.call("POST", "/status/" + job_id)

    def status_sync(self, job_id, wait_ms=WAIT_MAX_MS):
        path = "/status-sync/%s?wait=%d" % (job_id, min(wait_ms, WAIT_MAX_MS))
        return self.call("POST", path, timeout=92)

    def run_sync(self, job_input):
        """runsync, then status-sync while the job goes on; an `error` on the way ends it early."""
        job = self.call("POST", "/runsync?wait=%d" % WAIT_MAX_MS, {"input": job_input}, timeout=92)
        while job["status"] not in FINAL:
            if job.get("error") is not None:
                raise GoError("error on a job that goes on: %r" % job["error"])
            job = self.status_sync(job["id"])
        return job

    def stream(self, job_id, wait_ms=WAIT_MAX_MS):
        """All items until the first final status, as the SDK's channel delivers them."""
        items = []
        while True:
            page = self.call("POST", "/stream/%s?wait=%d" % (job_id, wait_ms), timeout=92)
            if not isinstance(page["stream"], list) or \
                    not all(isinstance(item, dict) for item in page["stream"]):
                raise GoError("cannot unmarshal stream: %r" % page["stream"])
            items += page["stream"]
            if page["status"] in FINAL:
                return items

    def cancel(self, job_id):
        return self.call("POST", "/cancel/" + job_id)

    def purge_queue(self):
        return self.call("POST", "/purge-queue")

    def health(self):
        return self.call("GET", "/health")


def decode(text):
    value = json.loads(text)
    for key, kind in TYPES.items():
        if value.get(key) is not None and type(value[key]) is not kind:
            raise GoError("cannot unmarshal %r into %s.%s" % (value[key], key, kind.__name__))
    return value
