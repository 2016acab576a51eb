"""`millrace up`: starts, refuses, survives and ends as the contract says."""

import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

import pytest

import processes
from documents import document, library_handler
from millrace_up import BUILD, Up, wait_for
from private_redis import PrivateRedis


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="mr-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def private_redis():
    server = PrivateRedis().start()
    yield server
    server.stop()


@pytest.fixture
def start(folder):
    """start(args...) starts an up on the folder; one that a failed test left running is ended."""
    started = []

    def begin(*args):
        started.append(Up(*args, data=folder))
        return started[-1].start()
    yield begin
    for up in started:
        if up.process and up.process.poll() is None:
            up.kill()


def refused(*args, **options):
    """Runs up that must not come up: (status, lines of stderr)."""
    done = subprocess.run([str(BUILD / "millrace"), "up", *map(str, args)], capture_output=True,
                          text=True, timeout=60, **options)
    assert done.stdout == ""
    return done.returncode, [line for line in done.stderr.splitlines() if line.strip()]


def free_port_pair():
    """A port that is free together with the next one."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
                return port
            except OSError:
                continue


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything(number, folder, start):
    up = start("--slots", 2)
    endpoint = up.apply(document("noop", library_handler("noop.so")))
    assert endpoint.runsync({"n": 1})["status"] == "COMPLETED"
    assert up.stop(number) == 0
    assert not list(folder.rglob("*.pid"))


def test_ctrl_c_while_jobs_run_leaves_nothing(folder, start):
    up = start("--slots", 2)
    endpoint = up.apply(document("sleeper", {"command": ["sleep", "1000"]}, workersMin=1))
    endpoint.run({})
    wait_for(lambda: any("sleep 1000" in processes.command_line(pid)
                         for pid in processes.descendants(up.process.pid)), 20)
    since = time.monotonic()
    assert up.stop() == 0
    assert time.monotonic() - since < 30


def test_killed_up_takes_all_children_along(folder, start):
    up = start("--slots", 2)
    endpoint = up.apply(document("sleeper", {"command": ["sleep", "1000"]}, workersMin=1))
    endpoint.run({})
    wait_for(lambda: any("sleep 1000" in processes.command_line(pid)
                         for pid in processes.descendants(up.process.pid)), 20)
    family = processes.descendants(up.process.pid)
    os.kill(up.process.pid, signal.SIGKILL)
    up.process.wait()
    left = processes.wait_gone(family, 10)
    lines = [processes.command_line(pid) for pid in left]
    up.kill()
    assert lines == []


def test_second_start_keeps_every_job(folder, start):
    up = start("--slots", 1)
    endpoint = up.apply(document("noop", library_handler("noop.so")))
    parked = up.apply(document("parked", library_handler("noop.so"), workersMax=0))
    finished = endpoint.runsync({"n": 1})["id"] and endpoint.run({"n": 2})
    endpoint.wait(finished)
    waiting = [parked.run({"n": n}) for n in range(3)]
    key = up.key
    assert up.stop() == 0
    again = start("--slots", 1)
    assert again.key == key
    endpoint.up = parked.up = again
    assert endpoint.status(finished)["output"] == {"n": 2}
    assert [parked.status(job_id)["status"] for job_id in waiting] == ["IN_QUEUE"] * 3
    assert parked.health()["jobs"]["inQueue"] == 3
    again.apply(document("parked", library_handler("noop.so"), workersMax=1))
    assert [parked.wait(job_id)["output"] for job_id in waiting] == [{"n": n} for n in range(3)]
    assert again.stop() == 0


def test_second_start_after_a_kill_keeps_every_job(folder, start):
    up = start("--slots", 0)
    endpoint = up.apply(document("noop", library_handler("noop.so")))
    waiting = [endpoint.run({"n": n}) for n in range(3)]
    time.sleep(1.1)  # the append-only file is synced each second
    up.kill()
    again = start("--slots", 1)
    endpoint.up = again
    assert [endpoint.wait(job_id)["output"] for job_id in waiting] == [{"n": n} for n in range(3)]
    again.stop()


def test_second_up_on_the_same_data_is_refused(fresh_up):
    up = fresh_up("--slots", 0, "--agents", 0)
    status, lines = refused("--port", 0, "--data", up.data)
    assert status == 1 and len(lines) == 1, lines
    assert str(up.data) in lines[0]
    assert up.healthy()


def test_port_in_use_is_one_line(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, lines = refused("--port", port, "--data", folder)
    assert status == 1 and len(lines) == 1, lines
    assert str(port) in lines[0] and "--port" in lines[0]
    assert processes.with_mark(str(folder)) == []


@pytest.mark.parametrize("args, named", [
    (["--port", "70000"], "70000"), (["--port", "x"], "x"), (["--slots", "-1"], "-1"),
    (["--redis", "http://x"], "http://x"), (["--nonsense"], "--nonsense"),
    (["--agents", "many"], "many"), (["extra"], "extra")])
def test_bad_arguments_are_one_line_and_exit_2(folder, args, named):
    status, lines = refused("--data", folder, *args)
    assert status == 2 and len(lines) == 1, lines
    assert named in lines[0]


def test_redis_that_may_throw_jobs_away_is_refused_with_its_reason(folder, private_redis):
    private_redis.client().config_set("maxmemory-policy", "allkeys-lru")
    private_redis.client().config_set("maxmemory", "100mb")
    status, lines = refused("--port", 0, "--data", folder, "--redis",
                            "unix://" + private_redis.socket)
    assert status == 1 and len(lines) == 1, lines
    assert "allkeys-lru" in lines[0] and "noeviction" in lines[0]


def test_wait_for_a_redis_that_is_away_is_told(folder):
    missing = "unix://%s/none.sock" % folder
    with subprocess.Popen([str(BUILD / "millrace"), "up", "--port", "0", "--data", str(folder),
                           "--redis", missing], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, preexec_fn=processes.die_with_parent) as up:
        line = up.stderr.readline()
        up.terminate()
        up.communicate()
    assert "waiting for API node 0" in line and "No such file" in line, line
    assert up.returncode == 0


def test_broken_endpoint_document_is_one_line(folder):
    for text, named in (("{", "broken.json"), ('{"id":"x","handler":{"command":["a"]},"no":1}', "no"),
                        ('{"id":"x"}', "handler")):
        path = folder / "broken.json"
        path.write_text(text)
        status, lines = refused("--port", 0, "--data", folder / "d", "--endpoint", path)
        assert status in (1, 2) and lines, (status, lines)
        assert named in lines[-1] and "broken.json" in lines[-1]
    assert not any((folder / "d").rglob("*.pid"))


def test_missing_endpoint_document_is_one_line(folder):
    status, lines = refused("--port", 0, "--data", folder / "d", "--endpoint", folder / "none.json")
    assert status in (1, 2) and "none.json" in lines[-1]


def test_data_folder_that_cannot_be_made_is_one_line(folder):
    (folder / "file").write_text("")
    status, lines = refused("--port", 0, "--data", folder / "file")
    assert status in (1, 2) and len(lines) == 1, lines
    assert str(folder / "file") in lines[0]


@pytest.mark.parametrize("data, is_file", [("d", "d"), ("d/e/f", "d/e"), ("d", "d/redis"),
                                           ("d", "d/log")])
def test_a_file_where_a_folder_has_to_be_is_named(folder, data, is_file):
    (folder / is_file).parent.mkdir(exist_ok=True)
    (folder / is_file).write_text("")
    status, lines = refused("--port", 0, "--data", folder / data)
    assert status == 1 and len(lines) == 1, lines
    assert "%s is not a folder: " % (folder / is_file) in lines[0]
    assert "--data" in lines[0] and "ermission" not in lines[0]


@pytest.mark.parametrize("program, args, said", [
    ("millrace-worker", ["--spool", "{file}"], "{file} is not a folder"),
    ("millrace-worker", ["--spool", "{file}/x"], "{file} is not a folder"),
    ("millrace-worker", ["--fake-gpus", "{dir}"], "a folder, not a file"),
    ("millrace-worker", ["--container-runtime", "{dir}"], "a folder, not a program"),
    ("millrace-api", ["--webhook-ca", "{dir}"], "a folder, not a file"),
    ("millrace-api", ["--webhook-ca", "{dir}/none"], "no such file"),
    ("millrace-api", ["--webhook-ca", "{file}"], "no certificates in PEM"),
    ("millrace-scheduler", ["--kubernetes-ca", "{dir}"], "a folder, not a file"),
    ("millrace-scheduler", ["--kubernetes-ca", "{file}"], "no certificates in PEM"),
    ("millrace-scheduler", ["--kubernetes-token-file", "{dir}"], "a folder, not a file"),
    ("millrace-scheduler", ["--kubernetes-pod-template", "{dir}"], "a folder, not a file")])
def test_a_path_of_the_wrong_kind_is_one_line(folder, program, args, said):
    paths = {"dir": folder / "dir", "file": folder / "file"}
    paths["dir"].mkdir()
    paths["file"].write_text("")
    args = [arg.format(**paths) for arg in args]
    if program == "millrace-scheduler":
        args += ["--driver", "kubernetes", "--kubernetes-url", "https://127.0.0.1:1",
                 "--kubernetes-agent-image", "x"]
    done = subprocess.run([str(BUILD / program), "--redis", "unix://%s/none" % folder, *args],
                          capture_output=True, text=True, timeout=20)
    lines = (done.stdout + done.stderr).splitlines()
    assert done.returncode in (1, 2) and len(lines) == 1, lines
    assert said.format(**paths) in lines[0] and str(folder) in lines[0]


def test_endpoint_files_are_applied(fresh_up, folder):
    import json
    path = folder / "noop.json"
    path.write_text(json.dumps(document("from-file", library_handler("noop.so"))))
    up = fresh_up("--slots", 1, "--endpoint", path)
    reply = up.post("/v2/from-file/runsync", {"input": 5}).json()
    assert (reply["status"], reply["output"]) == ("COMPLETED", 5)


def test_key_file_is_private(up):
    path = up.data / "api-key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(up.key) >= 20


def test_given_key_is_the_admin_key(fresh_up):
    up = fresh_up("--agents", 0, "--api-key", "my-own-key-0123456789")
    assert up.post("/v1/endpoints", document("x", {"command": ["true"]})).status_code == 200


def test_layout_of_the_data_folder(up):
    for name in ("redis", "api-0", "scheduler-0", "agent-0"):
        assert processes.alive(up.pid(name)), name
        assert (up.data / "log" / (name + ".log")).exists()
    assert not (up.data / "log" / "redis.log").read_text().count("6379 ")


def test_several_api_nodes_serve_the_same_jobs(fresh_up):
    import requests
    up = fresh_up("--slots", 1, "--api-nodes", 2, port=free_port_pair())
    endpoint = up.apply(document("noop", library_handler("noop.so")))
    headers = {"Authorization": "Bearer " + up.key}
    second = "http://127.0.0.1:%d/v2/noop/" % (up.port + 1)
    wait_for(lambda: requests.post(second + "run", json={"input": 1}, headers=headers).ok, 10)
    reply = requests.post(second + "runsync", json={"input": {"n": 2}}, headers=headers).json()
    assert reply["output"] == {"n": 2}
    assert endpoint.status(reply["id"])["output"] == {"n": 2}
    job_id = endpoint.run({"n": 3})
    sync = requests.get(second + "status-sync/" + job_id, headers=headers).json()
    assert sync["output"] == {"n": 3}


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_full_disk_is_one_line_and_no_accepted_job_is_lost(folder, start):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder],
                      capture_output=True).returncode:
        pytest.skip("no right to mount")
    try:
        check_full_disk(start)
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def check_full_disk(start):
    up = start("--agents", 0)
    endpoint = up.apply(document("parked", {"command": ["true"]}, workersMax=1000))
    accepted, refusal = [], None
    for _ in range(60):
        reply = endpoint.post("run", json={"input": "x" * 100000})
        if reply.status_code != 200:
            refusal = reply
            break
        accepted.append(reply.json()["id"])
    assert refusal is not None and refusal.status_code in (500, 503), refusal
    assert "disk" in refusal.json()["error"].lower() or "space" in refusal.json()["error"].lower()
    assert accepted and all(endpoint.status(job_id)["status"] == "IN_QUEUE" for job_id in accepted)
    up.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_up_on_a_full_disk_says_so(folder):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder],
                      capture_output=True).returncode:
        pytest.skip("no right to mount")
    try:
        with open(folder / "filler", "wb") as file:
            try:
                file.write(b"x" * 100000)
                file.flush()
            except OSError:
                pass
        status, lines = refused("--port", 0, "--data", folder)
        assert status == 1 and len(lines) == 1, lines
        assert "space" in lines[0].lower() or "full" in lines[0].lower()
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def test_idle_takes_less_than_one_percent_of_a_core(fresh_up):
    up = fresh_up("--slots", 2)
    endpoint = up.apply(document("noop", library_handler("noop.so"), workersMin=1))
    assert endpoint.runsync({})["status"] == "COMPLETED"
    time.sleep(5)
    family = [up.process.pid, *processes.descendants(up.process.pid)]
    before, since = processes.cpu_seconds(family), time.monotonic()
    time.sleep(10)
    share = (processes.cpu_seconds(family) - before) / (time.monotonic() - since)
    assert share < 0.01, "%.2f %% of a core: %s" % (
        100 * share, {processes.command_line(pid)[:60]: processes.cpu_seconds([pid]) for pid in family})


def test_help_and_version():
    for program in ("millrace", "millrace-api", "millrace-scheduler", "millrace-worker"):
        for flag in ("--help", "--version"):
            done = subprocess.run([str(BUILD / program), flag], capture_output=True, text=True)
            assert done.returncode == 0 and done.stdout.strip(), (program, flag)
        bad = subprocess.run([str(BUILD / program), "--no-such-flag"], capture_output=True, text=True)
        assert bad.returncode == 2 and "--no-such-flag" in bad.stderr
        assert len(bad.stderr.strip().splitlines()) == 1


def test_a_bad_redis_url_is_named_without_its_password():
    for program in ("millrace-api", "millrace-scheduler", "millrace-worker"):
        bad = subprocess.run([str(BUILD / program), "--redis", "redis://me:s3cret@host:99999999"],
                             capture_output=True, text=True, timeout=20)
        assert bad.returncode == 2 and "--redis" in bad.stderr and "port" in bad.stderr
        assert "s3cret" not in bad.stderr and bad.stderr.count("\n") == 1


def test_no_secret_stands_on_a_command_line(up):
    """Command lines are readable by everybody on the machine; a Redis URL may hold a password."""
    lines = [processes.command_line(pid) for pid in processes.descendants(up.process.pid)]
    assert lines and not [line for line in lines if up.key in line or "redis.sock?" in line
                          or "--redis" in line]
