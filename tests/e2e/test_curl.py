"""The founding document's curl samples, and every refusal, exactly as a shell user sees them."""

import json
import subprocess

import pytest

from documents import document
from millrace_up import wait_for


class Answer:
    def __init__(self, text):
        head, _, self.body = text.partition("\n\n")
        lines = head.split("\n")
        self.status = int(lines[0].split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in
                        (line.partition(":") for line in lines[1:])}

    @property
    def json(self):
        return json.loads(self.body)


@pytest.fixture
def curl(up):
    def run(*args, key=up.key, stdin=None):
        auth = ["-H", "Authorization: Bearer " + key] if key else []
        args = [a.replace("BASE", up.base) for a in args]
        done = subprocess.run(["curl", "-sS", "-i", "--max-time", "100", *auth, *args],
                              capture_output=True, text=True, input=stdin, check=True)
        text = done.stdout.replace("\r\n", "\n")
        while text.startswith("HTTP/1.1 100"):
            text = text.partition("\n\n")[2]
        return Answer(text)
    return run


JSON_TYPE = ["-H", "Content-Type: application/json"]


def assert_error(answer, status):
    assert answer.status == status, answer.body
    assert answer.headers["content-type"].startswith("application/json")
    assert isinstance(answer.json["error"], str) and answer.json["error"]
    assert not isinstance(answer.json.get("status"), int)


def test_run_and_status(curl, noop):
    answer = curl("-X", "POST", "BASE/%s/run" % noop.id, *JSON_TYPE, "-d", '{"input": {"prompt": "hi"}}')
    assert answer.status == 200
    assert answer.json["status"] == "IN_QUEUE" and "\n" not in answer.body
    job_id = answer.json["id"]

    def completed():
        answer = curl("BASE/%s/status/%s" % (noop.id, job_id))
        assert answer.status == 200
        return answer.json if answer.json["status"] == "COMPLETED" else None
    job = wait_for(completed, 30)
    assert job["id"] == job_id and job["output"] == {"prompt": "hi"}
    assert all(type(job[key]) is int for key in ("delayTime", "executionTime"))
    assert isinstance(job["workerId"], str) and "error" not in job and "retries" not in job


def test_runsync(curl, noop):
    answer = curl("-X", "POST", "BASE/%s/runsync" % noop.id, *JSON_TYPE, "-d", '{"input": {"n": 1}}')
    assert answer.status == 200
    assert answer.json["id"].startswith("sync-")
    assert (answer.json["status"], answer.json["output"]) == ("COMPLETED", {"n": 1})


def test_cancel_as_in_the_sample(curl, parked):
    job_id = parked.run({})
    answer = curl("-X", "POST", "BASE/%s/cancel/%s" % (parked.id, job_id))
    assert (answer.status, answer.json["id"], answer.json["status"]) == (200, job_id, "CANCELLED")
    again = curl("-X", "POST", "BASE/%s/cancel/%s" % (parked.id, job_id))
    assert (again.status, again.json["status"]) == (200, "CANCELLED")
    assert parked.status(job_id)["status"] == "CANCELLED"


def test_health_has_all_counters(curl, parked):
    parked.run({})
    answer = curl("BASE/%s/health" % parked.id)
    assert answer.status == 200
    assert answer.json["jobs"] == {"completed": 0, "failed": 0, "inProgress": 0, "inQueue": 1,
                                   "retried": 0}
    assert set(answer.json["workers"]) >= {"idle", "initializing", "ready", "running", "throttled",
                                           "unhealthy"}
    assert all(type(value) is int for value in answer.json["workers"].values())


def test_queued_status_has_no_output_and_no_error(curl, parked):
    job_id = parked.run({"x": 1})
    job = curl("BASE/%s/status/%s" % (parked.id, job_id)).json
    assert job["status"] == "IN_QUEUE"
    assert not {"output", "error", "delayTime", "workerId", "input"} & set(job)


def test_stream_of_a_bare_get_is_a_list(curl, parked):
    job_id = parked.run({})
    parked.cancel(job_id)
    answer = curl("BASE/%s/stream/%s" % (parked.id, job_id))
    assert (answer.status, answer.json) == (200, [])
    assert answer.headers["x-job-status"] == "CANCELLED"


@pytest.mark.parametrize("args", [
    ["-X", "POST"], ["-H", "Content-Type: application/json"], ["-A", "RunPod-JS-SDK/1.1.2"]])
def test_stream_for_sdks_is_an_object(curl, parked, args):
    job_id = parked.run({})
    parked.cancel(job_id)
    answer = curl(*args, "BASE/%s/stream/%s" % (parked.id, job_id))
    assert (answer.status, answer.json) == (200, {"status": "CANCELLED", "stream": []})


@pytest.mark.parametrize("scheme", ["Authorization: Bearer KEY", "Authorization: KEY",
                                    "authorization: bearer KEY", "AUTHORIZATION: BEARER KEY"])
def test_forms_of_the_key(curl, up, parked, scheme):
    answer = curl("-H", scheme.replace("KEY", up.key), "BASE/%s/health" % parked.id, key=None)
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("key", [None, "wrong", ""])
def test_401_without_the_right_key(curl, parked, key):
    assert_error(curl("BASE/%s/health" % parked.id, key=key), 401)
    assert_error(curl("-X", "POST", "BASE/%s/run" % parked.id, "-d", '{"input":{}}', key=key), 401)


def test_401_wins_over_404(curl):
    assert_error(curl("BASE/no-such-endpoint/health", key="wrong"), 401)


@pytest.mark.parametrize("method, path", [("POST", "run"), ("POST", "runsync"), ("GET", "health"),
                                          ("GET", "status/x"), ("POST", "cancel/x")])
def test_404_for_an_unknown_endpoint(curl, method, path):
    assert_error(curl("-X", method, "BASE/no-such-endpoint/" + path, "-d", '{"input":1}'), 404)


@pytest.mark.parametrize("method, operation", [("GET", "status"), ("GET", "stream"),
                                               ("POST", "cancel"), ("GET", "status-sync")])
def test_404_for_an_unknown_job(curl, parked, method, operation):
    assert_error(curl("-X", method, "BASE/%s/%s/no-such-job" % (parked.id, operation)), 404)


def test_404_for_an_unknown_path(curl, parked):
    assert_error(curl("BASE/%s/no-such-operation" % parked.id), 404)


@pytest.mark.parametrize("method, operation, allowed", [
    ("GET", "run", "POST"), ("GET", "runsync", "POST"), ("POST", "health", "GET"),
    ("GET", "cancel/x", "POST"), ("DELETE", "status/x", "GET")])
def test_405_names_what_is_allowed(curl, parked, method, operation, allowed):
    answer = curl("-X", method, "BASE/%s/%s" % (parked.id, operation))
    assert_error(answer, 405)
    assert allowed in answer.headers["allow"]


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "7", '"input"', "{}", '{"input":null}',
                                  '{"input":1}x', '{"input":1,"input":2}', '{"input":01}',
                                  '{"input":"\x01"}', '{"input":1,"policy":7}',
                                  '{"input":1,"webhook":7}'])
def test_400_for_a_bad_body(curl, parked, body):
    for operation in ("run", "runsync"):
        assert_error(curl("-X", "POST", "BASE/%s/%s" % (parked.id, operation), *JSON_TYPE,
                          "--data-binary", body), 400)


@pytest.mark.parametrize("body", ['{"input":{}}', '{"input":[]}', '{"input":0}', '{"input":""}',
                                  '{"input":false}', ' {"input" : {"a":null} } ',
                                  '{"inp\\u0075t":1}', '{"input":1,"policy":{"executionTimeout":3000}}',
                                  '{"input":1,"unknown":{"x":1}}'])
def test_200_for_any_json_as_input(curl, parked, body):
    answer = curl("-X", "POST", "BASE/%s/run" % parked.id, "--data-binary", body)
    assert answer.status == 200, answer.body


def body_of(size):
    return '{"input":"%s"}' % ("x" * (size - len('{"input":""}')))


def test_413_beyond_10_mib_on_run(curl, parked):
    args = ["-X", "POST", "BASE/%s/run" % parked.id, *JSON_TYPE, "--data-binary", "@-"]
    assert curl(*args, stdin=body_of(10 << 20)).status == 200
    answer = curl(*args, stdin=body_of((10 << 20) + 1))
    assert_error(answer, 413)
    assert "max body size of 10MiB" in answer.json["error"]


def test_413_beyond_20_mib_on_runsync(curl, parked):
    args = ["-X", "POST", "BASE/%s/runsync?wait=1000" % parked.id, *JSON_TYPE, "--data-binary", "@-"]
    assert curl(*args, stdin=body_of(15 << 20)).status == 200
    assert_error(curl(*args, stdin=body_of((20 << 20) + 1)), 413)


def test_expect_100_continue(curl, parked):
    answer = curl("-X", "POST", "BASE/%s/run" % parked.id, "-H", "Expect: 100-continue",
                  "--data-binary", "@-", stdin=body_of(1 << 20))
    assert answer.status == 200


def test_chunked_upload(curl, parked):
    answer = curl("-X", "POST", "BASE/%s/run" % parked.id, "-H", "Transfer-Encoding: chunked",
                  "--data-binary", "@-", stdin=body_of(1 << 18))
    assert answer.status == 200


def test_429_for_the_52nd_waiting_job_without_workers(curl, parked):
    url = "BASE/%s/run" % parked.id
    for _ in range(51):
        parked.run({})
    answer = curl("-X", "POST", url, *JSON_TYPE, "-d", '{"input":{}}')
    assert_error(answer, 429)
    assert int(answer.headers["retry-after"]) >= 1
    assert parked.health()["jobs"]["inQueue"] == 51


def test_double_and_trailing_slashes_are_tolerated(curl, parked):
    base = "BASE".replace("BASE", "") + "BASE"
    assert curl(base + "//%s//health/" % parked.id).status == 200


def test_runsync_gives_up_after_wait_with_the_state(curl, parked):
    answer = curl("-X", "POST", "BASE/%s/runsync?wait=1000" % parked.id, "-d", '{"input":{}}')
    assert (answer.status, answer.json["status"]) == (200, "IN_QUEUE")
    assert parked.status(answer.json["id"])["status"] == "IN_QUEUE"


def test_status_sync_returns_when_the_job_ends(curl, noop):
    job_id = noop.run({"n": 3})
    answer = curl("BASE/%s/status-sync/%s?wait=30000" % (noop.id, job_id))
    assert (answer.status, answer.json["status"], answer.json["output"]) == (
        200, "COMPLETED", {"n": 3})


def test_post_of_status_as_the_go_sdk_does(curl, parked):
    job_id = parked.run({})
    assert curl("-X", "POST", "BASE/%s/status/%s" % (parked.id, job_id)).json["status"] == "IN_QUEUE"


def test_healthz_needs_no_key(curl, up):
    answer = curl(up.base.replace("/v2", "/healthz"), key=None)
    assert (answer.status, answer.json["status"]) == (200, "ok")


def test_a_broken_document_names_the_bad_key(curl, up):
    url = up.base.replace("/v2", "/v1/endpoints")
    for change, named in (({"workersMax": -1}, "workersMax"), ({"colour": 1}, "colour"),
                          ({"scalerType": "FAST"}, "scalerType"), ({"handler": {}}, "handler"),
                          ({"id": "Not Valid"}, "id")):
        text = json.dumps(dict(document("broken", {"command": ["true"]}), **change))
        answer = curl("-X", "POST", url, *JSON_TYPE, "-d", text)
        assert_error(answer, 400)
        assert named in answer.json["error"] and "\n" not in answer.json["error"]
    assert_error(curl("-X", "POST", url, *JSON_TYPE, "-d", "{"), 400)


def test_management_needs_the_key(curl, up):
    url = up.base.replace("/v2", "/v1/endpoints")
    assert_error(curl(url, key="wrong"), 401)
    assert_error(curl("-X", "POST", url, "-d", "{}", key=None), 401)
