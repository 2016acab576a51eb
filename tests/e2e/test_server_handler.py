"""`server` handlers: any HTTP server, jobs forwarded to it."""

import base64
import time

import pytest

from documents import server_handler
from millrace_up import wait_for


@pytest.fixture
def model(make_endpoint):
    return make_endpoint(server_handler("model_server.py"))


def chat(text, **more):
    return {"openai_route": "/v1/chat/completions",
            "openai_input": {"model": "tiny", "messages": [{"role": "user", "content": text}],
                             **more}}


def counts(endpoint):
    return endpoint.runsync({"path": "/counts"})["output"]["body"]


def test_raw_request(model):
    job = model.runsync({"path": "/echo?a=b%20c", "method": "put", "body": {"n": 9007199254740993},
                         "headers": {"X-Mine": "1", "Host": "evil", "Empty": ""}})
    assert job["status"] == "COMPLETED", job
    output = job["output"]
    assert output["status"] == 200 and output["headers"]["X-Echo"] == "yes"
    seen = output["body"]
    assert (seen["method"], seen["path"]) == ("PUT", "/echo?a=b%20c")
    assert seen["body"].replace(" ", "") == '{"n":9007199254740993}'
    assert seen["headers"]["x-mine"] == "1" and seen["headers"]["empty"] == ""
    assert seen["headers"]["content-type"] == "application/json"
    assert seen["headers"]["host"].startswith("127.0.0.1:")


def test_a_text_body_is_sent_as_it_is(model):
    seen = model.runsync({"path": "/echo", "body": "a=1&b=2", "headers": {
        "Content-Type": "application/x-www-form-urlencoded"}})["output"]["body"]
    assert (seen["method"], seen["body"]) == ("POST", "a=1&b=2")
    assert seen["headers"]["content-type"] == "application/x-www-form-urlencoded"


def test_without_a_body_it_is_a_get(model):
    seen = model.runsync({"path": "/echo"})["output"]["body"]
    assert (seen["method"], seen["body"]) == ("GET", "")
    assert "content-type" not in seen["headers"]


def test_answers_that_are_no_json(model):
    assert model.runsync({"path": "/text"})["output"]["text"] == "grüße"
    data = model.runsync({"path": "/binary"})["output"]["base64"]
    assert base64.b64decode(data) == bytes(range(256))


def test_openai_form_gives_the_bare_body(model):
    job = model.runsync(chat("one two three"))
    assert job["output"]["choices"][0]["message"]["content"] == "one two three "
    assert job["output"]["large"] == 9007199254740993


def test_openai_stream_is_chunks_and_their_list(model):
    job_id = model.run(chat("one two three", stream=True, pause=0.05))
    status, chunks = model.stream(job_id)
    assert status == "COMPLETED" and len(chunks) > 2
    text = "".join(chunk["output"] for chunk in chunks)
    assert text.startswith("data: {") and text.endswith("data: [DONE]\n\n")
    assert "".join(model.status(job_id)["output"]) == text


def test_pieces_that_tear_characters_apart(model):
    job_id = model.run({"path": "/torn"})
    _, chunks = model.stream(job_id)
    assert "".join(chunk["output"] for chunk in chunks) == "a€\U0001f600é"
    assert len(chunks) > 1


@pytest.mark.parametrize("job_input, words", [
    ({"path": "/teapot"}, ["HTTP 418", "short and stout"]),
    ({"openai_route": "/v1/chat/completions", "openai_input": {"model": "big", "messages": [
        {"role": "user", "content": "x"}]}}, ["HTTP 404 Not Found", "The model `big` does not exist."]),
    ({"text": "no path"}, ["path", "openai_route"]),
    ({"path": "no-slash"}, ["path"]),
    ({"path": "/a b"}, ["path"]),
    ({"path": "/echo", "headers": {"A": "b\r\nC: d"}}, ["headers"]),
    ({"path": "/echo", "method": "GET /x"}, ["method"]),
])
def test_failures_say_why(model, job_input, words):
    job = model.runsync(job_input)
    assert job["status"] == "FAILED"
    for word in words:
        assert word in job["error"]


def test_loading_servers_get_no_jobs(make_endpoint):
    endpoint = make_endpoint(server_handler("model_server.py", 3))
    job_id = endpoint.run({"path": "/text"})
    wait_for(lambda: endpoint.health()["workers"]["initializing"] == 1, 20, "server starts")
    job = endpoint.wait(job_id)
    assert job["status"] == "COMPLETED" and job["delayTime"] >= 2500


def test_eight_jobs_at_once_and_no_more(model):
    begin = time.monotonic()
    jobs = [model.run({"path": "/slow", "body": "1"}) for _ in range(16)]
    assert {model.wait(job)["status"] for job in jobs} == {"COMPLETED"}
    assert time.monotonic() - begin < 10
    assert counts(model)["peak"] == 8


def test_concurrency_of_one(make_endpoint):
    endpoint = make_endpoint(server_handler("model_server.py", concurrency=1))
    jobs = [endpoint.run({"path": "/slow", "body": "0.2"}) for _ in range(4)]
    assert {endpoint.wait(job)["status"] for job in jobs} == {"COMPLETED"}
    assert counts(endpoint)["peak"] == 1


def test_cancel_closes_the_request(model):
    job_id = model.run(chat(" ".join("abcdefghijklmnop"), stream=True, pause=0.5))
    model.wait(job_id, "IN_PROGRESS")
    wait_for(lambda: counts(model)["active"] == 1, 10, "request at the server")
    assert model.cancel(job_id)["status"] == "CANCELLED"
    wait_for(lambda: counts(model)["active"] == 0, 5, "request closed")
    pid = model.runsync({"path": "/echo"})["output"]["body"]["pid"]
    assert pid == model.runsync({"path": "/echo"})["output"]["body"]["pid"]


def test_a_server_that_dies_loses_its_job(model):
    job = model.wait(model.run({"path": "/die"}))
    assert (job["status"], job["retries"]) == ("FAILED", 1)
    assert "exit code 7" in job["error"]
    assert model.runsync({"path": "/text"})["status"] == "COMPLETED"


def test_a_broken_answer_fails_the_job(model):
    job = model.wait(model.run({"path": "/cut"}))
    assert job["status"] == "FAILED" and "did not answer to the end" in job["error"]


def test_unfit_servers_get_no_jobs_until_they_are_fit_again(make_endpoint, tmp_path):
    sick = tmp_path / "sick"
    endpoint = make_endpoint(server_handler("model_server.py", SICK=sick), workersMin=1)
    assert endpoint.runsync({"path": "/text"})["status"] == "COMPLETED"
    sick.touch()
    wait_for(lambda: "server.unfit" in endpoint.up.log("agent-0"), 10, "server unfit")
    job_id = endpoint.run({"path": "/text"})
    with pytest.raises(AssertionError):
        endpoint.wait(job_id, timeout=3)
    sick.unlink()
    assert endpoint.wait(job_id)["status"] == "COMPLETED"
