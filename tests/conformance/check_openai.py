"""113-120: OpenAI's API and load balancing, with the small model server of the e2e tests."""

import time

from documents import server_handler
from millrace_up import wait_for
from table import check

CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "one two"}]}


def model(stage, *args, **settings):
    return stage.endpoint(server_handler("model_server.py", *args), **settings)


def balanced(stage, *args, **settings):
    return model(stage, *args, type="LOAD_BALANCER", **settings)


def get(endpoint, path, **headers):
    return endpoint.up.get("/lb/%s%s" % (endpoint.id, path),
                           headers={name.replace("_", "-"): v for name, v in headers.items()})


@check(113, "the job's input has openai_route and the body")
def c113(stage):
    """The server refuses paths it does not know by name, and answers with what the body holds."""
    endpoint = model(stage)
    reply = endpoint.post("openai", "v1", "chat", "completions", json=CHAT)
    assert reply.json()["choices"][0]["message"]["content"] == "one two "
    assert "/v1/else" in endpoint.post("openai", "v1", "else", json=CHAT).json()["error"]["message"]


@check(114, "an answer that is no stream is the bare object")
def c114(stage):
    reply = model(stage).post("openai", "v1", "chat", "completions", json=CHAT)
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json()["object"] == "chat.completion"


@check(115, "a streamed answer is text/event-stream and the chunks' bytes one after the other")
def c115(stage):
    endpoint = model(stage)
    reply = endpoint.post("openai", "v1", "chat", "completions", json=dict(CHAT, stream=True))
    assert reply.headers["Content-Type"].startswith("text/event-stream")
    job_id = endpoint.run({"openai_route": "/v1/chat/completions",
                           "openai_input": dict(CHAT, stream=True)})
    _, chunks = endpoint.stream(job_id)
    assert reply.text == "".join(chunk["output"] for chunk in chunks)


@check(116, "GET models works")
def c116(stage):
    reply = model(stage, workersMax=0, openai={"models": ["a", "b"]}).get("openai", "v1", "models")
    assert [one["id"] for one in reply.json()["data"]] == ["a", "b"]


@check(117, "a failing job is an error object of OpenAI's form")
def c117(stage):
    reply = model(stage).post("openai", "v1", "chat", "completions", json=dict(CHAT, model="big"))
    assert reply.status_code == 404
    assert {"message", "type", "code"} <= set(reply.json()["error"])


@check(118, "a load-balanced request reaches the worker's path, the answer names the worker")
def c118(stage):
    reply = get(balanced(stage), "/echo?x=1")
    assert reply.json()["path"] == "/echo?x=1" and reply.headers["X-Runpod-Worker-Id"]


@check(119, "health 204 keeps a worker out of rotation", is_slow=True)
def c119(stage):
    endpoint = balanced(stage, 4, workersMin=1)
    wait_for(lambda: endpoint.health()["workers"]["initializing"] == 1, 30, "server starts")
    begin = time.monotonic()
    assert get(endpoint, "/echo").status_code == 200
    assert time.monotonic() - begin > 2


@check(120, "strict affinity to a missing worker is 404")
def c120(stage):
    endpoint = balanced(stage)
    assert get(endpoint, "/echo").status_code == 200
    reply = get(endpoint, "/echo", X_Runpod_Worker_Id="strict nobody")
    assert (reply.status_code, reply.json()["error"]) == (404, "affinity_worker_gone")
