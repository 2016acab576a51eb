"""Handlers that are shared objects: noop.so gives back the input, render.so paints a picture."""

import base64
import io

import PIL.Image
import pytest

from documents import library_handler
from millrace_up import wait_for


@pytest.fixture
def render(make_endpoint):
    return make_endpoint(library_handler("render.so", RENDER_DEVICE="cpu"))


def picture(output):
    image = PIL.Image.open(io.BytesIO(base64.b64decode(output["image"])))
    image.load()
    return image


def test_noop_gives_the_input_back(noop):
    given = {"text": "é😀", "n": [1, 2.5, None, True], "deep": {"a": {"b": []}}}
    assert noop.runsync(given)["output"] == given


def test_noop_keeps_every_byte(noop):
    given = '{"n": 9007199254740993, "d": 1e400, "u": "\\u00e9\\ud83d\\ude00", "k": {"a":1,"a":2}}'
    reply = noop.up.request("POST", noop.path("runsync"), data='{"input":' + given + "}",
                            headers={"Content-Type": "application/json"})
    assert '"output":' + given in reply.text


def test_noop_many_jobs(noop):
    job_ids = [noop.run({"n": n}) for n in range(100)]
    assert [noop.wait(job_id)["output"] for job_id in job_ids] == [{"n": n} for n in range(100)]
    assert noop.health()["jobs"]["completed"] == 100


def test_render_returns_a_png_that_decodes(render):
    job = render.runsync({"width": 64, "height": 48, "samples": 4, "seed": 7})
    assert job["status"] == "COMPLETED", job
    image = picture(job["output"])
    assert (image.format, image.size) == ("PNG", (64, 48))
    assert len(set(image.convert("RGB").getdata())) > 16, "more than a plain colour"


def test_render_through_the_sdk(runpod, render):
    output = runpod.Endpoint(render.id).run_sync({"width": 32, "height": 32, "samples": 2}, timeout=60)
    assert picture(output).size == (32, 32)


def test_render_is_the_same_for_the_same_seed(render):
    order = {"width": 32, "height": 32, "samples": 4, "seed": 11}
    first, second = (render.runsync(order)["output"]["image"] for _ in range(2))
    assert first == second


def test_render_refuses_what_it_does_not_know(render):
    job = render.runsync({"width": 1})
    assert job["status"] == "FAILED" and "width" in job["error"]


def test_unloadable_library_says_why(make_endpoint):
    endpoint = make_endpoint({"library": "/no/such/handler.so"})
    job_id = endpoint.run({})
    wait_for(lambda: "/no/such/handler.so" in endpoint.up.log("agent-0"), 30, "a line in the log")
    assert endpoint.status(job_id)["status"] == "IN_QUEUE"
