"""What handlers write, read through any API node and by the command line."""

import json
import subprocess
import threading

import pytest

from documents import document, python_handler
from millrace_up import wait_for


def logs(endpoint, **query):
    reply = endpoint.get("logs", params=query)
    assert reply.status_code == 200, reply.text
    assert reply.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in reply.text.splitlines()]


def texts(lines):
    return [line["line"] for line in lines]


def wait_line(endpoint, text, **query):
    return wait_for(lambda: [line for line in logs(endpoint, **query) if text in line["line"]], 20,
                    "%r in the logs" % text)


@pytest.fixture
def talker(make_endpoint):
    command = {"command": ["sh", "-c", "echo first byte; echo to stderr >&2; exec sleep 600"]}
    return make_endpoint(command, workersMin=1)


def test_the_first_line_is_there(talker):
    line, = wait_line(talker, "first byte")
    wait_line(talker, "to stderr")
    assert line["time"] > 1600000000000 and line["worker"].startswith("agent-0-")
    assert texts(logs(talker)) == ["first byte", "to stderr"]
    assert texts(logs(talker, tail=1)) == ["to stderr"]
    assert texts(logs(talker, after=line["id"])) == ["to stderr"]
    assert logs(talker, worker="another") == []
    assert texts(logs(talker, worker=line["worker"], tail=1)) == ["to stderr"]


def test_last_words_of_a_process_are_there(make_endpoint):
    endpoint = make_endpoint({"command": ["sh", "-c", "printf 'no newline at the end'; exit 3"]},
                             workersMin=1)
    wait_line(endpoint, "no newline at the end")


def test_lines_are_indexed_by_job(plain):
    first = plain.runsync({"do": "says", "text": "from the first"})["id"]
    second = plain.runsync({"do": "says", "text": "from the second"})["id"]
    wait_line(plain, "Finished", job=second)
    lines = logs(plain, job=second)
    assert {line["job"] for line in lines} == {second}
    assert "from the second" in texts(lines) and "from the first" not in texts(lines)
    assert any("Started" in text for text in texts(lines))
    assert "from the first" in texts(logs(plain, job=first))


def test_follow_goes_on_through_every_node(fresh_up):
    up = fresh_up("--slots", 1, "--api-nodes", 2)
    plain = up.apply(document("plain", python_handler("plain.py"), workersMin=1))
    heard = {}

    def listen(node, headers):
        url = "http://127.0.0.1:%d/v2/plain/logs?follow=1&tail=0" % (up.port + node)
        with up.session.get(url, headers=headers, stream=True, timeout=60) as reply:
            heard[node] = [reply.headers["Content-Type"]]
            for line in reply.iter_lines():
                heard[node].append(line.decode())
                if "over and out" in heard[node][-1]:
                    return
    readers = [threading.Thread(target=listen, args=(0, {}), daemon=True),
               threading.Thread(target=listen, args=(1, {"Accept": "text/event-stream"}),
                                daemon=True)]
    for reader in readers:
        reader.start()
    wait_for(lambda: len(heard) == 2, 20)
    for text in ("one", "two", "over and out"):
        plain.runsync({"do": "says", "text": text})
    for reader in readers:
        reader.join(30)
        assert not reader.is_alive()
    assert (heard[0][0], heard[1][0]) == ("application/x-ndjson", "text/event-stream")
    said = [json.loads(line)["line"] for line in heard[0][1:] if line]
    assert [text for text in said if text in ("one", "two", "over and out")] == [
        "one", "two", "over and out"]
    events = [line for line in heard[1] if line.startswith("data: ")]
    assert [json.loads(line[6:])["line"] for line in events] == said[:len(events)]
    assert any(line.startswith("id: ") for line in heard[1]) and "event: log" in heard[1]


def test_last_event_id_resumes(talker):
    wait_line(talker, "to stderr")
    first = logs(talker)[0]["id"]
    reply = talker.get("logs", headers={"Accept": "text/event-stream", "Last-Event-ID": first})
    assert "first byte" not in reply.text and "to stderr" in reply.text


def test_a_flood_is_bounded_and_does_not_stop_the_handler(plain):
    job = plain.runsync({"do": "floods", "lines": 40000})
    assert job["status"] == "COMPLETED"
    wait_line(plain, "lines are left out here", tail=5000)
    assert plain.runsync({"do": "echo"})["status"] == "COMPLETED"


def test_unknown_endpoint_and_missing_key(plain):
    assert plain.up.get("/v2/nobody/logs").status_code == 404
    assert plain.get("logs", headers={"Authorization": ""}).status_code == 401


def test_command_line(talker):
    wait_line(talker, "to stderr")
    command = [str(talker.up.build / "millrace"), "logs", talker.id, "--url", talker.up.base,
               "--api-key", talker.up.key]
    done = subprocess.run(command + ["--tail", "1"], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(" to stderr\n") and done.stdout.count("\n") == 1
    follower = subprocess.Popen(command + ["-f"], stdout=subprocess.PIPE, text=True)
    try:
        assert follower.stdout.readline().endswith("first byte\n")
        assert follower.stdout.readline().endswith("to stderr\n")
    finally:
        follower.terminate()
        follower.wait(10)
    done = subprocess.run(command + ["--job", "a/b"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and "a/b" in done.stderr
