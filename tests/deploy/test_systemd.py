"""The installed tree works where it lies, and systemd accepts its units.

systemd itself does not run here: its checkers read the units, and the test starts the command lines
that they hold, the API through systemd-socket-activate."""

import os
import re
import shutil
import signal
import socket
import subprocess

import pytest
import requests

from lint_files import ROOT
from private_redis import PrivateRedis
from processes import die_with_parent
from targets import env_file_names, unknown_arguments, unknown_variables
from transitions import wait_for

UNITS = ("millrace-redis.service", "millrace-api@8080.service", "millrace-api@8080.socket",
         "millrace-scheduler.service", "millrace-worker.service")
EXPOSURE_MAX = {"millrace-redis": 1.0, "millrace-api@": 1.5, "millrace-scheduler": 1.5,
                "millrace-worker": 2.0}


def needs(tool):
    return pytest.mark.skipif(shutil.which(tool) is None, reason="%s is not installed" % tool)


def unit_folder(prefix):
    return prefix / "lib/systemd/system"


def service(prefix, name):
    """The [Service] section: a list of values for each key."""
    text = (unit_folder(prefix) / (name + ".service")).read_text().replace("\\\n", " ")
    values = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", text, re.M):
        values.setdefault(key, []).append(value)
    return values


@needs("systemd-analyze")
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_no_fault_with_a_unit(prefix, unit):
    env = dict(os.environ, SYSTEMD_UNIT_PATH="%s:" % unit_folder(prefix))
    done = subprocess.run(["systemd-analyze", "verify", unit], env=env, capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "millrace" in line
            and not ("redis-server" in line and "not executable" in line)]
    assert ours == []


@needs("systemd-analyze")
@pytest.mark.parametrize("name", EXPOSURE_MAX)
def test_a_service_can_reach_little(prefix, name):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true",
                           str(unit_folder(prefix) / (name + ".service"))],
                          capture_output=True, text=True)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    if found is None:
        pytest.skip("this systemd-analyze cannot judge files: %s" % done.stderr.strip())
    assert float(found.group(1)) <= EXPOSURE_MAX[name], done.stdout


@needs("systemd-sysusers")
def test_user_and_folders_are_made(prefix, tmp_path):
    (tmp_path / "etc/millrace").mkdir(parents=True)
    (tmp_path / "etc/millrace/api.env").write_text("x")
    for tool, kind in (("systemd-sysusers", "sysusers.d"), ("systemd-tmpfiles", "tmpfiles.d")):
        command = [tool, "--root", str(tmp_path), str(prefix / "lib" / kind / "millrace.conf")]
        command[1:1] = ["--create"] if kind == "tmpfiles.d" else []
        done = subprocess.run(command, capture_output=True, text=True)
        if "not permitted" in done.stderr.lower():
            pytest.skip("%s needs root: %s" % (tool, done.stderr.strip()))
        assert done.returncode == 0, done.stderr
    assert re.search(r"^millrace:", (tmp_path / "etc/passwd").read_text(), re.M)
    assert (tmp_path / "etc/millrace/api.env").stat().st_mode & 0o777 == 0o640


def test_units_and_settings_name_real_flags(prefix, flags):
    common = env_file_names((prefix / "share/millrace/etc/millrace.env").read_text())
    for part in ("api", "scheduler", "worker"):
        program = "millrace-" + part
        line = service(prefix, program + ("@" if part == "api" else ""))["ExecStart"][0].split()
        assert line[0] == str(prefix / "bin" / program)
        assert unknown_arguments(line[1:], flags[program]) == []
        own = env_file_names((prefix / ("share/millrace/etc/%s.env" % part)).read_text())
        assert unknown_variables(common + own, flags[program]) == []


def test_a_stopped_program_may_finish_what_it_has(prefix, defaults):
    """An agent as long as a job may run when its endpoint does not say otherwise."""
    worker = service(prefix, "millrace-worker")
    source = (ROOT / "common/queue/endpoint.c").read_text()
    default_ms = int(re.search(r"execution_timeout_ms = (\d+)", source).group(1))
    assert int(worker["TimeoutStopSec"][0]) >= default_ms / 1000 + 30
    node = service(prefix, "millrace-api@")
    assert int(node["TimeoutStopSec"][0]) > int(defaults["millrace-api"]["--drain-timeout-ms"]) / 1000
    assert worker["KillMode"] == ["mixed"] and worker["OOMPolicy"] == ["continue"]


@needs("systemd-socket-activate")
def test_the_installed_programs_run_a_job(prefix, tmp_path):
    store, started = PrivateRedis().start(), []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {"PATH": os.environ["PATH"], "MILLRACE_REDIS": "unix://" + store.socket,
           "MILLRACE_API_KEY": "key", "MILLRACE_SLOTS": "1", "MILLRACE_SPOOL": str(tmp_path / "spool")}

    def start(name, *front):
        line = service(prefix, name)["ExecStart"][0].replace("%i", str(port)).replace("%l", "host")
        line = line.replace("--spool /var/lib/millrace-worker/spool", "").split()
        listen = ["systemd-socket-activate", "-l", "127.0.0.1:%d" % port] + [
            "-E" + key for key in env] if front else []
        started.append(subprocess.Popen([*listen, *line], env=env, cwd=tmp_path,
                                        stdout=open(tmp_path / (name + ".log"), "wb"),
                                        stderr=subprocess.STDOUT, preexec_fn=die_with_parent))
    try:
        start("millrace-api@", "socket")
        start("millrace-scheduler")
        start("millrace-worker")
        base, key = "http://127.0.0.1:%d" % port, {"Authorization": "Bearer key"}

        def serves():
            try:
                return requests.get(base + "/healthz", timeout=10).status_code == 200
            except requests.ConnectionError:
                return False
        wait_for(serves, 20, "the API behind its socket")
        document = {"id": "noop", "workersMax": 1, "handler": {"library": "noop.so"}}
        assert requests.post(base + "/v1/endpoints", json=document, headers=key, timeout=10).ok
        job = requests.post(base + "/v2/noop/runsync?wait=60000", json={"input": {"n": 1}},
                            headers=key, timeout=90).json()
        assert (job["status"], job.get("output")) == ("COMPLETED", {"n": 1}), job
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(60)
        store.stop()
