"""A generator handler: yields the words of input["text"], one chunk each."""

import os
import time

import runpod


def handler(job):
    given = job["input"]
    for number, word in enumerate(given["text"].split()):
        if number == given.get("fail_at"):
            raise RuntimeError("stream broken on purpose")
        time.sleep(given.get("pause", 0))
        yield word


runpod.serverless.start({
    "handler": handler,
    "return_aggregate_stream": os.environ.get("AGGREGATE") == "1",
})
