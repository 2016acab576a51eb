"""chunks: reads a job and its chunks from a place on, consumes nothing, registers close watchers."""

import pytest


@pytest.fixture
def running(queue):
    queue.submit("a")
    queue.take_one()
    return queue


def test_chunks_of_an_unknown_job(queue):
    assert queue.chunks("nobody", watcher="n:1") is None
    assert queue.redis.keys("*") == []


def test_chunks_of_a_waiting_job(queue):
    queue.submit("a")
    tail = queue.chunks("a")
    assert (tail.job.state, tail.job.attempt, tail.job.token) == ("Q", "0", "tk-a")
    assert (tail.first, tail.stored, tail.chunks) == (0, 0, [])


def test_chunks_consumes_nothing(running):
    running.append("a", 0, "x", "y")
    before = running.job("a")
    assert running.chunks("a").chunks == ["x", "y"]
    assert running.chunks("a").chunks == ["x", "y"]
    assert running.job("a") == before
    assert running.stream("a").chunks == ["x", "y"]
    assert running.chunks("a").chunks == ["x", "y"]


def test_chunks_from_an_index_of_the_same_attempt(running):
    running.append("a", 0, "x", "y", "z")
    tail = running.chunks("a", attempt=1, first=2)
    assert (tail.first, tail.stored, tail.chunks) == (2, 3, ["z"])
    assert running.chunks("a", attempt=1, first=3).chunks == []
    assert running.chunks("a", attempt=1, first=9).chunks == []


def test_chunks_of_another_attempt_begin_at_0(running):
    running.append("a", 0, "old")
    running.lost("a")
    tail = running.chunks("a", attempt=1, first=1)
    assert (tail.job.state, tail.job.retries, tail.chunks) == ("Q", "1", [])
    running.take_one()
    assert running.chunks("a", attempt=1, first=1).stored == 0
    running.append("a", 0, "x", "y", attempt=2)
    tail = running.chunks("a", attempt=1, first=1)
    assert (tail.job.attempt, tail.first, tail.chunks) == ("2", 0, ["x", "y"])


@pytest.mark.parametrize("budget, count", [(1, 1), (10, 1), (20, 2), (25, 2), (10000, 600)])
def test_chunks_keeps_to_the_budget_but_gives_one(running, budget, count):
    for first in range(0, 600, 100):
        running.append("a", first, *["%010d" % n for n in range(first, first + 100)])
    tail = running.chunks("a", budget=budget)
    assert tail.chunks == ["%010d" % n for n in range(count)]
    assert tail.stored == 600


def test_pages_join_without_gap_or_repeat(running):
    sent = ["c" * (n % 37) + str(n) for n in range(400)]
    for first in range(0, 400, 50):
        running.append("a", first, *sent[first:first + 50])
    got = []
    while True:
        page = running.chunks("a", attempt=1, first=len(got), budget=300)
        if not page.chunks:
            break
        assert page.first == len(got)
        got += page.chunks
    assert got == sent


def test_members_come_only_with_a_new_version(running):
    assert running.chunks("a").job.members is None
    running.progress("a", members='"output":1')
    first = running.chunks("a")
    assert first.job.members == '"output":1'
    assert running.chunks("a", version=first.version).job.members is None
    running.progress("a", members='"output":2')
    second = running.chunks("a", version=first.version)
    assert second.job.members == '"output":2' and second.version != first.version
    running.finish("a")
    last = running.chunks("a", version=second.version)
    assert (last.job.state, last.job.members) == ("C", '"output":1')


def test_the_version_changes_with_each_state(queue):
    queue.submit("a")
    versions = [queue.chunks("a").version]
    for change in (queue.take_one, lambda: queue.lost("a"), queue.take_one,
                   lambda: queue.finish("a", attempt=2, outcome="F"), lambda: queue.call("retry", "a"),
                   queue.take_one):
        change()
        versions.append(queue.chunks("a").version)
    assert len(set(versions)) == len(versions)


def test_a_close_watcher_is_marked_once(queue):
    queue.submit("a")
    for _ in range(2):
        queue.chunks("a", watcher="10.0.0.1:80")
        queue.chunks("a", watcher="10.0.0.1:8")
    assert queue.job("a")["wt"] == "10.0.0.1:80+ 10.0.0.1:8+"


def test_a_watcher_of_the_end_becomes_a_close_one_and_stays_one(queue):
    queue.submit("a", watcher="n:1")
    queue.read("a", watcher="n:2")
    queue.chunks("a", watcher="n:1")
    queue.read("a", watcher="n:1")
    assert queue.job("a")["wt"] == "n:1+ n:2"
    assert queue.take_one().watchers == "n:1+ n:2"
    assert queue.append("a", 0, "x").watchers == "n:1+ n:2"


def test_chunks_of_an_ended_job_registers_nobody(running):
    running.append("a", 0, "x")
    running.finish("a")
    assert running.chunks("a", watcher="n:1").chunks == ["x"]
    assert running.job("a").get("wt", "") == ""


def test_chunks_counts_the_rate(running):
    bucket = ("status:key", 2)
    assert running.chunks("a", rate=bucket) and running.chunks("a", rate=bucket)
    reply = running.call("chunks", "a", "", *bucket, -1, 0, 100, "")[0]
    assert isinstance(reply, int) and reply < 0


def test_chunks_of_several_jobs_answers_each_in_order(running):
    running.append("a", 0, "x")
    replies = running.call("chunks", "no", "", "", 0, -1, 0, 9, "", "a", "", "", 0, -1, 0, 9, "")
    assert replies[0] is None and replies[1][4:] == ["x"]


def test_chunks_and_read_see_the_same_job(running):
    def assert_same():
        assert running.chunks("a").job == running.read("a")
    assert_same()
    running.progress("a")
    assert_same()
    running.cancel("a")
    running.call("freed", "a", 1)
    assert running.read("a").freed is not None
    assert_same()
