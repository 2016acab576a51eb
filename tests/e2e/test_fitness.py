"""Is this Redis fit to keep jobs? Asked by each program when it starts, and by `millrace doctor`."""

import subprocess

import pytest

from documents import document, library_handler
from millrace_up import BUILD
from private_redis import PrivateRedis

PROGRAMS = (["millrace-api", "--listen", "127.0.0.1:0"], ["millrace-scheduler"], ["millrace-worker"])


@pytest.fixture
def evicting():
    server = PrivateRedis().start()
    server.client().config_set("maxmemory", 100 << 20)
    server.client().config_set("maxmemory-policy", "allkeys-lru")
    yield "unix://" + server.socket
    server.stop()


def start(program, *args):
    return subprocess.Popen([str(BUILD / program[0]), *program[1:], *map(str, args)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program[0])
def test_a_redis_that_evicts_is_refused(program, evicting):
    process = start(program, "--redis", evicting)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1, said
    assert "store.refused" in said and "allkeys-lru" in said and "noeviction" in said


def test_the_refusal_can_be_made_a_warning(evicting):
    process = start(PROGRAMS[1], "--redis", evicting, "--redis-check", "warn")
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "leader.gained" in line:
            break
    process.terminate()
    lines += process.communicate(timeout=20)[1].splitlines()
    assert process.returncode == 0
    assert any("store.unfit" in line and "allkeys-lru" in line for line in lines), lines


def doctor(*args):
    return subprocess.run([str(BUILD / "millrace"), "doctor", *map(str, args)], text=True,
                          capture_output=True, timeout=60)


def test_the_doctor_finds_nothing_wrong_with_up(up):
    up.apply(document("fit", library_handler("noop.so")))
    done = doctor("--data", up.data, "--url", up.base)
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("version: Redis", "maxmemory-policy is noeviction", "append-only file on", "scheduler-0 leads",
                  "agent-0", "serves", "endpoint fit"):
        assert words in done.stdout, done.stdout
    assert "refused " not in done.stdout and "\033" not in done.stdout


def test_the_doctor_names_what_is_wrong(evicting, tmp_path):
    done = doctor("--redis", evicting, "--data", tmp_path, "--url", "http://127.0.0.1:1")
    assert done.returncode == 1
    refused = [line for line in done.stdout.splitlines() if line.startswith("refused")]
    assert len(refused) == 3, done.stdout
    assert "allkeys-lru" in refused[0] and "none leads" in refused[1] and "127.0.0.1:1" in refused[2]


def test_the_doctor_without_a_redis(tmp_path):
    done = doctor("--redis", "unix://%s/none.sock" % tmp_path, "--data", tmp_path,
                  "--url", "http://127.0.0.1:1")
    assert done.returncode == 1 and "no answer" in done.stdout, done.stdout
    bad = doctor("--redis", "http://x")
    assert bad.returncode == 2 and "--redis" in bad.stderr
