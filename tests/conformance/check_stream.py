"""51-64: streams, on the wire and through the SDKs."""

import json
import time

import pytest

import go_client
import node_sdk
from documents import python_handler
from millrace_up import FINAL
from stage import JSON_TYPE, Timed, later, page_of
from table import check

TEXT = "every word comes once and in order one two three four five"


def ended(stage, *outputs):
    """A job that has streamed outputs and ended."""
    endpoint, worker, job_id = stage.running()
    for output in outputs:
        worker.chunk(job_id, json.dumps({"output": output}))
    worker.done(job_id, '{"output": []}', stream="true")
    return endpoint, job_id


@check(51, "a bare GET gets a list of objects with output")
def c51(stage):
    endpoint, job_id = ended(stage, "a", {"b": 1})
    reply = stage.raw("GET", endpoint.path("stream", job_id))
    assert reply.json() == [{"output": "a"}, {"output": {"b": 1}}]
    assert reply.headers["X-Job-Status"] == "COMPLETED"


@check(52, "a GET with the media type of JSON gets status and stream")
def c52(stage):
    endpoint, job_id = ended(stage, "a")
    reply = stage.raw("GET", endpoint.path("stream", job_id), headers=JSON_TYPE)
    assert reply.json() == {"status": "COMPLETED", "stream": [{"output": "a"}]}


@check(53, "a POST gets status and stream; so do SDKs by name, ?wait and ?shape=object")
def c53(stage):
    endpoint, job_id = ended(stage)
    path = endpoint.path("stream", job_id)
    whole = {"status": "COMPLETED", "stream": []}
    assert stage.raw("POST", path).json() == whole
    assert stage.raw("GET", path, headers={"User-Agent": "RunPod-JS-SDK/1.1.2"}).json() == whole
    assert stage.raw("GET", path + "?wait=1000").json() == whole
    assert stage.raw("GET", path + "?shape=object").json() == whole
    assert stage.raw("POST", path + "?shape=list").json() == []


@check(54, "stream is a list even when it is empty")
def c54(stage):
    endpoint, worker, job_id = stage.running()
    assert page_of(endpoint, job_id, wait=1000) == {"status": "IN_PROGRESS", "stream": []}
    worker.done(job_id, '{"output": 5}')
    assert page_of(endpoint, job_id) == {"status": "COMPLETED", "stream": []}
    waiting = stage.parked()
    assert page_of(waiting, waiting.run({}), wait=1000) == {"status": "IN_QUEUE", "stream": []}


@check(55, "chunks come in order, each once, also while they are being written")
def c55(stage):
    endpoint, worker, job_id = stage.running()
    read = later(endpoint.stream, job_id)
    for number in range(120):
        worker.chunk(job_id, '{"output": %d}' % number)
    worker.done(job_id, '{"output": []}', stream="true")
    status, chunks = read.result(60)
    assert status == "COMPLETED" and [c["output"] for c in chunks] == list(range(120))


@check(56, "the final status is told only with the last chunks")
def c56(stage):
    endpoint, worker, job_id = stage.running()
    parts = ["%02d" % number + "x" * 900000 for number in range(14)]
    for part in parts:
        worker.chunk(job_id, json.dumps({"output": part}))
    worker.done(job_id, '{"output": []}', stream="true")
    pages = []
    while not pages or pages[-1]["status"] not in FINAL:
        pages.append(page_of(endpoint, job_id))
    assert [c["output"] for page in pages for c in page["stream"]] == parts
    assert len(pages) > 1 and pages[-1]["stream"], "one page only: nothing was shown"
    assert {page["status"] for page in pages[:-1]} == {"IN_PROGRESS"}


@check(57, "reading on after the end gives the final status and nothing more")
def c57(stage):
    endpoint, job_id = ended(stage, 1, 2)
    assert len(page_of(endpoint, job_id)["stream"]) == 2
    for _ in range(3):
        assert page_of(endpoint, job_id) == {"status": "COMPLETED", "stream": []}


@check(58, "without data a reading is held, more than 0.5 s and less than 10", is_slow=True)
def c58(stage):
    endpoint, worker, job_id = stage.running()
    with Timed() as timed:
        assert page_of(endpoint, job_id)["stream"] == []
    assert 0.5 < timed.took < 10
    read = later(page_of, endpoint, job_id)
    time.sleep(0.5)
    worker.chunk(job_id, '{"output": 1}')
    assert read.result(2)["stream"] == [{"output": 1}]


@check(59, "?wait says how long a reading is held", is_slow=True)
def c59(stage):
    endpoint, _, job_id = stage.running()
    for wait in (2000, 6000):
        with Timed() as timed:
            page_of(endpoint, job_id, wait=wait)
        assert wait / 1000 - 0.1 < timed.took < wait / 1000 + 2


@check(60, "further keys of a chunk pass through")
def c60(stage):
    endpoint, worker, job_id = stage.running()
    chunk = {"output": {"t": "x"}, "metrics": {"avg_gen_throughput": 1.5}, "extra": None}
    worker.chunk(job_id, json.dumps(chunk))
    assert page_of(endpoint, job_id)["stream"] == [chunk]


@check(61, "3 MB of text come as pieces of at most 1 MB that join to the same text")
def c61(stage):
    endpoint, worker, job_id = stage.running()
    text = "aé\U0001f600\"\\\n" * 250000
    worker.chunk(job_id, json.dumps({"output": text}, ensure_ascii=False))
    worker.done(job_id, '{"output": []}', stream="true")
    _, chunks = endpoint.stream(job_id)
    assert len(chunks) >= 3 and "".join(c["output"] for c in chunks) == text
    assert max(len(c["output"].encode()) for c in chunks) <= 1000000


@check(62, "stream() of the Python SDK yields all")
def c62(stage):
    import runpod
    endpoint = stage.endpoint(python_handler("words.py"))
    runpod.endpoint_url_base = stage.up.base
    job = runpod.Endpoint(endpoint.id, api_key=stage.up.key).run({"text": TEXT, "pause": 0.02})
    assert list(job.stream()) == TEXT.split()


@check(63, "stream() of the JavaScript SDK yields all and ends")
def c63(stage):
    if (missing := node_sdk.missing()):
        pytest.skip(missing)
    endpoint = stage.endpoint(python_handler("words.py"))
    got = node_sdk.call(stage.up, endpoint.id, "stream", {"text": TEXT, "pause": 0.02})
    assert [item["output"] for item in got["items"]] == TEXT.split()


@check(64, "the loop of the Go SDK (POST with wait) gets all and ends")
def c64(stage):
    endpoint = stage.endpoint(python_handler("words.py"))
    client = go_client.GoEndpoint(stage.up.base, stage.up.key, endpoint.id)
    job_id = client.run({"text": TEXT, "pause": 0.02})["id"]
    assert [item["output"] for item in client.stream(job_id)] == TEXT.split()
