"""The command line against a running up: results on stdout, problems in one line, exit codes."""

import json
import subprocess

import pytest

from documents import document, library_handler, python_handler
from millrace_up import BUILD
from transitions import wait_for


@pytest.fixture
def cli(up):
    def run(*args, key=up.key, stdin=None):
        import os
        env = dict(os.environ, MILLRACE_URL=up.base.rsplit("/", 1)[0], MILLRACE_API_KEY=key)
        return subprocess.run([str(BUILD / "millrace"), *args], capture_output=True, text=True,
                              env=env, input=stdin, timeout=90)
    return run


def results(done, code=0):
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def one_line(done, code):
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr


def test_run_status(cli, noop):
    job = results(cli("run", noop.id, '{"n": 1}'))
    noop.wait(job["id"])
    assert results(cli("status", noop.id, job["id"]))["output"] == {"n": 1}


def test_runsync(cli, noop):
    assert results(cli("runsync", noop.id, '{"n": 2}'))["output"] == {"n": 2}


def test_stream(cli, make_endpoint):
    endpoint = make_endpoint(python_handler("words.py"))
    job = results(cli("run", endpoint.id, '{"text": "one two three"}'))
    done = cli("stream", endpoint.id, job["id"])
    assert done.returncode == 0, done.stderr
    assert [word for word in ("one", "two", "three") if word in done.stdout] == ["one", "two", "three"]


def test_cancel(cli, parked):
    job = results(cli("run", parked.id, "{}"))
    assert results(cli("cancel", parked.id, job["id"]))["status"] == "CANCELLED"


def test_health(cli, parked):
    assert results(cli("health", parked.id))["jobs"]["inQueue"] == 0


def test_endpoints_apply_list_get_delete(cli, up, tmp_path):
    path = tmp_path / "document.json"
    path.write_text(json.dumps(document("from-cli", library_handler("noop.so"))))
    assert cli("endpoints", "apply", "-f", str(path)).returncode == 0
    try:
        assert "from-cli" in cli("endpoints", "list").stdout
        assert results(cli("runsync", "from-cli", "7"))["output"] == 7
    finally:
        assert cli("endpoints", "delete", "from-cli").returncode == 0
    assert "from-cli" not in cli("endpoints", "list").stdout


def test_an_endpoint_that_was_got_can_be_applied(cli, up, tmp_path):
    path = tmp_path / "document.json"
    body = document("from-get", {"command": ["true"]}, workersMax=0,
                    webhookSecret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    path.write_text(json.dumps(body))
    assert cli("endpoints", "apply", "-f", str(path)).returncode == 0
    try:
        got = results(cli("endpoints", "get", "from-get"))
        assert (got["webhookSecret"], got["version"]) == ("***", 1)
        path.write_text(json.dumps(dict(got, idleTimeout=9)))
        applied = results(cli("endpoints", "apply", "-f", str(path)))
        assert applied == dict(got, idleTimeout=9, version=2)
    finally:
        assert cli("endpoints", "delete", "from-get").returncode == 0


@pytest.mark.parametrize("endpoint_id", ["", "a b", "../keys", "a?b", "a/update"])
def test_apply_names_a_malformed_id(cli, tmp_path, endpoint_id):
    path = tmp_path / "document.json"
    path.write_text(json.dumps(document(endpoint_id, {"command": ["true"]})))
    refused = cli("endpoints", "apply", "-f", str(path))
    assert refused.returncode == 1
    assert 'id is "%s": use 1 to 63 of a-z' % endpoint_id in refused.stderr


def test_keys_create_list_revoke(cli, parked):
    made = results(cli("keys", "create", "my shop", "--scope", parked.id + "=read",
                       "--scope", "*=cancel", "--expires", "2099-01-01T00:00:00Z"))
    assert made["name"] == "my shop"
    assert made["scopes"] == {parked.id: ["read"], "*": ["cancel"]}
    assert made["id"] in [key["id"] for key in results(cli("keys", "list"))]
    assert results(cli("health", parked.id, key=made["key"]))["jobs"]["inQueue"] == 0
    assert "run" in one_line(cli("run", parked.id, "{}", key=made["key"]), 1)
    assert cli("keys", "revoke", made["id"]).returncode == 0
    assert "key" in one_line(cli("health", parked.id, key=made["key"]), 1)
    assert "key" in one_line(cli("keys", "revoke", made["id"]), 1)


def test_keys_bad_usage(cli):
    assert "NAME" in one_line(cli("keys", "create"), 2)
    assert "--scope" in one_line(cli("keys", "create", "n"), 2)
    assert "render" in one_line(cli("keys", "create", "n", "--scope", "render"), 2)
    assert '"run"' in one_line(cli("keys", "create", "n", "--scope", "render=fly"), 1)
    assert "ID" in one_line(cli("keys", "revoke"), 2)
    assert "revoke" in one_line(cli("keys", "burn"), 2)


def test_retry_purge_requests(cli, plain, parked):
    job = results(cli("runsync", plain.id, '{"do": "error"}'), 3)["id"]
    assert results(cli("retry", plain.id, job))["status"] == "IN_QUEUE"
    assert job in [one["id"] for one in results(cli("requests", plain.id))["requests"]]
    parked.run({})
    assert results(cli("purge", parked.id))["removed"] == 1


def test_workers(cli, make_endpoint):
    endpoint = make_endpoint(python_handler("plain.py"), workersMin=1)
    worker, = wait_for(lambda: results(cli("workers", endpoint.id)), 60, "a worker")
    assert (worker["endpoint"], worker["agent"]) == (endpoint.id, "agent-0")
    assert worker["id"] in [one["id"] for one in results(cli("workers"))]
    assert "endpoint" in one_line(cli("workers", "no-such"), 1)


@pytest.mark.parametrize("command", ["keys", "keys create", "keys list", "keys revoke", "retry",
                                     "purge", "requests", "workers"])
def test_help_tells_the_usage(cli, command):
    done = cli(*command.split(), "--help")
    assert done.returncode == 0
    assert "millrace " + command in done.stdout


def test_broken_document_is_one_line(cli, tmp_path):
    path = tmp_path / "document.json"
    path.write_text('{"id": "x", "colour": 1, "handler": {"command": ["true"]}}')
    assert "colour" in one_line(cli("endpoints", "apply", "-f", str(path)), 1)


def test_health_without_an_endpoint_asks_whether_the_node_serves(cli, up):
    assert results(cli("health", key=""))["status"] == "ok"
    assert "nothing answers" in one_line(cli("health", "--url", "http://127.0.0.1:1"), 1).lower()


def test_wrong_key_is_one_line(cli, parked):
    assert "key" in one_line(cli("health", parked.id, key="wrong"), 1).lower()


def test_unknown_endpoint_and_job_are_one_line(cli, parked):
    assert "endpoint" in one_line(cli("health", "no-such"), 1)
    assert "job" in one_line(cli("status", parked.id, "no-such"), 1)


def test_bad_usage_is_exit_2(cli, parked):
    one_line(cli("no-such-command"), 2)
    one_line(cli("status", parked.id), 2)
    one_line(cli("run", parked.id, "{"), 2)


def test_failed_job_is_told_by_the_exit_code(cli, plain):
    done = cli("runsync", plain.id, '{"do": "error"}')
    assert (done.returncode, json.loads(done.stdout)["status"]) == (3, "FAILED")


@pytest.mark.parametrize("code, state", [(4, "CANCELLED"), (6, "IN_QUEUE")])
def test_status_tells_the_state_by_the_exit_code(cli, parked, code, state):
    job_id = parked.run({})
    if state == "CANCELLED":
        parked.cancel(job_id)
    assert results(cli("status", parked.id, job_id), code)["status"] == state


def test_unreachable_server_is_one_line(up):
    done = subprocess.run([str(BUILD / "millrace"), "health", "x", "--url", "http://127.0.0.1:1",
                           "--api-key", "k"], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and len(done.stderr.strip().splitlines()) == 1
