"""A worker in the manner of worker-vllm: an async generator that takes openai_route and openai_input
and yields raw event text in batches, or one object when it shall not stream. RAW_OPENAI_OUTPUT=0
makes the events objects; AGGREGATE=0 leaves the output of the job empty."""

import asyncio
import os

import runpod

from model_server import MODEL, chunk_of, event, tokens_of, whole_of

RAW = os.environ.get("RAW_OPENAI_OUTPUT", "1") == "1"


def refusal(status, kind, message):
    return {"message": message, "type": kind, "param": None, "code": status}


async def stream(body, batch):
    held = []
    events = [chunk_of(body, {"role": "assistant", "content": ""})]
    events += [chunk_of(body, {"content": token}) for token in tokens_of(body)]
    events.append(chunk_of(body, {}, "stop"))
    for value in events:
        await asyncio.sleep(body.get("pause", 0))
        held.append(value)
        if len(held) == batch:
            yield "".join(event(one).decode() for one in held) if RAW else held
            held = []
    if RAW:
        yield "".join(event(one).decode() for one in held) + "data: [DONE]\n\n"
    elif held:
        yield held


async def handler(job):
    given = job["input"]
    body = given.get("openai_input") or {}
    if given["openai_route"] == "/v1/models":
        yield {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
    elif body.get("model") == "flat":
        yield {"object": "error", **refusal(404, "NotFoundError", "The model `flat` isn't there.")}
    elif body.get("model") == "raise":
        raise ValueError("out of memory while it loaded")
    elif body.get("model") != MODEL:
        yield {"error": refusal(404, "NotFoundError",
                                "The model `%s` doesn't exist." % body.get("model"))}
    elif not body.get("messages"):
        yield {"error": refusal(400, "BadRequestError", "messages: at least one is needed")}
    elif body.get("stream"):
        async for piece in stream(body, body.get("batch", 2)):
            yield piece
    else:
        await asyncio.sleep(body.get("pause", 0))
        yield whole_of(body, "".join(tokens_of(body)))


if __name__ == "__main__":
    runpod.serverless.start({
        "handler": handler,
        "concurrency_modifier": lambda _: 8,
        "return_aggregate_stream": os.environ.get("AGGREGATE", "1") == "1",
    })
