"""sdk/python/millrace_stream.py against an agent that fails in every way: each chunk comes once, in order,
before the result; what does not come is said as the SDK says it."""

import ast
import asyncio
import importlib.util
import json
import os
import types

import aiohttp
import pytest

from chunk_agent import ChunkAgent
from millrace_up import ROOT

SOURCE = ROOT / "worker/sdk/python/millrace_stream.py"
FAULTS = ["late", "close", "cut", "drop", "half", "garbage", "chunked", "refuse"]


class Log:
    def __init__(self):
        self.errors = []

    def error(self, message, job):
        self.errors.append((job, message))


class Sdk(types.SimpleNamespace):
    """What rp_http is to the poster, with a _transmit that counts, and repeats nothing."""

    def __init__(self, base):
        super().__init__(JOB_STREAM_URL=base + "job-stream/w/$ID?gpu=",
                         JOB_DONE_URL=base + "job-done/w/$ID?gpu=", log=Log(), slow_posts=[])

        async def _transmit(client_session, url, job_data):
            self.slow_posts.append(url)
            async with client_session.post(url, data=job_data, raise_for_status=True) as answer:
                await answer.text()
        self._transmit = _transmit

    async def chunk(self, session, job, output):
        await self._transmit(session, self.JOB_STREAM_URL.replace("$ID", job) + "&isStream=false",
                             json.dumps({"output": output}))

    async def result(self, session, job):
        await self._transmit(session, self.JOB_DONE_URL.replace("$ID", job) + "&isStream=true", "{}")

    async def stream(self, session, job, outputs):
        for output in outputs:
            await self.chunk(session, job, output)
        await self.result(session, job)


@pytest.fixture
def poster():
    """The module under test, loaded anew."""
    spec = importlib.util.spec_from_file_location("millrace_stream", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def stage(poster):
    agent = await ChunkAgent().start()
    sdk = Sdk(agent.base)
    poster.install(sdk)
    async with aiohttp.ClientSession(headers={"Authorization": "key"}) as session:
        yield agent, sdk, session
    agent.release()
    agent.server.close()


async def reached(condition):
    while not condition():
        await asyncio.sleep(0.001)


def whole(agent, job, count):
    return agent.kept[job] == list(range(count)) and agent.results[job] == ({}, count)


async def test_full_speed(stage):
    agent, sdk, session = stage
    await sdk.stream(session, "a", range(2000))
    assert whole(agent, "a", 2000)
    assert len(sdk.slow_posts) == 1, "the result"
    assert agent.posts == 2000
    head = agent.heads[0]
    assert (head["authorization"], head["x-request-id"], head["charset"]) == ("key", "a", "utf-8")
    assert head["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("first", [1, 2, 50, 199, 200])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_loses_and_doubles_nothing(stage, fault, first, capfd):
    agent, sdk, session = stage
    agent.faults[first] = fault
    await sdk.stream(session, "a", range(200))
    assert whole(agent, "a", 200) and sdk.log.errors == []
    said = capfd.readouterr().err
    assert ("posted again" in said) == (fault != "late")
    assert ("from now on" in said) == (fault in ("garbage", "chunked"))


@pytest.mark.parametrize("seed", range(10))
async def test_fault_after_fault(stage, seed):
    """Those on posts that are repeats hit the SDK's own way, which says so; order and singleness hold."""
    import random
    agent, sdk, session = stage
    choose = random.Random(seed)
    agent.faults = {n: choose.choice(FAULTS[:5] + ["refuse"]) for n in choose.sample(range(1, 1200), 40)}
    await asyncio.gather(*(sdk.stream(session, job, range(300)) for job in "abc"))
    lost = 0
    for job in "abc":
        assert agent.kept[job] == sorted(set(agent.kept[job]))
        assert agent.results[job][1] == len(agent.kept[job]), "nothing behind the result"
        lost += 300 - len(agent.kept[job])
    assert lost <= len(sdk.log.errors)


async def test_a_chunk_that_stays_refused_is_said_and_the_rest_comes(stage):
    agent, sdk, session = stage
    agent.faults = {20: "refuse", 21: "refuse"}
    await sdk.stream(session, "a", range(100))
    assert agent.kept["a"] == [n for n in range(100) if n != 19]
    ((job, message),) = sdk.log.errors
    assert job == "a" and message.startswith("Failed to return job results. | 503")


async def test_an_error_that_the_sdk_does_not_catch_is_raised(stage):
    agent, sdk, session = stage
    agent.faults = {20: "cut"}

    def broken(*args, **options):
        raise ValueError("not caught")
    session.post = broken
    with pytest.raises(ValueError, match="not caught"):
        await sdk.stream(session, "a", range(100))


async def test_nobody_listens(stage):
    agent, sdk, session = stage
    agent.server.close()
    with pytest.raises(aiohttp.ClientConnectorError):
        await sdk.chunk(session, "a", 0)
    assert len(sdk.slow_posts) == 1


@pytest.mark.parametrize("size, most", [(10, 64), (200000, 6)])
async def test_the_window(stage, poster, size, most):
    agent, sdk, session = stage
    await sdk.chunk(session, "a", "the first, waited for")
    agent.faults = {n: "hang" for n in range(2, 500)}
    poster.BREATH_S = 3600
    begun = []

    async def stream():
        for number in range(100):
            begun.append(number)
            await sdk.chunk(session, "a", "x" * size)
        await sdk.result(session, "a")
    task = asyncio.create_task(stream())
    await reached(lambda: len(begun) == most + 1)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(begun) == most + 1
    agent.release()
    await task
    assert agent.results["a"] == ({}, 101)


async def test_cancelled_at_the_window(stage, poster):
    agent, sdk, session = stage
    agent.faults = {n: "hang" for n in range(1, 500)}
    task = asyncio.create_task(sdk.stream(session, "a", range(100)))
    await reached(lambda: agent.posts)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    agent.faults = {}
    await sdk.stream(session, "b", range(100))
    assert whole(agent, "b", 100), "another job has a connection of its own"
    agent.release()
    await sdk.stream(session, "c", range(100))
    assert whole(agent, "c", 100) and "a" not in agent.results


async def test_jobs_side_by_side(stage):
    agent, sdk, session = stage
    jobs = ["job-%d" % n for n in range(20)]
    await asyncio.gather(*(sdk.stream(session, job, range(100)) for job in jobs))
    assert all(whole(agent, job, 100) for job in jobs)
    before = agent.connections
    await sdk.stream(session, "more", range(100))
    assert agent.connections <= before + 1, "connections are used again"


async def test_no_answer_for_long_is_a_lost_connection(stage, poster):
    agent, sdk, session = stage
    poster.STUCK_S = 0.1
    agent.faults = {50: "hang"}
    await sdk.stream(session, "a", range(100))
    assert whole(agent, "a", 100)


async def test_a_breath_waits_for_the_answer(stage, poster):
    agent, sdk, session = stage
    poster.BREATH_S = 0
    for number in range(20):
        await sdk.chunk(session, "a", number)
        assert agent.kept["a"][-1] == number


async def test_large_chunks_go_the_way_of_the_sdk_in_their_turn(stage, poster):
    agent, sdk, session = stage
    outputs = [n if n % 10 else "x" * (poster.LARGE + n) for n in range(100)]
    await sdk.stream(session, "a", outputs)
    assert agent.kept["a"] == outputs and len(sdk.slow_posts) == 11


async def test_text_that_cannot_be_sent_fails_as_it_would_without(stage):
    agent, sdk, session = stage
    url = sdk.JOB_STREAM_URL.replace("$ID", "a") + "&isStream=false"
    with pytest.raises(UnicodeEncodeError):
        await sdk._transmit(session, url, '{"output": "\ud800"}')
    await sdk.stream(session, "a", range(10))
    assert whole(agent, "a", 10)


async def test_other_addresses_are_left_alone(stage):
    agent, sdk, session = stage
    url = agent.base + "job-done/w/a?gpu=&isStream=false"
    await sdk._transmit(session, url, '{"status": "IN_PROGRESS"}')
    assert sdk.slow_posts == [url]


async def test_a_session_without_a_key_is_a_surprise(stage, capfd):
    agent, sdk, _ = stage
    async with aiohttp.ClientSession() as session:
        await sdk.stream(session, "a", range(10))
    assert whole(agent, "a", 10) and len(sdk.slow_posts) == 11
    assert capfd.readouterr().err.count("from now on") == 1


def test_one_loop_after_the_other(poster):
    sdk = Sdk("http://127.0.0.1:1/v2/ep/")
    poster.install(sdk)

    async def post():
        async with aiohttp.ClientSession(headers={"Authorization": "key"}) as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await sdk._transmit(session, "http://127.0.0.1:1/v2/ep/job-stream/w/a?gpu=", "{}")
    for _ in range(3):
        asyncio.run(post())


def test_a_forked_process_leaves_the_connections_of_its_parent(poster):
    sdk = Sdk("http://127.0.0.1:1/v2/ep/")
    used = []

    async def _transmit(client_session, url, job_data):
        used.append(url)
    sdk._transmit = _transmit
    poster.install(sdk)
    url = "http://127.0.0.1:1/v2/ep/job-stream/w/a?gpu="
    pid = os.fork()
    if pid == 0:
        try:
            asyncio.run(sdk._transmit(None, url, "{}"))
        finally:
            os._exit(0 if used == [url] else 1)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.parametrize("base", ["JOB", "https://127.0.0.1:1/", "http://example.test/",
                                  "http://127.0.0.1:1/without-a-job"])
def test_other_servers_are_left_to_the_sdk(poster, base):
    sdk = Sdk(base)
    if "without" in base:
        sdk.JOB_STREAM_URL = base
    before = sdk._transmit
    poster.install(sdk)
    assert sdk._transmit is before


def test_another_transmit_is_not_touched(poster):
    sdk = Sdk("http://127.0.0.1:1/v2/ep/")

    async def _transmit(session, url, data, retries):
        pass
    sdk._transmit = _transmit
    with pytest.raises(TypeError, match="retries"):
        poster.install(sdk)
    assert sdk._transmit is _transmit


@pytest.mark.parametrize("path", sorted(SOURCE.parent.glob("*.py")), ids=lambda path: path.name)
def test_old_pythons_read_it(path):
    ast.parse(path.read_text(), feature_version=(3, 8))


@pytest.mark.parametrize("head, kind", [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2", 2), (b"HTTP/1.1 200\r\ncontent-length: 0", 0),
    (b"HTTP/1.1 200 OK", ValueError), (b"HTTP/1.0 200 OK\r\nContent-Length: 2", ValueError),
    (b"HTTP/1.1 200 OK\r\nContent-Length: -1", ValueError),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5000", ValueError),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2", ValueError),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nbroken", ValueError),
    (b"HTTP/1.1 200 OK\r\n Content-Length: 2", ValueError), (b"", ValueError),
])
def test_heads(poster, head, kind):
    if kind is ValueError:
        with pytest.raises(ValueError):
            poster.parse_head(head)
    else:
        assert poster.parse_head(head) == kind
