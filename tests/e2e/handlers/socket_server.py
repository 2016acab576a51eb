"""A small WebSocket server: says how it was reached, then does what the path asks for. Listens on PORT.

/echo sends back; /flood sends messages of 64 KB and counts them; /quiet reads nothing; /refused is
answered 403; /health and /counts are plain HTTP."""

import asyncio
import http
import json
import os

from websockets.asyncio.server import serve

counts = {"open": 0, "flooded": 0, "pid": os.getpid()}


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def flood(socket):
    message = os.urandom(65536)
    for _ in range(4096):
        await socket.send(message)
        counts["flooded"] += 1


async def handle(socket):
    request = socket.request
    counts["open"] += 1
    try:
        if request.path.startswith("/echo"):
            await socket.send(json.dumps({
                "path": request.path, "subprotocol": socket.subprotocol, "pid": os.getpid(),
                "headers": {name.lower(): value for name, value in request.headers.raw_items()}}))
            await echo(socket)
        elif request.path == "/flood":
            await flood(socket)
        else:
            await asyncio.sleep(600)
    finally:
        counts["open"] -= 1


def plain(connection, request):
    if request.path == "/refused":
        return connection.respond(http.HTTPStatus.FORBIDDEN, "not this one\n")
    if request.path == "/health":
        return connection.respond(http.HTTPStatus.OK, "")
    if request.path == "/counts":
        return connection.respond(http.HTTPStatus.OK, json.dumps(counts))
    return None


def choose(_, offered):
    return "chat" if "chat" in offered else None


async def main():
    async with serve(handle, "127.0.0.1", int(os.environ["PORT"]), process_request=plain,
                     select_subprotocol=choose, max_size=None, max_queue=4, ping_interval=None):
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
