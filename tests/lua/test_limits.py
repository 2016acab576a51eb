"""Rate buckets, idempotency keys, the list of recent jobs, ?ttl, and the roll of API nodes."""

import pytest

from transitions import DAY_MS


def test_rate_refuses_what_is_over_the_limit_and_says_when_to_come_back(queue):
    outcomes = [queue.submit(str(n), rate=("run", 3)) for n in range(5)]
    if outcomes[-1] == 1:
        pytest.skip("a window of 10 s began in the middle")
    assert outcomes[:3] == [1, 1, 1]
    assert all(-10000 <= outcome < 0 for outcome in outcomes[3:])
    assert queue.gauges() == (3, 0) == queue.recount()


def test_rate_buckets_are_apart(queue):
    assert queue.submit("a", rate=("one", 1)) == 1
    assert queue.submit("b", rate=("two", 1)) == 1
    assert queue.submit("c") == 1


def test_rate_of_a_read_shows_nothing(queue):
    queue.submit("a")
    replies = queue.call("read", *["a", "", "r", 2] * 4)
    refused = [reply for reply in replies if isinstance(reply, int)]
    assert len(refused) in (1, 2) and all(reply < 0 for reply in refused)


def test_rate_counters_do_not_stay(queue):
    queue.submit("a", rate=("run", 5))
    key, = queue.redis.keys(queue.key("rate", "*"))
    assert 0 < queue.redis.pttl(key) <= 11000


def test_idempotency_replays_the_first_job(queue):
    assert queue.submit("a", idempotency=("k", "digest")) == 1
    assert queue.submit("b", idempotency=("k", "digest")) == "a"
    assert queue.submit("c", idempotency=("k", "differs")) == 3
    assert queue.submit("d", idempotency=("other", "digest")) == 1
    assert queue.waiting_ids() == ["a", "d"]
    assert queue.gauges() == (2, 0) == queue.recount()


def test_idempotency_replays_after_the_end(queue):
    queue.submit("a", idempotency=("k", "digest"))
    queue.take_one()
    queue.finish("a")
    assert queue.submit("b", idempotency=("k", "digest")) == "a"
    assert queue.take() == []


def test_idempotency_works_within_one_batch(queue):
    jobs = [{"job_id": name, "idempotency": ("k", "d")} for name in "abc"]
    assert queue.submit_many(jobs) == [1, "a", "a"]


def test_a_refused_submit_does_not_use_up_its_key(queue):
    queue.submit("a", waiting_max=0)
    assert queue.submit("b", waiting_max=0, idempotency=("k", "d")) == 0
    assert queue.submit("c", idempotency=("k", "d")) == 1


def test_recent_lists_the_newest_first(queue):
    for n in range(3):
        queue.submit(str(n))
    queue.cancel("1")
    reply = queue.call("recent", "", 0)
    assert [(job_id, job[0]) for job_id, job in reply] == [("2", "Q"), ("1", "X"), ("0", "Q")]


def test_recent_is_capped_and_skips_expired_records(queue):
    queue.submit_many([{"job_id": str(n)} for n in range(350)])
    queue.redis.delete(queue.key("job", "349"))
    reply = queue.call("recent", "", 0)
    assert [job_id for job_id, _ in reply] == [str(n) for n in range(348, 249, -1)]
    assert queue.redis.llen(queue.key("recent")) <= 300


def test_expire_shortens_the_life_of_an_ended_job(queue):
    queue.submit("a")
    queue.take_one()
    queue.finish("a")
    assert queue.call("expire", "a", 5000) == 1
    for part in ("job", "out"):
        assert 0 < queue.redis.pttl(queue.key(part, "a")) <= 5000
    queue.call("expire", "a", 900000)
    assert queue.redis.pttl(queue.key("job", "a")) <= 5000, "never longer"


def test_expire_of_a_job_that_goes_on_counts_from_its_end(queue):
    queue.submit("a")
    queue.take_one()
    queue.call("expire", "a", 5000)
    assert queue.redis.pttl(queue.key("job", "a")) > DAY_MS
    queue.finish("a")
    assert queue.redis.pttl(queue.key("job", "a")) <= 5000


def test_expire_of_an_unknown_job(queue):
    assert queue.call("expire", "nobody", 5000) == 0
    assert queue.redis.keys("*") == []


def test_attend_counts_living_nodes(system):
    assert [system.call("attend", node, 15000) for node in ("a", "b", "a")] == [1, 2, 2]
    system.redis.zincrby(system.key("nodes"), -20000, "a")
    assert system.call("attend", "b", 15000) == 1
