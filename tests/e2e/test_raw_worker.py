"""The worker protocol on the wire, spoken by hand in the name of a parked handler process."""

import json
import socket
import threading
import time
import urllib.parse

import pytest

from millrace_up import wait_for
from raw_worker import RawWorker, puppet_handler

TRICKY = '{"n": 9007199254740993, "d": 1e400, "u": "\\u00e9\\ud83d\\ude00", "k": {"a":1,"a":2}}'


@pytest.fixture
def stage(make_endpoint, tmp_path):
    """stage(n, setting=...) gives an endpoint and its n raw workers."""
    def make(count=1, **settings):
        endpoint = make_endpoint(puppet_handler(tmp_path), workersMin=count, workersMax=count,
                                 **settings)
        return endpoint, RawWorker.wait_all(tmp_path, count)
    return make


@pytest.fixture
def pair(stage):
    endpoint, (worker,) = stage()
    return endpoint, worker


def submit_text(endpoint, text, operation="run"):
    reply = endpoint.up.request("POST", endpoint.path(operation), data=text.encode(),
                                headers={"Content-Type": "application/json"})
    assert reply.status_code == 200, reply.text
    endpoint.started.append(reply.json()["id"])
    return endpoint.started[-1]


def take_job(endpoint, worker, job_input=None):
    job_id = endpoint.run(job_input or {})
    job = worker.take()
    assert job["id"] == job_id
    return job_id


def test_input_and_output_are_byte_equal(pair):
    endpoint, worker = pair
    job_id = submit_text(endpoint, '{"input": %s }' % TRICKY)
    status, kind, body = worker.take_bytes()
    assert (status, kind) == (200, "application/json")
    assert b'"input":' + TRICKY.encode() in body.replace(b'"input": ', b'"input":')
    worker.done(job_id, '{"output": %s}' % TRICKY)
    text = endpoint.get("status", job_id).text
    assert '"output":' + TRICKY in text
    assert json.loads(text)["status"] == "COMPLETED"


def test_chunks_are_byte_equal(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    worker.chunk(job_id, '{"output": %s, "metrics": {"t": 1e400}}' % TRICKY)
    worker.done(job_id, '{"output": []}', stream="true")
    text = endpoint.get("stream", job_id, headers={"Content-Type": "application/json"}).text
    assert '{"output": %s, "metrics": {"t": 1e400}}' % TRICKY in text


def outputs_at_the_end(endpoint, worker, job_id):
    worker.done(job_id, '{"output": []}', stream="true")
    status, chunks = endpoint.stream(job_id)
    assert status == "COMPLETED"
    return [chunk["output"] for chunk in chunks]


def test_chunks_sent_all_at_once_are_kept_in_order(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    answer = worker.say(b"".join(worker.chunk_bytes(job_id, '{"output": %d}' % n)
                                 for n in range(500)))
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 500
    assert outputs_at_the_end(endpoint, worker, job_id) == list(range(500))


def test_a_numbered_chunk_that_comes_again_is_kept_once(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    numbers = [7, 8, 8, 7, 9, 7, 8, 9, 20, 20, 21]
    answer = worker.say(b"".join(worker.chunk_bytes(job_id, '{"output": %d}' % n, n)
                                 for n in numbers))
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == len(numbers)
    assert outputs_at_the_end(endpoint, worker, job_id) == [7, 8, 9, 20, 21]


@pytest.mark.parametrize("number", ["", "x", "-1", "0", "99999999999999999999"])
def test_a_chunk_with_no_sensible_number_is_one_without(pair, number):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    worker.say(worker.chunk_bytes(job_id, '{"output": 1}', number) * 2)
    assert outputs_at_the_end(endpoint, worker, job_id) == [1, 1]


def test_chunks_behind_a_refused_one_are_not_taken(pair):
    """Else a handler that repeats the refused one would put it behind them."""
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    answer = worker.say(worker.chunk_bytes(job_id, '{"output": 1}', 1, token="another") +
                        worker.chunk_bytes(job_id, '{"output": 2}', 2))
    assert answer.startswith(b"HTTP/1.1 401 ") and answer.count(b"HTTP/1.1") == 1
    assert b"\r\nConnection: close\r\n" in answer
    assert outputs_at_the_end(endpoint, worker, job_id) == []


def test_the_wire_of_unicode_and_raw_utf8(pair):
    endpoint, worker = pair
    submit_text(endpoint, '{"input":{"s":"grüße \U0001f600"}}')
    assert '"grüße \U0001f600"'.encode() in worker.take_bytes()[2]


def test_status_while_it_runs(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    job = endpoint.status(job_id)
    assert (job["status"], job["workerId"]) == ("IN_PROGRESS", worker.id)
    assert type(job["delayTime"]) is int and "executionTime" not in job and "output" not in job


def test_nan_is_tolerated(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    worker.done(job_id, '{"output": [NaN, Infinity, -Infinity, 1e400]}')
    text = endpoint.get("status", job_id).text
    assert json.loads(text)["status"] == "COMPLETED"
    assert text.count("null") == 3 and "1e400" in text


def test_bad_utf8_is_replaced(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    worker.done(job_id, b'{"output": "a\xff\xfeb"}')
    output = endpoint.wait(job_id)["output"]
    assert output.startswith("a\ufffd") and output.endswith("b")


def test_a_result_that_is_no_json_fails_the_job_with_a_reason(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    worker.post("RUNPOD_WEBHOOK_POST_OUTPUT", job_id, b'{"output": ')
    job = endpoint.wait(job_id)
    assert job["status"] == "FAILED" and job["error"]


def test_first_result_wins(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    worker.done(job_id, '{"output": 1}')
    worker.done(job_id, '{"output": 2}')
    worker.done(job_id, '{"error": "late"}')
    assert endpoint.wait(job_id)["output"] == 1
    assert endpoint.health()["jobs"]["completed"] == 1


def test_error_and_output_together(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    worker.done(job_id, '{"output": {"half": 1}, "error": "broke"}')
    job = endpoint.wait(job_id)
    assert (job["status"], job["output"], job["error"]) == ("FAILED", {"half": 1}, "broke")


def test_result_for_an_unknown_job_is_answered_200(pair):
    _, worker = pair
    worker.done("no-such-job", '{"output": 1}')
    worker.chunk("no-such-job", '{"output": 1}')


def test_progress_and_late_progress(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    worker.progress(job_id, "half")
    wait_for(lambda: endpoint.status(job_id).get("output") == "half", 5)
    worker.done(job_id, '{"output": "all"}')
    worker.progress(job_id, "late")
    assert endpoint.wait(job_id)["output"] == "all"


def test_final_without_output_drops_progress(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    worker.progress(job_id, "half")
    worker.done(job_id, "{}")
    assert "output" not in endpoint.wait(job_id)


def test_batch_take_gives_a_list_at_once(pair):
    endpoint, worker = pair
    job_ids = [endpoint.run({"n": n}) for n in range(5)]
    first = worker.take(batch=3)
    assert [job["id"] for job in first] == job_ids[:3]
    assert [job["id"] for job in worker.take(in_progress=1, batch=3)] == job_ids[3:]
    for job_id in job_ids:
        worker.done(job_id, "{}")
    assert endpoint.wait(job_ids[-1])["status"] == "COMPLETED"


def test_batch_take_of_one_waiting_job_does_not_wait_for_more(pair):
    endpoint, worker = pair
    job_id = endpoint.run({})
    since = time.monotonic()
    assert [job["id"] for job in worker.take(batch=3)] == [job_id]
    assert time.monotonic() - since < 5


def test_a_waiting_take_gets_the_job_at_once(pair):
    endpoint, worker = pair
    pending = worker.take_later()
    time.sleep(1.5)  # longer than one silence of the bell
    since = time.monotonic()
    job_id = endpoint.run({})
    pending.join(10)
    assert time.monotonic() - since < 0.9
    assert json.loads(pending.answers[0][2])["id"] == job_id


@pytest.mark.timeout(90)
def test_empty_take_is_held_about_20_s_then_204(pair):
    _, worker = pair
    since = time.monotonic()
    status, _, body = worker.take_bytes()
    held = time.monotonic() - since
    assert (status, body) == (204, b"")
    assert 15 < held < 25


def test_aborted_take_loses_nothing(pair):
    endpoint, worker = pair
    parts = urllib.parse.urlsplit(worker.take_url_with())
    request = "GET %s?%s HTTP/1.1\r\nHost: h\r\nAuthorization: %s\r\n\r\n" % (
        parts.path, parts.query, worker.headers["Authorization"])
    for _ in range(5):
        aborted = socket.create_connection((parts.hostname, parts.port))
        aborted.sendall(request.encode())
        time.sleep(0.1)
        starter = threading.Thread(target=aborted.close)
        starter.start()
        job_id = endpoint.run({})
        starter.join()
        assert worker.take()["id"] == job_id
        worker.done(job_id, "{}")
        assert endpoint.wait(job_id)["status"] == "COMPLETED"
    assert endpoint.health()["jobs"]["completed"] == 5


def test_stop_lists_a_cancelled_job(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    heard = []
    poll = threading.Thread(target=lambda: heard.append(worker.stop_list()), daemon=True)
    poll.start()
    time.sleep(0.3)
    since = time.monotonic()
    endpoint.cancel(job_id)
    poll.join(10)
    assert time.monotonic() - since < 2
    assert heard == [(200, [job_id])]
    worker.done(job_id, '{"output": "too late"}')
    job = endpoint.status(job_id)
    assert job["status"] == "CANCELLED" and "output" not in job


def test_cancelled_queued_job_never_reaches_a_worker(pair):
    endpoint, worker = pair
    cancelled = endpoint.run({})
    endpoint.cancel(cancelled)
    kept = endpoint.run({})
    assert worker.take()["id"] == kept


def test_take_with_a_wrong_key_is_refused_slowly(pair):
    _, worker = pair
    since = time.monotonic()
    status, _, _ = worker.send("GET", worker.take_url_with(), headers={"Authorization": "wrong"})
    assert status in (401, 429)
    assert status == 429 or time.monotonic() - since > 0.9


def test_urls_without_question_mark(pair):
    endpoint, worker = pair
    job_id = endpoint.run({})
    bare = worker.take_url.split("?")[0] + "&job_in_progress=0"
    assert json.loads(worker.send("GET", bare)[2])["id"] == job_id
    url = worker.env["RUNPOD_WEBHOOK_POST_OUTPUT"].replace("$ID", job_id).split("?")[0]
    assert worker.send("POST", url + "&isStream=false", b'{"output": 5}')[0] == 200
    assert endpoint.wait(job_id)["output"] == 5


def test_ping_is_answered(pair):
    endpoint, worker = pair
    assert worker.ping() == 200
    job_id = take_job(endpoint, worker)
    assert worker.ping(job_id) == 200


def test_runsync_wakes_when_the_job_ends(pair):
    endpoint, worker = pair
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(endpoint.runsync({"n": 1})))
    waiter.start()
    job = worker.take()
    worker.done(job["id"], '{"output": 7}')
    since = time.monotonic()
    waiter.join(10)
    assert time.monotonic() - since < 0.5
    assert answers[0]["output"] == 7


def test_stream_holds_until_the_next_chunk(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    worker.chunk(job_id, '{"output": 0}')
    headers = {"Content-Type": "application/json"}
    assert endpoint.get("stream", job_id, headers=headers).json()["stream"] == [{"output": 0}]
    answers = []
    reader = threading.Thread(target=lambda: answers.append(
        endpoint.get("stream", job_id, headers=headers).json()))
    reader.start()
    time.sleep(0.5)
    assert answers == []
    worker.chunk(job_id, '{"output": 1}')
    reader.join(2)
    assert answers == [{"status": "IN_PROGRESS", "stream": [{"output": 1}]}]


def test_empty_stream_is_held_less_than_10_s(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    since = time.monotonic()
    page = endpoint.get("stream", job_id, headers={"Content-Type": "application/json"}).json()
    assert page == {"status": "IN_PROGRESS", "stream": []}
    assert 0.5 < time.monotonic() - since < 10


def test_many_chunks_arrive_once_and_in_order(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)

    def say():
        for number in range(300):
            worker.chunk(job_id, '{"output": %d}' % number)
        worker.done(job_id, '{"output": []}', stream="true")
    speaker = threading.Thread(target=say)
    speaker.start()
    status, chunks = endpoint.stream(job_id)
    speaker.join()
    assert status == "COMPLETED"
    assert [chunk["output"] for chunk in chunks] == list(range(300))


def test_long_string_chunk_is_split(pair):
    endpoint, worker = pair
    job_id = take_job(endpoint, worker)
    text = "é" * 1500000
    worker.chunk(job_id, json.dumps({"output": text}, ensure_ascii=False))
    worker.done(job_id, "{}", stream="true")
    _, chunks = endpoint.stream(job_id)
    assert len(chunks) >= 3
    assert "".join(chunk["output"] for chunk in chunks) == text


def test_two_workers_share_a_batch(stage):
    endpoint, workers = stage(2)
    pending = [worker.take_later(batch=4) for worker in workers]
    time.sleep(1)
    job_ids = {endpoint.run({"n": n}) for n in range(2)}
    got = []
    for one in pending:
        one.join(25)
        got.append(json.loads(one.answers[0][2])) if one.answers[0][0] == 200 else got.append([])
    taken = [job["id"] for jobs in got for job in jobs]
    assert sorted(taken) == sorted(job_ids), "each once"
