"""An async handler with a fixed concurrency (argument 1). Appends "start ID" and "end ID" lines to
the file of argument 2, one write each, so that tests can count executions and overlaps."""

import asyncio
import os
import sys

import runpod

CONCURRENCY = int(sys.argv.pop(1))
RECORD = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def note(event, job):
    os.write(RECORD, ("%s %s %d\n" % (event, job["id"], os.getpid())).encode())


async def handler(job):
    note("start", job)
    try:
        await asyncio.sleep(job["input"].get("seconds", 0))
    except asyncio.CancelledError:
        note("stopped", job)
        raise
    note("end", job)
    if job["input"].get("silent"):
        return {1, 2}  # the SDK cannot send a set: no result comes
    return {"n": job["input"].get("n")}


runpod.serverless.start({"handler": handler, "concurrency_modifier": lambda current: CONCURRENCY})
