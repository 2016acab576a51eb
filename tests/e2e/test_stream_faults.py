"""Streams while the way between the programs is broken: the bus cut by a firewall, a node that stands
still. MILLRACE_STREAM_CHUNKS=2000 is the full size."""

import os
import re
import signal
import threading
import time

import pytest

import private_net
from documents import document
from millrace_up import wait_for
from raw_worker import RawWorker, puppet_handler
from sse import SseReader

CHUNKS = int(os.environ.get("MILLRACE_STREAM_CHUNKS", "300"))
PAUSE_S = 0.005
HEALED_S = 1.5


@pytest.fixture
def alone():
    """Skipped where there are no network namespaces of one's own."""
    try:
        with private_net.private_net():
            yield
    except private_net.Unavailable as reason:
        pytest.skip(str(reason))


class Speaker(threading.Thread):
    """Posts numbers in the name of a handler, and remembers when."""

    def __init__(self, worker, job_id):
        super().__init__(daemon=True)
        self.worker, self.job_id, self.posted = worker, job_id, []
        self.start()

    def run(self):
        for number in range(CHUNKS):
            begin = time.monotonic()
            self.posted.append(begin)
            self.worker.chunk(self.job_id, '{"output": %d}' % number)
            time.sleep(max(0, PAUSE_S - (time.monotonic() - begin)))
        self.worker.done(self.job_id, "{}", stream="true")


def begin(up, folder, name):
    endpoint = up.apply(document(name, puppet_handler(folder), workersMin=1, workersMax=1))
    (worker,) = RawWorker.wait_all(folder)
    job_id = endpoint.run({})
    assert worker.take()["id"] == job_id
    return endpoint, worker, job_id


def worst_delay(reader, posted):
    chunks = [event for event in reader.events if event.name == "chunk"]
    return max(event.at - at for event, at in zip(chunks, posted))


@pytest.mark.timeout(180)
def test_with_the_bus_cut_by_a_firewall_all_comes_in_time(alone, fresh_up, tmp_path):
    up = fresh_up("--slots", 1)
    endpoint, worker, job_id = begin(up, tmp_path, "cut")
    readers = [SseReader.of(endpoint, job_id) for _ in range(2)]
    speaker = Speaker(worker, job_id)
    readers[0].wait(lambda reader: len(reader.chunks()) > CHUNKS // 4)
    port = int(re.findall(r"store\.ready bus=127\.0\.0\.1:(\d+)", up.log("api-0"))[-1])
    private_net.drop_port(port)
    speaker.join(120)
    ended = time.monotonic()
    for reader in readers:
        reader.wait_over()
        assert reader.outputs() == list(range(CHUNKS)) and reader.breaks == []
        assert worst_delay(reader, speaker.posted) < HEALED_S
        assert reader.events[-1].at - ended < HEALED_S
    assert worst_delay(readers[0], speaker.posted) > 0.2, "the bus was really cut"
    private_net.drop_nothing()


@pytest.mark.timeout(180)
def test_readers_of_a_node_that_stands_still_go_on_at_another(fresh_up, tmp_path):
    up = fresh_up("--api-nodes", 2, "--slots", 1)
    endpoint, worker, job_id = begin(up, tmp_path, "still")
    bases = ["http://127.0.0.1:%d" % (up.port + n) for n in range(2)]
    patience = 1.0
    reader = SseReader(endpoint.path("events", job_id), up.key, *bases, timeout=patience)
    reader.start()
    speaker = Speaker(worker, job_id)
    reader.wait(lambda reader: len(reader.chunks()) > CHUNKS // 4)
    node = up.pid("api-0")
    os.kill(node, signal.SIGSTOP)
    try:
        wait_for(lambda: reader.breaks, 20, "the reader gives the node up")
        speaker.join(120)
        reader.wait_over()
    finally:
        os.kill(node, signal.SIGCONT)
    assert len(reader.breaks) == 1 and reader.outputs() == list(range(CHUNKS))
    assert worst_delay(reader, speaker.posted) < patience + HEALED_S
