"""Changes of an endpoint document: which ones replace handler processes, and which apply to those that run."""

import pytest

import processes
from documents import python_handler, server_handler
from transitions import wait_for


def change(endpoint, **keys):
    """Changes these keys; the new version."""
    reply = endpoint.up.request("PATCH", "/v1/endpoints/" + endpoint.id, json=keys)
    assert reply.status_code == 200, reply.text
    return reply.json()["version"]


def workers(endpoint):
    return endpoint.up.get("/v1/endpoints/%s?includeWorkers=true" % endpoint.id).json()["workers"]


def wait_version(endpoint, version):
    """The only worker is of that version and takes jobs."""
    def is_there():
        found = workers(endpoint)
        return len(found) == 1 and found[0]["version"] == version and found[0]["state"] == "idle"
    wait_for(is_there, 40, "an idle worker of version %d, there are: %s" % (version, workers(endpoint)))


def handler(release="one", *args):
    return python_handler("pod.py", *args, RELEASE=release)


def ask(endpoint, job_input=None):
    job = endpoint.runsync(job_input or {"sleep": 0})
    assert job["status"] == "COMPLETED", job
    return job["output"]


@pytest.fixture
def one(make_endpoint):
    """An endpoint with one worker that stays."""
    return make_endpoint(handler(), workersMin=1, idleTimeout=600)


def test_a_process_stays_through_changes_it_does_not_depend_on(one):
    pid = ask(one)["pid"]
    for keys in ({"workersMax": 2}, {"idleTimeout": 500}, {"executionTimeoutMs": 300000},
                 {"retention": {"asyncSeconds": 77}}, {"payload": {"runBytes": 2048}},
                 {"webhookSecret": "0123456789abcdef"}, {"name": "other"}, {"labels": {}},
                 {"handler": dict(handler(), env=dict(reversed(handler()["env"].items())))}):
        wait_version(one, change(one, **keys))
        assert ask(one)["pid"] == pid, keys


def test_what_runs_works_by_the_new_document(one):
    pid = ask(one)["pid"]
    wait_version(one, change(one, executionTimeoutMs=5000, payload={"runBytes": 2048}))
    reply = one.post("run", json={"input": "x" * 4096})
    assert reply.status_code == 413, reply.text
    job_id = one.run({"block": 60})
    assert one.wait(job_id)["status"] == "TIMED_OUT"
    assert ask(one)["pid"] != pid, "the handler that did not let go was ended"


@pytest.mark.parametrize("keys", [{"handler": handler("two")}, {"handler": handler("one", "argument")},
                                  {"handler": dict(handler(), cwd="/")}], ids=["env", "command", "cwd"])
def test_an_idle_process_is_replaced_at_once(one, keys):
    pid = ask(one)["pid"]
    wait_version(one, change(one, **keys))
    assert processes.wait_gone([pid], 5) == []
    after = ask(one)
    assert after["pid"] != pid
    assert after["release"] == keys["handler"]["env"]["RELEASE"]


def test_a_busy_process_is_replaced_after_its_job(one):
    pid = ask(one)["pid"]
    busy = one.run({"sleep": 3})
    one.wait(busy, "IN_PROGRESS")
    change(one, handler=handler("two"))
    next_one = one.run({"sleep": 0})
    output = one.wait(next_one, "COMPLETED")["output"]
    assert (output["release"], output["pid"] != pid) == ("two", True)
    output = one.wait(busy, "COMPLETED")["output"]
    assert (output["release"], output["pid"]) == ("one", pid)


def test_a_server_gets_more_jobs_at_once_when_its_concurrency_grows(make_endpoint):
    def server(concurrency):
        return server_handler("model_server.py", concurrency=concurrency)

    endpoint = make_endpoint(server(1), workersMin=1, idleTimeout=600)
    message = {"role": "user", "content": "a b c d e f g h"}
    body = {"model": "tiny", "messages": [message], "stream": True, "pause": 1}
    jobs = [endpoint.run({"path": "/v1/chat/completions", "body": body}) for _ in range(3)]
    wait_for(lambda: endpoint.health()["jobs"]["inProgress"] == 1, 20, "a job in work")
    first, = workers(endpoint)
    change(endpoint, handler=server(3))
    wait_for(lambda: endpoint.health()["jobs"]["inProgress"] == 3, 5, "three jobs in work")
    there = (first["id"], 3, 2)
    wait_for(lambda: [(one["id"], one["held"], one["version"]) for one in workers(endpoint)] == [there],
             10, "the same worker with three jobs")
    for job_id in jobs:
        endpoint.cancel(job_id)
