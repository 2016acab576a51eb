"""/openai/* with the openai package as client, served by a worker like worker-vllm and by an HTTP
model server."""

import json
import os
import signal
import socket
import sys
import threading
import time

import openai
import pytest

from documents import HANDLERS, python_handler, server_handler
from millrace_up import wait_for
from raw_worker import RawWorker, puppet_handler

sys.path.insert(0, str(HANDLERS))
from model_server import chunk_of, event, tokens_of  # noqa: E402

KINDS = {
    "server": lambda **env: server_handler("model_server.py", **env),
    "worker": lambda **env: python_handler("vllm_like.py", **env),
}
MESSAGES = [{"role": "user", "content": "Grüße \U0001f600 from \"both\" kinds \\ of workers"}]


@pytest.fixture(params=list(KINDS))
def endpoint(request, make_endpoint):
    return make_endpoint(KINDS[request.param]())


def client_of(endpoint, **options):
    options.setdefault("max_retries", 0)
    return openai.OpenAI(base_url=endpoint.up.base + "/" + endpoint.id + "/openai/v1",
                         api_key=endpoint.up.key, **options)


@pytest.fixture
def client(endpoint):
    return client_of(endpoint)


def url_of(endpoint, rest="v1/chat/completions"):
    return "%s/%s/openai/%s" % (endpoint.up.base, endpoint.id, rest)


def post(endpoint, body, rest="v1/chat/completions", **options):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return endpoint.up.session.post(url_of(endpoint, rest), data=data, timeout=60, **options)


def in_progress(endpoint):
    return endpoint.health()["jobs"]["inProgress"]


# ---- what works

def test_whole_answer(client):
    reply = client.chat.completions.create(model="tiny", messages=MESSAGES)
    assert reply.choices[0].message.content == MESSAGES[0]["content"] + " "
    assert reply.usage.total_tokens == reply.usage.completion_tokens + 1


def test_stream(client):
    parts = list(client.chat.completions.create(model="tiny", messages=MESSAGES, stream=True))
    text = "".join(part.choices[0].delta.content or "" for part in parts)
    assert text == MESSAGES[0]["content"] + " "
    assert parts[-1].choices[0].finish_reason == "stop"


def test_a_stream_is_byte_exact(endpoint):
    body = {"model": "tiny", "messages": MESSAGES, "stream": True}
    expected = event(chunk_of(body, {"role": "assistant", "content": ""}))
    expected += b"".join(event(chunk_of(body, {"content": token})) for token in tokens_of(body))
    expected += event(chunk_of(body, {}, "stop")) + b"data: [DONE]\n\n"
    reply = post(endpoint, body)
    assert reply.headers["Content-Type"] == "text/event-stream"
    assert reply.content == expected


def test_pieces_come_when_they_are_made(endpoint):
    body = {"model": "tiny", "messages": MESSAGES, "stream": True, "pause": 0.3, "batch": 1}
    post(endpoint, {"model": "tiny", "messages": MESSAGES})  # the worker is warm
    begin, times = time.monotonic(), []
    with post(endpoint, body, stream=True) as reply:
        for line in reply.iter_lines():
            if line:
                times.append(time.monotonic() - begin)
    assert times[0] < 1.5 and times[-1] - times[0] > 1.5


def test_numbers_keep_their_digits(endpoint):
    assert b'"large": 9007199254740993' in post(endpoint, {
        "model": "tiny", "messages": MESSAGES}).content.replace(b'":9', b'": 9')


def test_bytes_reach_the_worker_and_come_back_unchanged(make_endpoint, tmp_path):
    endpoint = make_endpoint(puppet_handler(tmp_path), workersMin=1)
    worker = RawWorker.wait_all(tmp_path)[0]
    body = b'{ "model":"\\u0041",\t"n": 1.0e+2, "k": {"a":1,"a":2}, "big": 9007199254740993 }'
    output = '{"n": 1.0e+2, "big": 9007199254740993, "k": {"a":1,"a":2}}'
    replies = []
    thread = threading.Thread(target=lambda: replies.append(
        post(endpoint, body, "v1/some/route?a=1&b=%20")))
    thread.start()
    status, _, job = worker.take_bytes()
    assert status == 200
    assert b'"openai_route":"/v1/some/route?a=1&b=%20"' in job
    assert b'"openai_input":' + body in job
    worker.done(json.loads(job)["id"], '{"output": [%s]}' % output)
    thread.join()
    assert replies[0].content == output.encode()


def test_many_at_once(client):
    results = []

    def one(number):
        reply = client.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": "n%d" % number}])
        results.append((number, reply.choices[0].message.content))
    threads = [threading.Thread(target=one, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(n, "n%d " % n) for n in range(24)]


def test_objects_become_events(make_endpoint):
    endpoint = make_endpoint(python_handler("vllm_like.py", RAW_OPENAI_OUTPUT="0"))
    parts = list(client_of(endpoint).chat.completions.create(model="tiny", messages=MESSAGES,
                                                             stream=True))
    assert "".join(p.choices[0].delta.content or "" for p in parts) == MESSAGES[0]["content"] + " "
    assert post(endpoint, {"model": "tiny", "messages": MESSAGES,
                           "stream": True}).content.endswith(b"data: [DONE]\n\n")


def test_a_generator_that_does_not_aggregate(make_endpoint):
    client = client_of(make_endpoint(python_handler("vllm_like.py", AGGREGATE="0")))
    reply = client.chat.completions.create(model="tiny", messages=MESSAGES)
    assert reply.choices[0].message.content == MESSAGES[0]["content"] + " "


# ---- models

def test_models_need_no_worker(make_endpoint):
    endpoint = make_endpoint(server_handler("model_server.py"), openai={"models": ["tiny", "org/b"]})
    client = client_of(endpoint)
    assert [model.id for model in client.models.list()] == ["tiny", "org/b"]
    assert client.models.retrieve("org/b").id == "org/b"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")
    assert sum(endpoint.health()["workers"].values()) == 0


def test_without_a_list_the_endpoint_is_the_model(parked):
    assert [model.id for model in client_of(parked).models.list()] == [parked.id]


# ---- errors

@pytest.mark.parametrize("stream", [False, True])
def test_wrong_model(client, stream):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="big", messages=MESSAGES, stream=stream)
    assert "The model `big` does" in caught.value.message
    assert int(caught.value.code) == 404


@pytest.mark.parametrize("stream", [False, True])
def test_bad_request(client, stream):
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="tiny", messages=[], stream=stream)


def test_an_error_object_of_old_workers(make_endpoint):
    client = client_of(make_endpoint(python_handler("vllm_like.py")))
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="flat", messages=MESSAGES)
    assert "isn't there" in caught.value.message


def test_an_exception_is_500_and_not_repeated(make_endpoint):
    endpoint = make_endpoint(python_handler("vllm_like.py"))
    with pytest.raises(openai.InternalServerError) as caught:
        client_of(endpoint, max_retries=2).chat.completions.create(model="raise", messages=MESSAGES)
    assert "out of memory while it loaded" in caught.value.message
    assert endpoint.health()["jobs"]["failed"] == 1


def test_a_body_that_is_no_json(endpoint):
    for body in (b"", b"{", b"[]", b'{"a": 1, "a": 2}'):
        reply = post(endpoint, body)
        assert reply.status_code == 400 and reply.json()["error"]["code"] == 400


def test_wrong_key_and_unknown_endpoint(endpoint):
    with pytest.raises(openai.AuthenticationError):
        client_of(endpoint).with_options(api_key="wrong").chat.completions.create(
            model="tiny", messages=MESSAGES)
    reply = endpoint.up.post("/v2/no-such/openai/v1/chat/completions", {})
    assert reply.status_code == 404 and reply.json()["error"]["message"]


def test_cancelled_and_timed_out(make_endpoint):
    endpoint = make_endpoint(server_handler("model_server.py"), executionTimeoutMs=5000)
    body = {"model": "tiny", "messages": MESSAGES, "pause": 60}
    replies = []
    thread = threading.Thread(target=lambda: replies.append(post(endpoint, body)))
    thread.start()
    wait_for(lambda: in_progress(endpoint) == 1, 20, "job runs")
    endpoint.cancel(endpoint.get("requests").json()["requests"][0]["id"])
    thread.join()
    assert replies[0].status_code == 409 and replies[0].json()["error"]["code"] == 409
    assert post(endpoint, body).status_code == 504


def test_full_queue(parked):
    for _ in range(51):
        parked.run({})
    with pytest.raises(openai.RateLimitError):
        client_of(parked).chat.completions.create(model="x", messages=MESSAGES)


def test_openai_counts_under_its_own_limit(make_endpoint):
    endpoint = make_endpoint({"command": ["true"]}, workersMax=0,
                             limits={"openai": {"per10s": 1000, "concurrent": 1}})
    with waiting(endpoint):
        with pytest.raises(openai.RateLimitError):
            client_of(endpoint).chat.completions.create(model="x", messages=MESSAGES)


class waiting:
    """A request that waits in the queue until the block ends."""

    def __init__(self, endpoint, body=None):
        self.endpoint = endpoint
        self.body = body or {"model": "tiny", "messages": MESSAGES}

    def __enter__(self):
        self.socket = socket.create_connection(("127.0.0.1", self.endpoint.up.port))
        data = json.dumps(self.body).encode()
        self.socket.sendall(
            b"POST /v2/%s/openai/v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (self.endpoint.id.encode(),
                                               self.endpoint.up.key.encode(), len(data), data))
        wait_for(lambda: sum(self.endpoint.health()["jobs"][k] for k in ("inQueue", "inProgress")),
                 20, "job stored")
        return self.socket

    def __exit__(self, *_):
        self.socket.close()


# ---- long waits, clients that leave

def test_a_long_queue_is_bridged_by_comments(parked):
    with waiting(parked, {"stream": True}) as sock:
        sock.settimeout(15)
        head = sock.recv(65536)
        assert head.startswith(b"HTTP/1.1 200") and b"text/event-stream" in head
        while b": queued\n\n" not in head:
            head += sock.recv(65536)


def test_a_late_failure_is_an_event(make_endpoint):
    endpoint = make_endpoint(server_handler("model_server.py", 12))
    with pytest.raises(openai.APIError) as caught:
        list(client_of(endpoint).chat.completions.create(model="big", messages=MESSAGES,
                                                         stream=True))
    assert "The model `big` does not exist" in caught.value.message


def test_leaving_while_queued_cancels(parked):
    with waiting(parked):
        assert parked.health()["jobs"]["inQueue"] == 1
    wait_for(lambda: parked.health()["jobs"]["inQueue"] == 0, 5, "job cancelled")
    assert parked.get("requests").json()["requests"][0]["status"] == "CANCELLED"


@pytest.mark.parametrize("stream", [False, True])
def test_leaving_while_it_runs_frees_the_worker(endpoint, stream):
    body = {"model": "tiny", "messages": MESSAGES, "pause": 5, "stream": stream}
    with waiting(endpoint, body):
        wait_for(lambda: in_progress(endpoint) == 1, 20, "job runs")
        begin = time.monotonic()
    wait_for(lambda: in_progress(endpoint) == 0, 5, "job cancelled")
    wait_for(lambda: endpoint.health()["workers"]["idle"] == 1, 10, "worker free")
    assert time.monotonic() - begin < 8


def test_closing_the_stream_frees_the_worker(endpoint, client):
    stream = client.chat.completions.create(model="tiny", messages=MESSAGES, stream=True,
                                            extra_body={"pause": 1, "batch": 1})
    next(iter(stream))
    begin = time.monotonic()
    stream.close()
    wait_for(lambda: in_progress(endpoint) == 0, 5, "job cancelled")
    wait_for(lambda: endpoint.health()["workers"]["idle"] == 1, 10, "worker free")
    assert time.monotonic() - begin < 8


def test_unknown_paths_are_the_servers_business(make_endpoint):
    reply = post(make_endpoint(server_handler("model_server.py")), {}, "v9/nothing")
    assert reply.status_code == 404 and "/v9/nothing" in reply.json()["error"]["message"]


def test_a_worker_lost_in_mid_stream_ends_the_stream(make_endpoint):
    endpoint = make_endpoint(server_handler("model_server.py"))
    post(endpoint, {"model": "tiny", "messages": MESSAGES})
    pid = endpoint.runsync({"path": "/echo"})["output"]["body"]["pid"]
    begun = time.monotonic()
    with post(endpoint, {"model": "tiny", "messages": MESSAGES, "stream": True, "pause": 2},
              stream=True) as reply:
        lines = reply.iter_lines()
        assert next(lines).startswith(b"data: {")
        os.kill(pid, signal.SIGKILL)
        rest = [line for line in lines if line]
    assert "worker was lost" in json.loads(rest[-1][6:])["error"]["message"]
    assert time.monotonic() - begun < 30
    wait_for(lambda: in_progress(endpoint) == 0, 10, "the second attempt is cancelled")
