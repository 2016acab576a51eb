"""The unmodified runpod package as a client, synchronous and asynchronous."""

import aiohttp
import pytest

from documents import python_handler

TEXT = "every word comes once and in order: one two three four five six seven"


@pytest.fixture
def words(make_endpoint):
    return make_endpoint(python_handler("words.py"))


def test_run_status_output(runpod, noop):
    job = runpod.Endpoint(noop.id).run({"n": 1})
    assert job.output(timeout=30) == {"n": 1}
    assert job.status() == "COMPLETED"


def test_run_sync(runpod, noop):
    assert runpod.Endpoint(noop.id).run_sync({"n": 2}, timeout=30) == {"n": 2}


def test_run_sync_with_a_whole_body(runpod, noop):
    body = {"input": {"n": 3}, "policy": {"executionTimeout": 60000}}
    assert runpod.Endpoint(noop.id).run_sync(body, timeout=30) == {"n": 3}


def test_empty_input_arrives_as_the_sdk_wraps_it(runpod, noop):
    assert runpod.Endpoint(noop.id).run_sync({"input": {}}, timeout=30) == {"input": {}}


def test_stream_yields_every_word_once_in_order(runpod, words):
    job = runpod.Endpoint(words.id).run({"text": TEXT, "pause": 0.02})
    assert list(job.stream()) == TEXT.split()
    assert job.status() == "COMPLETED"


def test_stream_of_a_finished_job(runpod, words):
    job = runpod.Endpoint(words.id).run({"text": TEXT})
    words.wait(job.job_id)
    assert list(job.stream()) == TEXT.split()


def test_cancel(runpod, parked):
    job = runpod.Endpoint(parked.id).run({})
    assert job.cancel()["status"] == "CANCELLED"
    assert job.status() == "CANCELLED"


def test_health(runpod, parked):
    endpoint = runpod.Endpoint(parked.id)
    endpoint.run({})
    assert endpoint.health()["jobs"]["inQueue"] == 1


def test_wrong_key_is_a_runtime_error(runpod, parked):
    with pytest.raises(RuntimeError):
        runpod.Endpoint(parked.id, api_key="wrong").run({})


def test_failed_job_has_no_output(runpod, make_endpoint):
    endpoint = make_endpoint(python_handler("plain.py"))
    job = runpod.Endpoint(endpoint.id).run({"do": "raise", "why": "test"})
    assert job.output(timeout=60) is None
    assert job.status() == "FAILED"


async def test_async_run_status_output(runpod, noop):
    async with aiohttp.ClientSession() as session:
        job = await runpod.AsyncioEndpoint(noop.id, session).run({"n": 1})
        assert await job.output(timeout=30) == {"n": 1}
        assert await job.status() == "COMPLETED"


async def test_async_stream_yields_every_word_once_in_order(runpod, words):
    async with aiohttp.ClientSession() as session:
        job = await runpod.AsyncioEndpoint(words.id, session).run({"text": TEXT, "pause": 0.02})
        assert [word async for word in job.stream()] == TEXT.split()


async def test_async_cancel_and_health(runpod, parked):
    async with aiohttp.ClientSession() as session:
        endpoint = runpod.AsyncioEndpoint(parked.id, session)
        job = await endpoint.run({})
        assert (await endpoint.health())["jobs"]["inQueue"] == 1
        assert (await job.cancel())["status"] == "CANCELLED"
        assert await job.status() == "CANCELLED"


async def test_async_many_at_once(runpod, noop):
    async with aiohttp.ClientSession() as session:
        endpoint = runpod.AsyncioEndpoint(noop.id, session)
        jobs = [await endpoint.run({"n": n}) for n in range(20)]
        assert [await job.output(timeout=30) for job in jobs] == [{"n": n} for n in range(20)]
