"""Chunks of generator handlers, posted without a wait for each answer.

runpod's rp_http._transmit makes a new aiohttp request for every chunk and waits for its answer: most
of a millisecond in which the handler does nothing. install() puts a function in its place that writes
the chunks of a job behind one another on a connection to the agent, and waits only

  - when 64 posts or 1 MiB have no answer yet: an agent without room makes the handler wait, as ever,
  - once in 50 ms, so that the loop serves its other tasks (stop signals, polls); when several jobs
    stream in one loop each chunk lets the others go on, as before,
  - before a result, which must not overtake the chunks of its job.

What goes wrong is left to the SDK: when a connection breaks, or brings anything but a plain 200, each
post without an answer is handed to the original _transmit, in order, with its repeats and its words
in the log. Posts carry numbers that only grow (&chunk=N), by which the agent knows those it has
already (worker/post.c): nothing is lost, nothing comes twice. Large chunks, other addresses and
forked processes take the original from the start; after an answer that makes no sense all do.

What must never happen: a chunk before an earlier one of its job, or behind its result."""

import asyncio
import collections
import functools
import inspect
import itertools
import os
import re
import sys
import threading
import urllib.parse
import weakref

import aiohttp

WINDOW_POSTS = 64
WINDOW_BYTES = 1 << 20
LARGE = 256 << 10  # characters of a chunk for which the SDK's own way costs little beside the rest
BREATH_S = 0.05
STUCK_S = 600  # without an answer; the SDK waits as long
HEAD_MAX = 16384
BODY_MAX = 4096  # of an answer

_PLAIN = re.compile("[!-~]+")
_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3})(?: [^\r\n]*)?")
_numbers = itertools.count(1)  # none is used twice while the process lives


def say(text):
    sys.stderr.write("millrace: %s\n" % text)


# ---- answers

class Unusual(Exception):
    """An answer that may be right, but is not the plain 200: the SDK shall ask again and judge."""


def parse_head(head):
    """Length of the body behind the head of a plain 200; ValueError for what the agent never says."""
    first, *lines = head.split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if not status:
        raise ValueError("no HTTP answer but %r" % first[:60])
    fields = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or name.strip() != name or name.lower() in fields:
            raise ValueError("an answer with the line %r" % line[:60])
        fields[name.lower()] = value.strip().lower()
    if status.group(1) != b"200":
        raise Unusual("answered %s" % status.group(1).decode())
    if fields.get(b"connection") == b"close":
        raise Unusual("answered with the end of the connection")
    length = fields.get(b"content-length", b"")
    if b"transfer-encoding" in fields or not length.isdigit() or int(length) > BODY_MAX:
        raise ValueError("an answer without a sensible Content-Length")
    return int(length)


class Link(asyncio.Protocol):
    """One connection. It serves one job at a time, as long as that has posts without an answer."""

    def __init__(self, poster):
        self.poster, self.stream, self.transport = poster, None, None
        self.received = bytearray()
        self.known_head, self.known_length = None, 0  # answers are alike
        self.answers, self.answers_seen, self.watch = 0, 0, None

    def connection_made(self, transport):
        self.transport = transport

    def is_open(self):
        return not self.transport.is_closing()

    def write(self, stream, request):
        self.stream = stream
        self.transport.write(request)
        if self.watch is None:
            self.answers_seen = self.answers
            self.watch = self.poster.loop.call_later(STUCK_S, self._look)

    def _look(self):
        self.watch = None
        if self.stream is None:
            return
        if self.answers == self.answers_seen:
            self._leave("no answer for %d s" % STUCK_S)
            return
        self.answers_seen = self.answers
        self.watch = self.poster.loop.call_later(STUCK_S, self._look)

    def data_received(self, data):
        self.received += data
        try:
            while self.received:
                if not self._take_answer():
                    break
        except Unusual as error:
            self._leave(str(error))
        except ValueError as error:
            self.poster.target.give_up(error)
            self._leave(str(error))

    def _take_answer(self):
        """False when it is not all here."""
        end = self.received.find(b"\r\n\r\n")
        if self.stream is None:
            raise ValueError("an answer without a question")
        if end < 0 and len(self.received) > HEAD_MAX:
            raise ValueError("an answer without an end")
        if end < 0:
            return False
        if self.received[:end] != self.known_head:
            head = bytes(self.received[:end])
            self.known_length, self.known_head = parse_head(head), head
        whole = end + 4 + self.known_length
        if len(self.received) < whole:
            return False
        del self.received[:whole]
        self.answers += 1
        self.stream.answered()
        return True

    def connection_lost(self, error):
        if self in self.poster.idle:
            self.poster.idle.remove(self)
        self._leave("the connection broke: %s" % (error or "closed by the agent"))

    def _leave(self, why):
        stream, self.stream = self.stream, None
        self.transport.abort()
        if self.watch is not None:
            self.watch.cancel()
            self.watch = None
        if stream is not None:
            stream.lost(why)


# ---- posts without an answer

Post = collections.namedtuple("Post", "number data size")


class Stream:
    """Those of one job, in the order of their numbers: all on one link, or all being repeated."""

    def __init__(self, poster, job, session, url):
        self.poster, self.job, self.session, self.url = poster, job, session, url
        self.start, self.headers = poster.target.request(job, session, url)
        self.posts, self.size = collections.deque(), 0
        self.link = None       # only while there are posts
        self.repeating = None  # the task
        self.error = None      # what the next call for this job raises
        self.waiters = []

    def has_room(self):
        return len(self.posts) < WINDOW_POSTS and self.size < WINDOW_BYTES

    def write(self, link, data, body):
        number, size = next(_numbers), len(body)
        self.link = link
        self.posts.append(Post(number, data, size))
        self.size += size
        link.write(self, b"%b%d%b%d\r\n\r\n%b" % (self.start, number, self.headers, size, body))

    def answered(self):
        self.size -= self.posts.popleft().size
        if not self.posts:
            link, self.link = self.link, None
            link.stream = None
            self.poster.idle.append(link)
        self._wake()

    def lost(self, why):
        self.link = None
        say("chunks of job %s posted again: %d, %s" % (self.job, len(self.posts), why))
        self.repeating = self.poster.loop.create_task(self._repeat())

    async def _repeat(self):
        """As the SDK would have posted them; what it says of those that fail is said here."""
        target = self.poster.target
        try:
            while self.posts:
                post = self.posts[0]
                try:
                    url = "%s&chunk=%d" % (self.url, post.number)
                    await target.original(self.session, url, post.data)
                except (aiohttp.ClientError, TypeError, RuntimeError) as error:
                    target.log.error("Failed to return job results. | %s" % error, self.job)
                except Exception as error:  # the SDK lets it end the job
                    self.error = error
                    self.poster.failed[self.job] = self
                self.posts.popleft()
        finally:
            for _ in self.posts:
                target.log.error("Failed to return job results. | cancelled", self.job)
            self.posts.clear()
            self.size = 0
            self.repeating = None
            self._wake()

    # ---- waiting
    def _wake(self):
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def changed(self):
        waiter = self.poster.loop.create_future()
        self.waiters.append(waiter)
        await waiter

    async def all_answered(self):
        while self.posts:
            await self.changed()
        self.raise_error()

    def raise_error(self):
        error, self.error = self.error, None
        if error is not None:
            self.poster.failed.pop(self.job, None)
            raise error


class Poster:
    """All that one event loop has on its way."""

    def __init__(self, target, loop):
        self.target, self.loop = target, loop
        self.streams = weakref.WeakValueDictionary()  # by job; one is gone when nobody waits on it
        self.recent, self.earlier = {}, {}  # those with chunks since the last breath, the one before
        self.failed = {}  # those with an error still to be raised
        self.idle = []    # links without a job
        self.breath = 0.0

    def stream_of(self, session, url):
        """None when it is no address for chunks, or must not be used."""
        stream = self.recent.get(url)
        if stream is not None and stream.session is session:
            return stream
        job = self.target.stream.job_of(url)
        if job is None:
            return None
        stream = self.streams.get(job)
        if stream is None:
            try:
                stream = self.streams[job] = Stream(self, job, session, url)
            except Exception as error:
                self.target.give_up(error)
                return None
        self.recent[url] = stream
        return stream

    async def _take_link(self):
        """None when the agent cannot be reached."""
        while self.idle:
            link = self.idle.pop()
            if link.is_open():
                return link
        try:
            _, link = await self.loop.create_connection(
                lambda: Link(self), self.target.host, self.target.port)
        except OSError:
            return None
        return link if link.is_open() else None

    async def _take_turn(self, stream):
        """The link on which the next chunk may be written at once, None when there is none."""
        while True:
            stream.raise_error()
            if self.target.is_off:
                return None
            if stream.repeating is not None or not stream.has_room():
                await stream.changed()
            elif stream.link is not None:
                if stream.link.is_open():
                    return stream.link
                await asyncio.sleep(0)  # its end is about to be told
            else:
                link = await self._take_link()
                if link is None or (stream.link is None and stream.repeating is None):
                    return link
                self.idle.append(link)  # somebody else posts for this job, too

    async def chunk(self, session, url, data):
        """False when it has to go the way of the SDK."""
        stream = None if self.target.is_off else self.stream_of(session, url)
        if stream is None or len(data) >= LARGE:
            return False
        try:
            body = data.encode()
        except UnicodeEncodeError:
            return False
        link = await self._take_turn(stream)
        if link is None:
            return False
        stream.write(link, data, body)
        if self.loop.time() - self.breath >= BREATH_S:
            await self._breathe(stream)
        elif len(self.recent) > 1 or len(self.earlier) > 1:
            await asyncio.sleep(0)
        return True

    async def _breathe(self, stream):
        self.earlier, self.recent = self.recent, {stream.url: stream}
        await stream.all_answered()
        await asyncio.sleep(0)
        self.breath = self.loop.time()

    async def flush(self, url):
        """Waits for the answers to all chunks of the job of this address."""
        target = self.target
        stream = self.streams.get(target.stream.job_of(url) or target.done.job_of(url))
        if stream is not None:
            self.recent.pop(stream.url, None)
            self.earlier.pop(stream.url, None)
            await stream.all_answered()


# ---- the SDK

class Template:
    """An address with a place for the job."""

    def __init__(self, text):
        self.before, self.mark, _ = text.partition("$ID")

    def job_of(self, url):
        """None when it is another address."""
        if not self.mark or not url.startswith(self.before):
            return None
        return re.split("[/?&]", url[len(self.before):], maxsplit=1)[0] or None


class Target:
    """The agent, and the SDK's way to it."""

    def __init__(self, module):
        self.original, self.log = module._transmit, module.log
        self.stream, self.done = Template(module.JOB_STREAM_URL), Template(module.JOB_DONE_URL)
        parts = urllib.parse.urlsplit(self.stream.before)
        self.is_ours = (parts.scheme, parts.hostname, self.stream.mark) == ("http", "127.0.0.1", "$ID")
        self.netloc, self.host = parts.netloc, parts.hostname
        self.port = parts.port if self.is_ours else None
        self.local = threading.local()
        self.is_off = False
        os.register_at_fork(after_in_child=self._leave_alone)

    def _leave_alone(self):
        self.is_off = True  # connections and numbers are the parent's

    def give_up(self, error):
        if not self.is_off:
            say("from now on the SDK posts each chunk by itself: %s" % error)
        self.is_off = True

    def poster(self):
        loop = asyncio.get_running_loop()
        poster = getattr(self.local, "poster", None)
        if poster is None or poster.loop is not loop:
            poster = self.local.poster = Poster(self, loop)
        return poster

    def request(self, job, session, url):
        """The parts of a post before its number, and between that and the length of its body."""
        path, key = url[len("http://" + self.netloc):], session.headers["Authorization"]
        for word in (path, job, key):
            if not _PLAIN.fullmatch(word):
                raise ValueError("%r cannot stand in a request" % word[:60])
        headers = (" HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nX-Request-ID: %s\r\n"
                   "charset: utf-8\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                   "Content-Length: " % (self.netloc, key, job))
        return ("POST %s&chunk=" % path).encode(), headers.encode()


def install(module):
    """module: runpod.serverless.modules.rp_http, loaded."""
    original = module._transmit
    names = list(inspect.signature(original).parameters)
    if names != ["client_session", "url", "job_data"] or not inspect.iscoroutinefunction(original):
        raise TypeError("_transmit(%s) is not known here" % ", ".join(names))
    target = Target(module)
    if not target.is_ours:
        return

    @functools.wraps(original)
    async def _transmit(client_session, url, job_data):
        poster = target.poster()
        if not isinstance(job_data, str) or not await poster.chunk(client_session, url, job_data):
            await poster.flush(url)
            await original(client_session, url, job_data)
    module._transmit = _transmit
