"""retry: the only way out of a final state; output, error and chunks are gone with the same step."""

import pytest

from transitions import DAY_MS


def end_failed(queue, job_id, outcome="F"):
    queue.take_one()
    queue.append(job_id, 0, "chunk")
    if outcome == "F":
        queue.finish(job_id, outcome="F", members='"error":"no"')
    else:
        queue.age(job_id, 700000)
        queue.sweep()
    assert queue.state(job_id) == outcome


@pytest.mark.parametrize("outcome", ["F", "T"])
def test_retry_of_a_failed_job(queue, outcome):
    queue.submit("a", members='"input":7', watcher="n:1")
    end_failed(queue, "a", outcome)
    queue.submit("b")
    assert queue.call("retry", "a") == [1, "Q"]
    view = queue.read("a")
    assert (view.state, view.members, view.started, view.ended, view.worker) == ("Q", *[None] * 4)
    assert view.retries == "1"
    assert queue.stream("a").chunks == []
    assert queue.gauges() == (2, 0) == queue.recount()
    assert queue.counters()["retried"] == 1
    taken = queue.take("w1", "w2")
    assert [t.id for t in taken] == ["b", "a"], "behind those that wait already"
    assert taken[1].members == '"input":7'
    assert queue.finish("a", attempt=taken[1].attempt).applied == 1
    assert queue.state("a") == "C"


@pytest.mark.parametrize("prepare, state", [
    (lambda q: None, "Q"), (lambda q: q.take_one(), "P"),
    (lambda q: (q.take_one(), q.finish("a")), "C"), (lambda q: q.cancel("a"), "X")])
def test_retry_of_any_other_state_is_refused(queue, prepare, state):
    queue.submit("a")
    prepare(queue)
    before = queue.job("a")
    assert queue.call("retry", "a") == [0, state]
    assert queue.job("a") == before


def test_retry_of_an_unknown_or_expired_job(queue):
    assert queue.call("retry", "nobody") is None
    queue.submit("a")
    end_failed(queue, "a")
    queue.redis.delete(queue.key("in", "a"))
    assert queue.call("retry", "a") is None
    assert queue.state("a") == "F"


def test_late_result_of_the_attempt_that_timed_out_does_not_end_the_retry(queue):
    queue.submit("a")
    end_failed(queue, "a", "T")
    queue.call("retry", "a")
    assert queue.finish("a", attempt=1).applied == 0
    assert (queue.state("a"), queue.gauges()) == ("Q", (1, 0))
    taken = queue.take_one()
    assert queue.finish("a", attempt=1).applied == 0
    assert queue.finish("a", attempt=taken.attempt).applied == 1


def test_waiting_time_and_ttl_start_anew(queue):
    queue.submit("a", ttl_ms=10000)
    queue.take_one()
    queue.age("a", 9000)
    queue.finish("a", outcome="F")
    queue.call("retry", "a")
    assert queue.sweep() == []
    job = queue.job("a")
    assert abs(int(job["t0"]) - queue.now_ms()) < 1000
    assert int(job["tl"]) - int(job["t0"]) == 10000
    assert queue.redis.zscore(queue.key("ttl"), "a") == int(job["tl"])


def test_a_job_that_is_retried_does_not_expire_before_its_end(queue):
    queue.submit("a", retention_ms=60000)
    end_failed(queue, "a")
    queue.call("retry", "a")
    assert queue.lasts("in", "a")
    assert queue.redis.pttl(queue.key("job", "a")) > DAY_MS


def test_retry_of_low_priority_stays_low(queue):
    queue.submit("a", low=True)
    end_failed(queue, "a")
    queue.call("retry", "a")
    assert queue.waiting_ids(low=True) == ["a"]


def test_retry_wakes_takers_and_scheduler(queue, heard):
    queue.submit("a")
    end_failed(queue, "a")
    queue.take()
    messages = heard("mr:wake")
    queue.call("retry", "a")
    assert queue.bell() == 1
    assert messages() == [("mr:wake", queue.prefix)]


def test_automatic_retries_count_on_after_a_manual_one(queue):
    queue.submit("a")
    end_failed(queue, "a")
    queue.call("retry", "a")
    taken = queue.take_one()
    assert queue.lost("a", attempt=taken.attempt, retries=1).state in ("Q", "F")
    assert queue.gauges() == queue.recount()
