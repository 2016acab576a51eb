"""The agent's side of chunk posts, for tests of sdk/python/millrace_stream.py: keeps chunks as worker/post.c
does, and fails as it is told to.

`faults` gives, for the number of a post (1 is the first that came), how it is answered instead of at once
with the plain 200:

  late      200, after a while                     close    200 with Connection: close
  cut       kept, closed without an answer         drop     not kept, closed without an answer
  half      kept, half of an answer, closed        garbage  kept, something that is not HTTP
  chunked   kept, 200 with a chunked body          refuse   not kept, 503, closed
  hang      kept, no answer until release()
"""

import asyncio
import json
import urllib.parse

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
ANSWERS = {
    "close": PLAIN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
    "cut": b"", "drop": b"", "half": PLAIN[:30], "garbage": b"\x00\x01 nothing of HTTP\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "refuse": b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
}


class ChunkAgent:
    def __init__(self):
        self.faults = {}
        self.posts = self.connections = 0
        self.kept, self.results, self.heads = {}, {}, []
        self.last_numbers = {}
        self.released = asyncio.Event()

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=1 << 24)
        self.base = "http://127.0.0.1:%d/v2/ep/" % self.server.sockets[0].getsockname()[1]
        return self

    def release(self):
        self.released.set()

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = head.split("\r\n")
                fields = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                fault = await self.answer(lines[0].split(" ")[1], fields, body, writer)
                if fault in ("close", "half", "garbage", "refuse"):
                    await self.linger(reader, writer)
                if fault not in (None, "late", "hang", "chunked"):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def linger(self, reader, writer):
        """Closes so that the peer gets all that was said."""
        writer.write_eof()
        while await reader.read(65536):
            pass

    async def answer(self, target, fields, body, writer):
        """The fault, None when there was none."""
        parts = urllib.parse.urlsplit(target)
        operation, _, job = parts.path.split("/")[3:6]
        if operation != "job-stream":
            self.results[job] = (json.loads(body), len(self.kept.get(job, [])))
            writer.write(PLAIN)
            return None
        self.posts += 1
        self.heads.append(fields)
        fault = self.faults.get(self.posts)
        if fault not in ("drop", "refuse"):
            self.keep(job, urllib.parse.parse_qs(parts.query).get("chunk"), json.loads(body))
        if fault == "late":
            await asyncio.sleep(0.1)
        if fault == "hang":
            await self.released.wait()
        writer.write(ANSWERS.get(fault, PLAIN))
        await writer.drain()
        return fault

    def keep(self, job, numbers, chunk):
        if numbers is not None:
            number = int(numbers[0])
            if number <= self.last_numbers.get(job, 0):
                return
            self.last_numbers[job] = number
        self.kept.setdefault(job, []).append(chunk["output"])
