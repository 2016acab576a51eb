"""append and stream: the list index is the chunk's number; each chunk is read once, in order."""

import pytest


@pytest.fixture
def running(queue):
    queue.submit("a", watcher="n:1")
    queue.take_one()
    return queue


def test_append_stores_in_order_and_names_the_watchers(running):
    assert running.append("a", 0, "x", "y") == (2, "n:1", "tk-a")
    assert running.append("a", 2, "z") == (3, "n:1", "tk-a")
    assert running.stream("a").chunks == ["x", "y", "z"]


def test_append_again_adds_nothing_twice(running):
    running.append("a", 0, "x", "y")
    assert running.append("a", 0, "x", "y").stored == 2
    assert running.stream("a").chunks == ["x", "y"]


def test_append_that_overlaps_adds_only_what_is_new(running):
    running.append("a", 0, "x", "y")
    assert running.append("a", 1, "y", "z").stored == 3
    assert running.stream("a").chunks == ["x", "y", "z"]


def test_append_of_an_earlier_try_after_later_chunks_adds_nothing(running):
    running.append("a", 0, "x")
    running.append("a", 1, "y", "z")
    assert running.append("a", 0, "x").stored == 3


def test_what_was_streamed_is_kept_as_long_as_the_record(running):
    running.append("a", 0, "x")
    assert running.lasts("chunks", "a")
    running.finish("a")
    left = running.redis.pttl(running.key("job", "a"))
    assert abs(running.redis.pttl(running.key("chunks", "a")) - left) < 1000


@pytest.mark.parametrize("end", ["finish", "cancel", "lost"])
def test_append_after_the_attempt_is_ignored(running, end):
    getattr(running, end)("a")
    assert running.append("a", 0, "late").stored == -1
    assert running.stream("a").chunks == []


def test_append_of_an_older_attempt_is_ignored(running):
    running.lost("a")
    running.take_one()
    assert running.append("a", 0, "old", attempt=1).stored == -1
    assert running.append("a", 0, "new", attempt=2).stored == 1
    assert running.stream("a").chunks == ["new"]


def test_append_to_an_unknown_job_leaves_nothing(queue):
    assert queue.append("nobody", 0, "x").stored == -2
    assert queue.redis.keys("*chunks*") == []


def test_append_of_several_jobs_in_one_call(queue):
    queue.submit_many([{"job_id": "a"}, {"job_id": "b"}])
    queue.take("w", "w")
    replies = queue.call("append", "a", 1, "w", 0, 0, 2, "a0", "a1", "nobody", 1, "w", 0, 0, 1, "n0",
                         "b", 1, "w", 0, 0, 1, "b0")
    assert [reply[0] for reply in replies] == [2, -2, 1]
    assert (queue.stream("a").chunks, queue.stream("b").chunks) == (["a0", "a1"], ["b0"])


def test_append_of_the_largest_batch(running):
    chunks = [str(i) for i in range(500)]
    assert running.append("a", 0, *chunks).stored == 500
    assert running.stream("a").chunks == chunks


def test_stream_returns_each_chunk_once(running):
    running.append("a", 0, "x")
    assert running.stream("a") == ("P", "1", "tk-a", 0, ["x"])
    assert running.stream("a").chunks == []
    running.append("a", 1, "y")
    assert running.stream("a").chunks == ["y"]


def test_stream_sent_again_gives_the_same_chunks(running):
    running.append("a", 0, "x", "y", "z")
    first = running.stream("a", budget=2, reading="r-1")
    assert running.stream("a", budget=2, reading="r-1") == first
    assert running.stream("a", reading="r-2").chunks == ["z"]


def test_stream_of_the_next_attempt_owes_nothing_to_a_reading_of_the_last(running):
    running.append("a", 0, "x", "y")
    running.stream("a", budget=1, reading="r-1")
    running.stream("a", reading="r-2")
    running.lost("a")
    running.take_one()
    running.append("a", 0, "x2", "y2", attempt=2)
    assert running.stream("a", reading="r-2").chunks == ["x2", "y2"]


def test_stream_of_an_unknown_job(queue):
    assert queue.stream("nobody") is None


def test_stream_of_a_queued_job_is_empty(queue):
    queue.submit("a")
    assert queue.stream("a") == ("Q", "0", "tk-a", 0, [])


def test_stream_stops_at_the_byte_budget_and_says_that_more_is_there(running):
    running.append("a", 0, "x" * 60, "y" * 60, "z" * 60)
    pages = [running.stream("a", budget=130) for _ in range(3)]
    assert [(len(page.chunks), page.more) for page in pages] == [(2, 1), (1, 0), (0, 0)]


def test_stream_returns_at_least_one_chunk(running):
    running.append("a", 0, "x" * 100, "y")
    pages = [running.stream("a", budget=10) for _ in range(2)]
    assert [(page.chunks, page.more) for page in pages] == [(["x" * 100], 1), (["y"], 0)]


def test_stream_budget_met_exactly_takes_no_further_chunk(running):
    running.append("a", 0, "x" * 10, "y")
    page = running.stream("a", budget=10)
    assert (page.chunks, page.more) == (["x" * 10], 1)


def test_stream_after_the_end_gives_the_rest_with_the_final_state(running):
    running.append("a", 0, "x", "y")
    running.finish("a")
    assert running.stream("a", budget=1) == ("C", "1", "tk-a", 1, ["x"])
    assert running.stream("a") == ("C", "1", "tk-a", 0, ["y"])
    assert running.stream("a") == ("C", "1", "tk-a", 0, [])


def test_stream_of_many_chunks_is_complete_and_in_order(running):
    expected = [str(i) for i in range(1234)]
    for first in range(0, 1234, 400):
        running.append("a", first, *expected[first:first + 400])
    seen = []
    while True:
        page = running.stream("a", budget=700)
        seen += page.chunks
        if not page.more:
            break
    assert seen == expected


def test_stream_registers_a_watcher_only_when_it_returns_nothing(running):
    running.append("a", 0, "x")
    running.stream("a", watcher="n:2")
    assert running.job("a")["wt"] == "n:1"
    running.stream("a", watcher="n:2")
    running.stream("a", watcher="n:2")
    assert running.append("a", 1, "y").watchers == "n:1 n:2+"


def test_stream_of_an_ended_job_registers_nobody(running):
    running.finish("a")
    running.stream("a", watcher="n:2")
    assert running.job("a")["wt"] == "n:1"


def test_a_new_attempt_starts_its_stream_over(running):
    running.append("a", 0, "x", "y")
    running.stream("a")
    running.lost("a")
    assert running.stream("a").chunks == []
    running.take_one()
    running.append("a", 0, "x2", attempt=2)
    assert running.stream("a") == ("P", "2", "tk-a", 0, ["x2"])
