"""Server-Sent Events of one job: complete, once, in order, whatever breaks on the way."""

import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
import redis

import node_sdk
from documents import document, python_handler
from millrace_up import wait_for
from raw_worker import RawWorker, puppet_handler
from sse import SseReader


def stage_on(up, folder, endpoint_id, count=1, **settings):
    """An endpoint and the raw workers that have come up for it."""
    endpoint = up.apply(document(endpoint_id, puppet_handler(folder), workersMin=count,
                                 workersMax=count, **settings))
    return endpoint, RawWorker.wait_all(folder, count)


@pytest.fixture
def pair(up, make_endpoint, tmp_path):
    endpoint = make_endpoint(puppet_handler(tmp_path), workersMin=1, workersMax=1)
    (worker,) = RawWorker.wait_all(tmp_path)
    return endpoint, worker


def take_job(endpoint, worker):
    job_id = endpoint.run({})
    assert worker.take()["id"] == job_id
    return job_id


def say(worker, job_id, numbers, pause=0.0):
    """Posts one chunk for each number; returns when each was posted."""
    posted = []
    for number in numbers:
        posted.append(time.monotonic())
        worker.chunk(job_id, '{"output": %d}' % number)
        time.sleep(pause)
    return posted


def delays(reader, posted):
    at = [event.at for event in reader.events if event.name == "chunk"]
    return [there - here for here, there in zip(posted, at)]


def test_the_events_of_a_job(pair):
    endpoint, worker = pair
    job_id = endpoint.run({})
    reader = SseReader.of(endpoint, job_id)
    reader.wait(lambda r: r.states() == ["IN_QUEUE"])
    worker.take()
    reader.wait(lambda r: r.states() == ["IN_QUEUE", "IN_PROGRESS"])
    say(worker, job_id, range(2))
    reader.wait(lambda r: len(r.chunks()) == 2)
    worker.progress(job_id, "half")
    reader.wait(lambda r: len(r.named("status")) == 3)
    say(worker, job_id, range(2, 4))
    worker.done(job_id, '{"output": "all"}')
    reader.wait_over()
    assert [event.name for event in reader.events] == [
        "status", "status", "chunk", "chunk", "status", "chunk", "chunk", "status"]
    assert reader.outputs() == [0, 1, 2, 3]
    assert reader.named("status")[2]["output"] == "half"
    assert reader.named("status")[-1] == endpoint.status(job_id)
    assert reader.headers["Content-Type"] == "text/event-stream"
    assert reader.headers["Cache-Control"] == "no-cache"
    assert reader.breaks == []


def test_start_chunks_and_end_come_by_the_bus(pair):
    endpoint, worker = pair
    job_id = endpoint.run({})
    reader = SseReader.of(endpoint, job_id)
    reader.wait(lambda r: r.states())
    at = [time.monotonic()]
    worker.take()
    reader.wait(lambda r: len(r.states()) == 2)
    at += say(worker, job_id, range(20), pause=0.05)
    worker.done(job_id, "{}")
    at.append(time.monotonic())
    reader.wait_over()
    late = [event.at - since for event, since in zip(reader.events[1:], at)]
    assert sorted(late)[len(late) // 2] < 0.1 and max(late) < 0.8, late


def test_reading_consumes_nothing(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    readers = [SseReader.of(endpoint, job_id) for _ in range(3)]
    say(worker, job_id, range(50))
    worker.done(job_id, "{}", stream="true")
    readers += [SseReader.of(endpoint, job_id)]
    assert endpoint.stream(job_id) == ("COMPLETED", [{"output": n} for n in range(50)])
    readers += [SseReader.of(endpoint, job_id)]
    for reader in readers:
        assert reader.wait_over().outputs() == list(range(50))


def test_elements_are_the_bytes_of_the_worker(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    tricky = '{"output": {"n": 9007199254740993, "s": "\\u00e9\\ud83d\\ude00 grüße"}, "m": 1e400}'
    folded = '{\n  "output": [\r\n    1\n  ]\n}'
    worker.chunk(job_id, tricky)
    worker.chunk(job_id, folded)
    worker.done(job_id, '{\n"output": {"a":\n1}}')
    reader = SseReader.of(endpoint, job_id).wait_over()
    assert [event.data for event in reader.events[:2]] == [tricky, folded.replace("\r", "")]
    assert reader.named("status")[-1]["output"] == {"a": 1}


def test_an_ended_job_gives_its_chunks_then_its_status(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    say(worker, job_id, range(3))
    worker.done(job_id, '{"error": "broke"}')
    endpoint.wait(job_id)
    reader = SseReader.of(endpoint, job_id).wait_over()
    assert [event.name for event in reader.events] == ["chunk"] * 3 + ["status"]
    assert reader.named("status")[-1]["error"] == "broke"


@pytest.mark.parametrize("is_running", [False, True])
def test_cancel_ends_the_events(pair, is_running):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker) if is_running else endpoint.run({})
    reader = SseReader.of(endpoint, job_id)
    reader.wait(lambda r: r.states())
    endpoint.cancel(job_id)
    assert reader.wait_over(5).states()[-1] == "CANCELLED"


def test_unknown_job_and_wrong_method(parked):
    reply = parked.get("events", "no-such-job")
    assert (reply.status_code, reply.headers["Content-Type"]) == (404, "application/json")
    job_id = parked.run({})
    assert parked.post("events", job_id).status_code == 405


@pytest.mark.parametrize("last_id, first", [("garbage", 0), ("-5", 0), ("", 0), ("1.7", 0)])
def test_an_id_that_is_none_starts_at_the_beginning(pair, last_id, first):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    say(worker, job_id, range(3))
    worker.done(job_id, "{}")
    assert SseReader.of(endpoint, job_id, last_id=last_id).wait_over().outputs() == [0, 1, 2]


def test_each_id_resumes_right_behind_its_event(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    whole = SseReader.of(endpoint, job_id)
    whole.wait(lambda r: r.states())
    say(worker, job_id, range(3))
    whole.wait(lambda r: len(r.chunks()) == 3)
    worker.progress(job_id, 1)
    whole.wait(lambda r: len(r.named("status")) == 2)
    say(worker, job_id, range(3, 6))
    worker.done(job_id, "{}")
    whole.wait_over()
    for number, event in enumerate(whole.events):
        rest = [after.data for after in whole.events[number + 1:] if after.name == "chunk"]
        reader = SseReader.of(endpoint, job_id, last_id=event.id).wait_over()
        assert [e.data for e in reader.events if e.name == "chunk"] == rest
        assert int(reader.events[0].id) > int(event.id)


def test_a_reader_that_was_cut_resumes_without_loss_or_repeat(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    reader = SseReader.of(endpoint, job_id)
    speaker = threading.Thread(target=say, args=(worker, job_id, range(600), 0.002))
    speaker.start()
    for count in (100, 250, 400):
        reader.wait(lambda r: len(r.chunks()) > count)
        reader.drop()
    speaker.join()
    worker.done(job_id, "{}", stream="true")
    reader.wait_over()
    assert len(reader.breaks) >= 3
    assert reader.outputs() == list(range(600))


@pytest.mark.timeout(180)
def test_2000_chunks_at_200_a_second_reach_every_kind_of_reader(runpod, make_endpoint):
    words = make_endpoint(python_handler("words.py"), workersMax=4)
    text = " ".join(map(str, range(2000)))
    jobs = [words.run({"text": text, "pause": 0.005}) for _ in range(3)]
    readers = [SseReader.of(words, jobs[0], timeout=120) for _ in range(2)]
    got = {}

    def read_as_python():
        job = runpod.Endpoint(words.id).rp_client and runpod.endpoint.runner.Job(
            words.id, jobs[1], runpod.Endpoint(words.id).rp_client)
        got["python"] = list(job.stream())

    def read_as_go():
        got["go"] = []
        while True:
            page = words.post("stream", jobs[2], params={"wait": 90000}).json()
            got["go"] += [chunk["output"] for chunk in page["stream"]]
            if page["status"] not in ("IN_QUEUE", "IN_PROGRESS"):
                return

    def read_as_javascript():  # the SDK starts its own job
        answer = node_sdk.call(words.up, words.id, "stream", {"text": text, "pause": 0.005})
        got["javascript"] = [item["output"] for item in answer["items"]]
    kinds = [read_as_python, read_as_go] + ([] if node_sdk.missing() else [read_as_javascript])
    others = [threading.Thread(target=one) for one in kinds]
    for one in others:
        one.start()
    for reader in readers:
        reader.wait_over(120)
        assert reader.outputs() == text.split()
        assert reader.states()[-1] == "COMPLETED" and reader.breaks == []
    for one in others:
        one.join(120)
    assert len(got) == len(kinds)
    for kind, words_read in got.items():
        assert words_read == text.split(), kind


def test_a_killed_handler_starts_over_with_a_marker(up, make_endpoint, tmp_path):
    endpoint = make_endpoint(puppet_handler(tmp_path), workersMin=1, workersMax=1)
    (first,) = RawWorker.wait_all(tmp_path)
    job_id = take_job(endpoint, first)
    reader = SseReader.of(endpoint, job_id)
    say(first, job_id, range(5))
    reader.wait(lambda r: len(r.chunks()) == 5)
    before = reader.last_id
    os.kill(int(first.env["PUPPET_PID"]), signal.SIGKILL)
    reader.wait(lambda r: "IN_QUEUE" in r.states())
    second = wait_for(lambda: next((worker for worker in RawWorker.wait_all(tmp_path)
                                    if worker.id != first.id), None), 30)
    assert second.take()["id"] == job_id
    say(second, job_id, range(10, 13))
    second.done(job_id, '{"output": 1}')
    reader.wait_over()
    marks = [number for number, event in enumerate(reader.events) if event.name == "attempt"]
    assert len(marks) == 1 and reader.named("attempt") == [{"attempt": 2}]
    outputs = [json.loads(e.data)["output"] for e in reader.events[marks[0]:] if e.name == "chunk"]
    assert outputs == [10, 11, 12]
    assert reader.outputs() == [0, 1, 2, 3, 4, 10, 11, 12]
    late = SseReader.of(endpoint, job_id, last_id=before).wait_over()
    assert [event.name for event in late.events] == ["attempt"] + ["chunk"] * 3 + ["status"]
    assert SseReader.of(endpoint, job_id).wait_over().outputs() == [10, 11, 12]


def test_a_retried_job_has_a_new_stream(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    say(worker, job_id, range(3))
    worker.done(job_id, '{"error": "once"}')
    first = SseReader.of(endpoint, job_id).wait_over()
    assert endpoint.post("retry", job_id).status_code == 200
    again = SseReader.of(endpoint, job_id, last_id=first.last_id)
    fresh = SseReader.of(endpoint, job_id)
    assert worker.take()["id"] == job_id
    say(worker, job_id, range(7, 9))
    worker.done(job_id, "{}")
    assert fresh.wait_over().outputs() == [7, 8]
    assert again.wait_over().outputs() == [7, 8]
    assert again.events[0].name == "attempt"


@pytest.mark.timeout(120)
def test_a_killed_node_costs_nothing(fresh_up, tmp_path):
    up = fresh_up("--api-nodes", 2, "--slots", 1)
    endpoint, (worker,) = stage_on(up, tmp_path, "two-nodes")
    bases = ["http://127.0.0.1:%d" % (up.port + n) for n in range(2)]
    job_id = take_job(endpoint, worker)
    reader = SseReader(endpoint.path("events", job_id), up.key, *bases)
    reader.start()
    speaker = threading.Thread(target=say, args=(worker, job_id, range(400), 0.005))
    speaker.start()
    reader.wait(lambda r: len(r.chunks()) > 100)
    os.kill(up.pid("api-0"), signal.SIGKILL)
    speaker.join()
    worker.done(job_id, "{}", stream="true")
    reader.wait_over()
    assert reader.breaks
    assert reader.outputs() == list(range(400))


@pytest.mark.timeout(120)
def test_a_node_that_stops_ends_the_answer_and_the_reader_resumes(fresh_up, tmp_path):
    up = fresh_up("--slots", 1)
    endpoint, (worker,) = stage_on(up, tmp_path, "one-node")
    job_id = take_job(endpoint, worker)
    reader = SseReader.of(endpoint, job_id)
    speaker = threading.Thread(target=say, args=(worker, job_id, range(300), 0.005))
    speaker.start()
    reader.wait(lambda r: len(r.chunks()) > 100)
    os.kill(up.pid("api-0"), signal.SIGTERM)
    speaker.join()
    worker.done(job_id, "{}", stream="true")
    reader.wait_over()
    assert reader.breaks == ["end"]
    assert reader.outputs() == list(range(300))


@pytest.mark.timeout(120)
def test_without_the_bus_redis_heals_in_time(fresh_up, tmp_path):
    """The watchers of the job are misled all the time, so no frame finds its way."""
    up = fresh_up("--slots", 1)
    endpoint, (worker,) = stage_on(up, tmp_path, "no-bus")
    job_id = endpoint.run({})
    store = redis.Redis(unix_socket_path=str(up.data / "redis/redis.sock"))
    stopping = threading.Event()

    def mislead():
        while not stopping.wait(0.002):
            store.hset("mr:{no-bus}:job:" + job_id, "wt", "127.0.0.1:9+")
    liar = threading.Thread(target=mislead)
    liar.start()
    reader = SseReader.of(endpoint, job_id)
    assert worker.take()["id"] == job_id
    posted = say(worker, job_id, range(300), pause=0.01)
    worker.done(job_id, "{}", stream="true")
    ended = time.monotonic()
    reader.wait_over()
    stopping.set()
    liar.join()
    late = delays(reader, posted)
    assert reader.outputs() == list(range(300))
    assert max(late) < 1.5 and reader.events[-1].at - ended < 1.5
    assert max(late) > 0.3, "the bus was really cut"


@pytest.mark.timeout(120)
def test_a_slow_reader_gets_all_and_holds_nobody_up(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", endpoint.up.port))
    slow.sendall(("GET %s HTTP/1.0\r\nAuthorization: Bearer %s\r\n\r\n" % (
        endpoint.path("events", job_id), endpoint.up.key)).encode())
    fast = SseReader.of(endpoint, job_id)
    fill = "x" * 50000
    for number in range(300):
        worker.chunk(job_id, json.dumps({"output": number, "fill": fill}))
    worker.done(job_id, "{}", stream="true")
    assert fast.wait_over().outputs() == list(range(300))
    with slow, slow.makefile("rb") as file:
        slow.settimeout(30)
        text = file.read().decode()
    data = [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: ")]
    assert [item["output"] for item in data if "fill" in item] == list(range(300))
    assert data[-1]["status"] == "COMPLETED"


def test_silence_is_broken_by_comments(parked):
    reader = SseReader.of(parked, parked.run({}))
    reader.wait(lambda r: r.comments, timeout=12)
    assert [event.name for event in reader.events] == ["status"]


def test_open_readers_count_as_requests_in_flight(make_endpoint):
    endpoint = make_endpoint({"command": ["true"]}, workersMax=0,
                             limits={"status": {"concurrent": 2}})
    job_id = endpoint.run({})
    readers = [SseReader.of(endpoint, job_id) for _ in range(2)]
    for reader in readers:
        reader.wait(lambda r: r.states())
    third = SseReader.of(endpoint, job_id)
    third.join(10)
    assert third.problem[0] == 429
    endpoint.cancel(job_id)
    for reader in readers:
        reader.wait_over()
    assert endpoint.get("events", job_id).status_code == 200


def test_the_command_line_prints_each_element_once(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    up = endpoint.up
    process = subprocess.Popen(
        [up.build / "millrace", "stream", endpoint.id, job_id, "--url", up.base, "--key", up.key],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    say(worker, job_id, range(20))
    worker.chunk(job_id, '{\n"output": 20}')
    worker.done(job_id, "{}", stream="true")
    out, problems = process.communicate(timeout=30)
    assert process.returncode == 0, problems
    assert [json.loads(line)["output"] for line in out.splitlines()] == list(range(21))
    assert endpoint.stream(job_id)[1] != [], "nothing was consumed"


@pytest.mark.timeout(120)
def test_the_command_line_goes_on_after_a_restart_of_the_node(fresh_up, tmp_path):
    up = fresh_up("--slots", 1)
    endpoint, (worker,) = stage_on(up, tmp_path, "cli")
    job_id = take_job(endpoint, worker)
    process = subprocess.Popen(
        [up.build / "millrace", "stream", endpoint.id, job_id, "--url", up.base, "--key", up.key],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    say(worker, job_id, range(50), pause=0.005)
    os.kill(up.pid("api-0"), signal.SIGKILL)
    say(worker, job_id, range(50, 100), pause=0.005)
    worker.done(job_id, '{"error": "broke"}', stream="true")
    out, problems = process.communicate(timeout=30)
    assert [json.loads(line)["output"] for line in out.splitlines()] == list(range(100))
    assert process.returncode == 3 and b"broke" in problems
