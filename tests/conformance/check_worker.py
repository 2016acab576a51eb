"""90-99 and 105: the worker plane, request by request."""

import json
import time

from stage import JSON_TYPE, Timed, hand_over, later
from table import check


@check(90, "a worker's raw key is accepted; a wrong one is answered late with 401, or with 429")
def c90(stage):
    endpoint, worker = stage.pair()
    for key in ("wrong", "Bearer wrong", ""):
        with Timed() as timed:
            status, _, _ = worker.send("GET", worker.take_url_with(),
                                       headers={"Authorization": key})
        assert status == 429 or (status == 401 and timed.took > 0.9), (status, timed.took)
    endpoint.run({})
    assert worker.take_bytes()[0] == 200


@check(91, "a take of an empty queue is held about 20 s, then 204", is_slow=True)
def c91(stage):
    _, worker = stage.pair()
    for batch in (None, 3):
        with Timed() as timed:
            status, _, body = worker.take_bytes(batch=batch)
        assert (status, body) == (204, b"") and 17 < timed.took < 25, timed.took


@check(92, "a take gives one object with id and input, as application/json")
def c92(stage):
    endpoint, worker = stage.pair()
    job_id = endpoint.run({"a": 1})
    status, kind, body = worker.take_bytes()
    job = json.loads(body)
    assert (status, kind.split(";")[0]) == (200, "application/json")
    assert (job["id"], job["input"]) == (job_id, {"a": 1})


@check(93, "batch_size=3 with five waiting gives a list of three")
def c93(stage):
    endpoint, worker = stage.pair()
    job_ids = [endpoint.run({"n": n}) for n in range(5)]
    jobs = worker.take(batch=3)
    assert [job["id"] for job in jobs] == job_ids[:3]
    assert [job["input"] for job in jobs] == [{"n": n} for n in range(3)]
    assert [job["id"] for job in worker.take(in_progress=1, batch=3)] == job_ids[3:]


@check(94, "a batch take of one waiting job gives it at once, in a list")
def c94(stage):
    endpoint, worker = stage.pair()
    job_id = endpoint.run({})
    with Timed() as timed:
        assert [job["id"] for job in worker.take(batch=3)] == [job_id]
    assert timed.took < 3


@check(95, "paths with & in the place of ? work for take, done, stream and stop")
def c95(stage):
    endpoint, worker = stage.pair()
    job_id = endpoint.run({})
    bare = worker.take_url.split("?")[0]
    status, _, body = worker.send("GET", bare + "&job_in_progress=0")
    assert status == 200 and json.loads(body)["id"] == job_id
    for variable, posted in (("RUNPOD_WEBHOOK_POST_STREAM", b'{"output": "c"}'),
                             ("RUNPOD_WEBHOOK_POST_OUTPUT", b'{"output": 5}')):
        url = worker.env[variable].split("?")[0]
        url = url.replace("$RUNPOD_POD_ID", worker.id).replace("$ID", job_id)
        assert worker.send("POST", url + "&isStream=false", posted)[0] == 200
    assert endpoint.status(job_id)["output"] == 5
    assert endpoint.stream(job_id)[1] == [{"output": "c"}]
    doomed = hand_over(endpoint, worker)
    endpoint.cancel(doomed)
    stop = bare.replace("/job-take/", "/job-stop/") + "&job_in_progress=0"
    assert json.loads(worker.send("GET", stop)[2]) == {"jobsToStop": [doomed]}


@check(96, "a result is read as JSON whatever its media type; NaN and Infinity become null")
def c96(stage):
    endpoint, worker = stage.pair()
    for kind in ("application/x-www-form-urlencoded", "application/json", "text/plain"):
        job_id = hand_over(endpoint, worker)
        url = worker.env["RUNPOD_WEBHOOK_POST_OUTPUT"].replace("$RUNPOD_POD_ID", worker.id)
        body = b'{"output": [NaN, -Infinity, Infinity, 1.5, "NaN"]}'
        assert worker.send("POST", url.replace("$ID", job_id) + "&isStream=false", body,
                           {"Content-Type": kind})[0] == 200
        assert endpoint.status(job_id)["output"] == [None, None, None, 1.5, "NaN"]


@check(97, "a result for an unknown job is answered 200")
def c97(stage):
    _, worker = stage.pair()
    worker.done("no-such-job", '{"output": 1}')
    worker.chunk("no-such-job", '{"output": 1}')
    worker.progress("no-such-job", 1)


@check(98, "of several results the first counts")
def c98(stage):
    endpoint, worker, job_id = stage.running()
    worker.done(job_id, '{"output": 1}')
    worker.done(job_id, '{"output": 2}')
    worker.done(job_id, '{"error": "late"}')
    job = endpoint.status(job_id)
    assert (job["status"], job["output"]) == ("COMPLETED", 1) and "error" not in job
    assert endpoint.health()["jobs"]["completed"] == 1


@check(99, "a ping is answered 200, with and without jobs")
def c99(stage):
    _, worker, job_id = stage.running()
    assert worker.ping() == worker.ping(job_id) == worker.ping(job_id, "other") == 200
    assert worker.ping(job_id + "%2Cother") == 200


@check(105, "job-stop with nothing to stop is held about 20 s, then 204", is_slow=True)
def c105(stage):
    endpoint, worker = stage.pair()
    with Timed() as timed:
        assert worker.stop_list() == (204, [])
    assert 17 < timed.took < 25
    job_id = hand_over(endpoint, worker)
    held = later(worker.stop_list)
    time.sleep(0.5)
    reply = stage.raw("POST", endpoint.path("cancel", job_id), headers=JSON_TYPE)
    assert reply.status_code == 200 and held.result(5) == (200, [job_id])
