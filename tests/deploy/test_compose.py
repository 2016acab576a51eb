"""deploy/compose is a valid compose file, as the schema of the tool has it, and fits the programs.

No container engine is asked here."""

import re
import shutil
import subprocess

import pytest
import yaml

from lint_files import ROOT
from targets import unknown_arguments, unknown_variables

FOLDER = ROOT / "deploy/compose"


def tool():
    """The compose of this machine, a plugin of docker or a program; None: neither."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run(
                [*command, "version"], capture_output=True).returncode == 0:
            return command
    return None


def environment(tmp_path, **values):
    lines = (FOLDER / "env.example").read_text()
    for name, value in values.items():
        lines = re.sub("^%s=.*$" % name, "%s=%s" % (name, value), lines, flags=re.M)
    (tmp_path / "env").write_text(lines)
    return str(tmp_path / "env")


def compose(tmp_path, *args, **values):
    command = tool()
    if command is None:
        pytest.skip("neither docker compose nor docker-compose is installed")
    return subprocess.run([*command, "--env-file", environment(tmp_path, **values), "-f",
                           str(FOLDER / "compose.yaml"), *args], capture_output=True, text=True)


@pytest.fixture
def services():
    """Services as any YAML reader has them, merge keys resolved."""
    return yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]


def test_the_file_is_valid(tmp_path, services):
    profiles = [word for name in ("cpu", "gpu") for word in ("--profile", name)]
    done = compose(tmp_path, *profiles, "config", REDIS_PASSWORD="pw", MILLRACE_API_KEY="k")
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)["services"]
    assert sorted(read) == sorted(services)
    assert read["api-1"]["environment"]["MILLRACE_REDIS"] == "redis://millrace:pw@redis:6379/0"


def test_a_missing_secret_is_named(tmp_path):
    done = compose(tmp_path, "config", MILLRACE_API_KEY="k")
    assert done.returncode != 0 and "REDIS_PASSWORD" in done.stderr


def test_programs_accept_what_they_are_told(services, flags):
    wrong = []
    for name, service in services.items():
        program, *args = service["command"]
        if program in flags:
            wrong += unknown_arguments(args, flags[program])
            wrong += unknown_variables(service["environment"], flags[program])
            assert "MILLRACE_REDIS" in service["environment"], name
    assert wrong == []


def test_others_can_reach_what_a_program_offers(services):
    """A name of a service in --bus and --lb, and the container answers to it."""
    for name, service in services.items():
        line = " ".join(service["command"])
        for host in re.findall(r"--bus=tcp://([^:]+):|--lb=([^:]+):", line):
            assert set(host) - {""} == {name} and service["hostname"] == name


def test_every_service_is_watched_and_bounded(services):
    for name, service in services.items():
        assert "healthcheck" in service and service["restart"] == "unless-stopped", name
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        for source in (v.split(":")[0] for v in service.get("volumes", [])):
            assert not source.startswith(".") or (FOLDER / source).exists(), source
    assert [services[name].get("profiles") for name in ("worker", "worker-gpu")] == [["cpu"], ["gpu"]]
    assert services["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]


def test_a_stopped_program_may_finish_what_it_has(services, defaults):
    drain = int(defaults["millrace-api"]["--drain-timeout-ms"]) / 1000
    assert int(services["api-1"]["stop_grace_period"].rstrip("s")) > drain
