"""/v1/endpoints: documents in RunPod's REST v1 shape, their versions, and what a delete ends."""

import concurrent.futures
import re
import threading

import pytest
import requests

from documents import document, python_handler
from millrace_up import Endpoint
from transitions import wait_for

PARKED = {"handler": {"command": ["true"]}, "workersMax": 0}


@pytest.fixture
def create(up):
    """create(body): the reply of POST /v1/endpoints; what was made is deleted afterwards."""
    made = []

    def post(body):
        reply = up.post("/v1/endpoints", body)
        if reply.status_code == 200:
            made.append(reply.json()["id"])
        return reply
    yield post
    for endpoint_id in made:
        up.request("DELETE", "/v1/endpoints/" + endpoint_id)


def patch(up, endpoint_id, body):
    return up.request("PATCH", "/v1/endpoints/" + endpoint_id, json=body)


def test_create_get_list(up, create, unique_id):
    body = dict(PARKED, id=unique_id(), name="Mine")
    made = create(body)
    assert made.status_code == 200, made.text
    assert made.json() == dict(body, version=1)
    assert up.get("/v1/endpoints/" + body["id"]).json() == dict(body, version=1)
    listed = up.get("/v1/endpoints").json()
    assert dict(body, version=1) in listed
    ids = [endpoint["id"] for endpoint in listed]
    assert ids == sorted(ids)


@pytest.mark.parametrize("text", ['{"handler":{"command":["true"]},"workersMax":0}',
                                  ' {\n "handler" : {"command": ["true"]}, "workersMax": 0 }\n'])
def test_an_id_is_drawn_when_none_is_given(up, create, text):
    reply = up.request("POST", "/v1/endpoints", data=text)
    assert reply.status_code == 200, reply.text
    endpoint_id = reply.json()["id"]
    assert re.fullmatch(r"[a-z0-9]{12}", endpoint_id)
    endpoint = Endpoint(up, endpoint_id)
    endpoint.run({})
    assert endpoint.delete().status_code == 204


def test_an_existing_id_is_a_conflict(up, create, unique_id):
    body = dict(PARKED, id=unique_id())
    create(body)
    again = up.post("/v1/endpoints", body)
    assert again.status_code == 409
    assert "PATCH" in again.json()["error"]


@pytest.mark.parametrize("endpoint_id", [
    "sys", "serverless", "templates", "catalog", "pods", "registries", "network-volumes",
    "billing", "clusters", "account", "Upper", "a_b", "a.b", "-a", "a" * 64, "", None, 7])
def test_reserved_and_malformed_ids(create, endpoint_id):
    reply = create(dict(PARKED, id=endpoint_id))
    assert reply.status_code == 400
    assert reply.json()["error"].startswith("id is")
    assert reply.json()["message"] == reply.json()["error"]


@pytest.mark.parametrize("change, words", [
    ({"workersMax": -1}, ["workersMax", "-1", "0 to 1000"]),
    ({"workersMin": 5}, ["workersMin", "workersMax"]),
    ({"scalerType": "MAGIC"}, ["scalerType", "MAGIC", "QUEUE_DELAY"]),
    ({"retention": {"asyncSeconds": 0}}, ["asyncSeconds", "0", "604800"]),
    ({"limits": {"run": {"per10s": "many"}}}, ["per10s", "many"]),
    ({"handler": {"command": ["true"], "library": "x.so"}}, ["handler", "exactly one"]),
    ({"colour": "red"}, ["colour", "workersMax"]),
    ({"name": "cut\0off"}, ["u0000"]),
    ({"handler": {"command": ["true\0false"]}}, ["u0000"]),
])
def test_create_and_update_name_the_field(up, create, unique_id, change, words):
    body = dict(PARKED, id=unique_id())
    create(body)
    for reply in (create(dict(body, id=unique_id(), **change)),
                  patch(up, body["id"], change)):
        assert reply.status_code == 400
        for word in words:
            assert word in reply.json()["error"], reply.text
    assert up.get("/v1/endpoints/" + body["id"]).json() == dict(body, version=1)


def test_update_merges_and_counts(up, create, unique_id):
    body = dict(PARKED, id=unique_id(), name="before")
    create(body)
    changed = patch(up, body["id"], {"name": "after", "workersMax": 2})
    assert changed.json() == dict(body, name="after", workersMax=2, version=2)
    other = up.post("/v1/endpoints/%s/update" % body["id"], {"idleTimeout": 9})
    assert other.json() == dict(body, name="after", workersMax=2, idleTimeout=9, version=3)


def test_an_update_that_changes_nothing_keeps_the_version(up, create, unique_id):
    name = unique_id()
    text = '{ "workersMax": 0,\n  "handler": {"command": ["true"]}, "id": "%s" }' % name
    assert up.request("POST", "/v1/endpoints", data=text).json()["version"] == 1
    try:
        for change in ({}, {"workersMax": 0}, {"handler": {"command": ["true"]}, "id": name}):
            assert patch(up, name, change).json()["version"] == 1
        assert patch(up, name, {"workersMax": 1}).json()["version"] == 2
    finally:
        up.request("DELETE", "/v1/endpoints/" + name)


def test_an_id_is_not_cut_off(create):
    reply = create(dict(PARKED, id="cut\0off"))
    assert reply.status_code == 400
    assert "u0000" in reply.json()["error"]


def test_null_takes_a_key_back(up, create, unique_id):
    body = dict(PARKED, id=unique_id())
    create(dict(body, webhookSecret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", idleTimeout=9))
    changed = patch(up, body["id"], {"webhookSecret": None, "idleTimeout": None, "name": None})
    assert changed.json() == dict(body, version=2)
    refused = patch(up, body["id"], {"handler": None})
    assert refused.status_code == 400 and "handler" in refused.json()["error"]


def test_the_id_cannot_change(up, create, unique_id):
    body = dict(PARKED, id=unique_id())
    create(body)
    reply = patch(up, body["id"], {"id": "other"})
    assert reply.status_code == 400
    assert "id" in reply.json()["error"]


def test_updates_at_the_same_time_lose_nothing(up, create, unique_id):
    body = dict(PARKED, id=unique_id())
    create(body)
    changes = [{"name": "n"}, {"idleTimeout": 7}, {"workersMax": 5}, {"retries": 3}]
    barrier = threading.Barrier(len(changes))

    def change(one):
        barrier.wait()
        url = "http://127.0.0.1:%d/v1/endpoints/%s" % (up.port, body["id"])
        headers = {"Authorization": "Bearer " + up.key}
        return requests.patch(url, json=one, headers=headers, timeout=30).status_code
    with concurrent.futures.ThreadPoolExecutor(len(changes)) as pool:
        assert list(pool.map(change, changes)) == [200] * len(changes)
    expected = dict(body, version=5)
    for one in changes:
        expected.update(one)
    assert up.get("/v1/endpoints/" + body["id"]).json() == expected


def test_unknown_endpoints(up):
    assert up.get("/v1/endpoints/no-such").status_code == 404
    assert patch(up, "no-such", {"workersMax": 1}).status_code == 404
    assert up.request("DELETE", "/v1/endpoints/no-such").status_code == 404


def test_bodies_that_are_no_object(up, parked):
    for method, path in (("POST", "/v1/endpoints"), ("PATCH", "/v1/endpoints/" + parked.id)):
        for text in ("", "[]", "7", "{", '{"id":"a","id":"b"}'):
            reply = up.request(method, path, data=text)
            assert reply.status_code == 400, (method, text, reply.text)


def test_workers_are_shown_when_asked_for(up, make_endpoint):
    endpoint = make_endpoint(python_handler("plain.py"), workersMin=1)
    path = "/v1/endpoints/" + endpoint.id

    def idle():
        workers = up.get(path, params={"includeWorkers": "true"}).json()["workers"]
        return [worker for worker in workers if worker["state"] == "idle"]
    worker, = wait_for(idle, 60, "an idle worker")
    assert set(worker) == {"id", "state", "held", "since", "version", "agent"}
    assert (worker["held"], worker["version"], worker["agent"]) == (0, 1, "agent-0")
    assert "workers" not in up.get(path).json()
    listed = up.get("/v1/endpoints", params={"includeWorkers": "true"}).json()
    assert worker["id"] in [one["id"] for entry in listed for one in entry["workers"]]


def test_a_delete_cancels_what_waits(up, create, unique_id):
    endpoint_id = unique_id()
    create(dict(PARKED, id=endpoint_id, limits="off"))
    endpoint = Endpoint(up, endpoint_id)
    jobs = [endpoint.run({"n": n}) for n in range(3)]
    waiter = concurrent.futures.ThreadPoolExecutor(1).submit(
        lambda: requests.post(
            "http://127.0.0.1:%d/v2/%s/runsync?wait=60000" % (up.port, endpoint_id),
            json={"input": {}}, headers={"Authorization": "Bearer " + up.key}, timeout=90))
    wait_for(lambda: endpoint.health()["jobs"]["inQueue"] == 4, 10, "four jobs")
    assert up.request("DELETE", "/v1/endpoints/" + endpoint_id).status_code == 204
    assert waiter.result(20).json()["status"] == "CANCELLED"
    wait_for(lambda: endpoint.post("run", json={"input": {}}).status_code == 404, 5, "404")
    assert endpoint.get("status", jobs[0]).status_code == 404
    create(dict(PARKED, id=endpoint_id))
    assert {endpoint.status(job)["status"] for job in jobs} == {"CANCELLED"}
    assert endpoint.health()["jobs"] == {"completed": 0, "failed": 0, "inProgress": 0,
                                         "inQueue": 0, "retried": 0}


def test_a_delete_stops_what_runs(up, create, unique_id):
    endpoint_id = unique_id()
    create(document(endpoint_id, python_handler("plain.py")))
    endpoint = Endpoint(up, endpoint_id)
    job = endpoint.run({"do": "sleeps", "seconds": 300})
    endpoint.wait(job, "IN_PROGRESS")
    assert up.request("DELETE", "/v1/endpoints/" + endpoint_id).status_code == 204
    create(dict(PARKED, id=endpoint_id))
    assert endpoint.status(job)["status"] == "CANCELLED"
    assert endpoint.health()["jobs"]["inProgress"] == 0
    wait_for(lambda: not up.get("/v1/endpoints/" + endpoint_id,
                                params={"includeWorkers": "true"}).json()["workers"],
             40, "the worker's end")
