"""deploy/redis: the sample settings start a Redis that keeps jobs, and its user may do what Millrace
does and nothing else."""

import re
import socket
import subprocess

import pytest
import redis

from lint_files import ROOT, tracked
from millrace_up import BUILD, Up
from processes import die_with_parent
from transitions import wait_for

FOLDER = ROOT / "deploy/redis"
PASSWORD = "a-pass/word"


def granted():
    """Commands of the user `millrace`; a sub-command counts as its command."""
    line = re.search(r"^user millrace .*$", (FOLDER / "users.acl").read_text(), re.M).group(0)
    return set(re.findall(r"\+(\w+)", line))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server(tmp_path):
    """redis-server on the sample files, with a password of its own; .admin may do everything."""
    users = (FOLDER / "users.acl").read_text().replace("CHANGE-ME", PASSWORD)
    (tmp_path / "users.acl").write_text(users + "user admin on nopass ~* &* +@all\n")
    port = free_port()
    process = subprocess.Popen(
        ["redis-server", str(FOLDER / "redis.conf"), "--dir", str(tmp_path), "--bind", "127.0.0.1",
         "--port", str(port), "--aclfile", str(tmp_path / "users.acl")],
        stdout=open(tmp_path / "log", "wb"), stderr=subprocess.STDOUT, preexec_fn=die_with_parent)
    admin = redis.Redis(port=port, username="admin", password="x", decode_responses=True)

    def answers():
        assert process.poll() is None, (tmp_path / "log").read_text()
        try:
            return admin.ping()
        except redis.ConnectionError:
            return False
    wait_for(answers, 20, "redis-server")
    yield admin
    admin.close()
    process.terminate()
    process.wait(20)


def test_the_settings_keep_jobs(server):
    kept = server.config_get("*")
    assert (kept["maxmemory-policy"], kept["appendonly"], kept["save"]) == ("noeviction", "yes", "")
    assert server.info("persistence")["aof_enabled"] == 1


def test_the_user_is_granted_the_commands_that_the_sources_send(server):
    known = {name.lower() for name in server.execute_command("COMMAND LIST")}
    scripts = "\n".join(path.read_text() for path in tracked(".lua"))
    used = {name.lower() for name in re.findall(r"redis\.p?call\(\s*['\"](\w+)['\"]", scripts)}
    for path in tracked(".c"):
        part = path.relative_to(ROOT).parts
        if part[0] in ("api", "common", "scheduler", "worker") and part[1] not in ("cli", "sdk"):
            words = re.findall(r'(?:"|\\n)([A-Z]{3,})(?:"|\\r)', path.read_text())
            used |= {word.lower() for word in words} & known
    assert " ".join(sorted(used - granted())) == "", "commands that users.acl does not allow"
    risky = set(server.execute_command("ACL CAT", "dangerous"))
    assert " ".join(sorted((granted() - used) & risky)) == "", "commands allowed in vain"


def use_all_of_it(up):
    """At least one call of each kind."""
    endpoint = up.apply({"id": "noop", "workersMax": 2, "handler": {"library": "noop.so"}})
    assert endpoint.runsync({"n": 1})["output"] == {"n": 1}
    job = endpoint.run({"n": 2}, webhook="http://127.0.0.1:9/x")
    assert endpoint.wait(job)["status"] == "COMPLETED"
    assert endpoint.stream(job)[0] == "COMPLETED"
    for path in ("requests", "autoscaler", "logs", "webhook-redeliver/" + job):
        assert endpoint.get(path).status_code == 200, path
    for path in ("retry/" + job, "cancel/" + job, "purge-queue"):
        assert endpoint.post(path).status_code < 500, path
    made = up.post("/v1/keys", {"name": "x", "scopes": {"noop": ["run"]}}).json()
    assert up.get("/v1/keys").status_code == 200
    assert up.request("DELETE", "/v1/keys/" + made["id"]).status_code in (200, 204)
    assert endpoint.delete().status_code == 204


@pytest.mark.skipif(not (BUILD / "millrace").exists(), reason="%s is not built" % BUILD)
def test_millrace_runs_as_that_user(server):
    """A log without entries: nothing was refused. The store's error texts are not enough, because a
    refused hint is silent."""
    port = server.connection_pool.connection_kwargs["port"]
    url = "redis://millrace:%s@127.0.0.1:%d/0" % (PASSWORD, port)
    up = Up("--redis", url, "--slots", 2).start()
    try:
        use_all_of_it(up)
        up.stop()
    finally:
        up.kill()
        up.remove()
    assert server.execute_command("ACL", "LOG") == []


def test_the_user_may_not_touch_anything_else(server):
    port = server.connection_pool.connection_kwargs["port"]
    user = redis.Redis(port=port, username="millrace", password=PASSWORD, decode_responses=True)
    for command in (["GET", "other"], ["FLUSHALL"], ["CONFIG", "SET", "appendonly", "no"],
                    ["KEYS", "*"], ["SUBSCRIBE", "other"], ["ACL", "LIST"], ["SHUTDOWN"]):
        with pytest.raises(redis.exceptions.NoPermissionError):
            user.execute_command(*command)
    nobody = redis.Redis(port=port)
    assert nobody.ping()  # for probes
    with pytest.raises(redis.exceptions.NoPermissionError):
        nobody.get("mr:x")
