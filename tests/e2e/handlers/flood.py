"""Generator handlers at full speed. input: count, fail_at, die_at, cut_at (the connection for chunks is cut
before that chunk), pause. Argument 1: plain, async, many (four jobs at a time), aggregate."""

import asyncio
import gc
import os
import signal
import sys
import time

import runpod
from runpod.serverless.modules import rp_http

kind = sys.argv.pop(1)


def cut():
    """What is on its way is lost, as if the agent had closed."""
    import millrace_stream
    for thing in gc.get_objects():
        if isinstance(thing, millrace_stream.Link):
            thing.transport.abort()


def step(given, number):
    if number == given.get("fail_at"):
        raise RuntimeError("flood broken on purpose")
    if number == given.get("die_at"):
        os.kill(os.getpid(), signal.SIGKILL)
    if number == given.get("cut_at"):
        cut()
    return {"n": number, "quick": hasattr(rp_http._transmit, "__wrapped__")}


def plain(job):
    for number in range(job["input"]["count"]):
        time.sleep(job["input"].get("pause", 0))
        yield step(job["input"], number)


async def awaiting(job):
    for number in range(job["input"]["count"]):
        await asyncio.sleep(job["input"].get("pause", 0))
        yield step(job["input"], number)


config = {"handler": plain if kind in ("plain", "aggregate") else awaiting}
if kind == "many":
    config["concurrency_modifier"] = lambda _: 4
runpod.serverless.start(dict(config, return_aggregate_stream=kind == "aggregate"))
