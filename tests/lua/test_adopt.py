"""renew, append, finish of a holder that was cut off for longer than its lease: it goes on with its
job unless a newer attempt has begun or it is known to be gone."""

import pytest


@pytest.fixture
def lapsed(queue):
    """Job a of agent-0: two chunks stored, lease lapsed, back in the queue."""
    queue.submit("a", execution_ms=600000)
    queue.take_one()
    queue.append("a", 0, "c0", "c1")
    queue.age("a", 20000)
    assert [change.state for change in queue.sweep()] == ["Q"]
    assert queue.gauges() == (1, 0)
    return queue


def test_renew_takes_a_lapsed_job_back(lapsed):
    assert lapsed.renew(("a", 1)) == [1]
    assert (lapsed.state("a"), lapsed.gauges()) == ("P", (0, 1)) == ("P", lapsed.recount())
    assert lapsed.counters()["retried"] == 0
    assert lapsed.job("a")["r"] == "0"
    assert lapsed.ttl() == {} and list(lapsed.due()) == ["a"]
    assert lapsed.take() == [], "its id in the list is dead"
    assert lapsed.finish("a").applied == 1


def test_renew_by_another_agent_does_not(lapsed):
    assert lapsed.renew(("a", 1), agent="agent-1") == [0]
    assert lapsed.state("a") == "Q"


def test_renew_after_the_next_attempt_began_does_not(lapsed):
    taken = lapsed.take_one(agent="agent-1")
    assert taken.attempt == 2
    assert lapsed.renew(("a", 1)) == [0]
    assert lapsed.renew(("a", 2), agent="agent-1") == [1]


def test_renew_past_the_execution_timeout_does_not(queue):
    queue.submit("a", execution_ms=18000)
    queue.take_one()
    queue.redis.zadd(queue.key("due"), {"a": 0})
    queue.sweep()
    queue.age("a", 20000)
    assert queue.renew(("a", 1)) == [0]


def test_a_holder_known_to_be_gone_gets_nothing_back(queue):
    for lose in (lambda: queue.lost("a", retries=9), lambda: queue.reclaim(retries=9)):
        queue.submit("a")
        queue.take_one()
        attempt = int(queue.job("a")["a"])
        lose()
        assert queue.state("a") == "Q"
        assert queue.renew(("a", attempt)) == [0]
        assert queue.append("a", 0, "c", attempt=attempt).stored == -1


def test_a_cut_off_holder_continues_its_stream(lapsed):
    assert lapsed.append("a", 2, "c2").stored == 3
    assert lapsed.finish("a", members='"output":[]').applied == 1
    assert lapsed.stream("a").chunks == ["c0", "c1", "c2"]


def test_the_next_attempt_streams_from_the_start(lapsed):
    assert lapsed.stream("a").chunks == ["c0", "c1"]
    lapsed.take_one()
    assert lapsed.append("a", 2, "c2").stored == -1
    assert lapsed.append("a", 0, "d0", attempt=2).stored == 1
    assert lapsed.stream("a").chunks == ["d0"]
    lapsed.finish("a", attempt=2)
    assert 0 < lapsed.redis.pttl(lapsed.key("chunks", "a"))
