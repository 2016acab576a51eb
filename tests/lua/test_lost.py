"""lost, renew, reclaim: only the attempt that is lost can be lost; it goes back to the head."""

import pytest


@pytest.fixture
def running(queue):
    queue.submit("a", watcher="n:1", retention_ms=60000)
    queue.take_one()
    return queue


def test_lost_goes_back_to_the_head(running):
    running.submit("b")
    assert running.lost("a") == (1, "Q", "n:1", "tk-a")
    assert running.waiting_ids() == ["a", "b"]
    assert running.gauges() == (2, 0) == running.recount()
    assert running.counters() == {"completed": 0, "failed": 0, "retried": 1}
    assert running.read("a").retries == "1"
    assert running.due() == {}


def test_lost_of_low_priority_goes_back_to_its_own_list(queue):
    queue.submit("l", low=True)
    queue.take_one()
    queue.submit("m", low=True)
    queue.lost("l")
    assert (queue.waiting_ids(), queue.waiting_ids(low=True)) == ([], ["l", "m"])


def test_lost_rings_for_a_new_taker(running):
    running.redis.delete(running.key("bell"))
    running.lost("a")
    assert running.bell() == 1


def test_lost_again_for_the_same_attempt_is_ignored(running):
    running.lost("a")
    assert running.lost("a") == (0, None, None, None)
    assert running.waiting_ids() == ["a"]
    assert running.counters()["retried"] == 1


def test_lost_of_an_older_attempt_is_ignored(running):
    running.lost("a")
    running.take_one()
    assert running.lost("a", attempt=1).applied == 0
    assert (running.state("a"), running.gauges()) == ("P", (0, 1))


def test_lost_without_tries_left_fails_with_the_reason(running):
    running.lost("a")
    running.take_one()
    reason = '"error":"worker lost: killed by signal 9"'
    assert running.lost("a", attempt=2, members=reason) == (1, "F", "n:1", "tk-a")
    assert (running.state("a"), running.read("a").members) == ("F", reason)
    assert running.gauges() == (0, 0) == running.recount()
    assert running.counters() == {"completed": 0, "failed": 1, "retried": 1}
    assert 0 < running.redis.pttl(running.key("in", "a")) <= 60000
    assert running.take() == []


def test_lost_with_no_retries_allowed_fails_at_once(running):
    assert running.lost("a", retries=0).state == "F"
    assert running.counters()["retried"] == 0


@pytest.mark.parametrize("end", ["finish", "cancel"])
def test_lost_after_the_end_is_ignored(running, end):
    getattr(running, end)("a")
    state = running.state("a")
    assert running.lost("a").applied == 0
    assert running.state("a") == state


def test_lost_of_an_unknown_job_is_ignored(queue):
    assert queue.lost("nobody").applied == 0
    assert queue.stats() == {}


def test_retaken_job_counts_a_new_attempt_and_its_delay_anew(running):
    running.age("a", 3000)
    running.lost("a")
    taken = running.take_one()
    assert taken.attempt == 2
    assert running.finish("a", attempt=2).delay_ms >= 3000


def test_renew_starts_the_lease_anew(running):
    running.age("a", 9000)
    assert running.renew(("a", 1), lease_ms=15000) == [1]
    assert abs(running.due()["a"] - running.now_ms() - 15000) < 1000


def test_renew_never_outlasts_the_execution_timeout(queue):
    queue.submit("a", execution_ms=5000)
    queue.take_one()
    queue.renew(("a", 1), lease_ms=15000)
    assert queue.due()["a"] == int(queue.job("a")["t1"]) + 5000


def test_renew_says_which_jobs_are_no_longer_held(queue):
    queue.submit_many([{"job_id": name} for name in "abcd"])
    queue.take("w", "w", "w", "w")
    queue.cancel("b")
    queue.lost("c")
    before = queue.due()
    assert queue.renew(("a", 1), ("b", 1), ("c", 1), ("d", 0)) == [1, 0, 0, 0]
    assert queue.renew(("d", 2), ("nobody", 1)) == [2, 2], "the store has lost what was said of them"
    assert queue.renew(("a", 1), agent="stranger") == [0]
    assert set(queue.due()) == set(before) == {"a", "d"}


def test_reclaim_of_a_new_agent_returns_all_its_jobs(queue):
    queue.submit_many([{"job_id": name} for name in "abc"])
    queue.take("w", "w", agent="one")
    queue.take("w", agent="two")
    changes = queue.reclaim(agent="one")
    assert sorted((c.id, c.state) for c in changes) == [("a", "Q"), ("b", "Q")]
    assert sorted(queue.waiting_ids()) == ["a", "b"]
    assert (queue.state("c"), queue.gauges()) == ("P", (2, 1))
    assert queue.read("a").retries == "1"


def test_reclaim_fails_jobs_without_tries_left(running):
    changes = running.reclaim(retries=0)
    assert [(c.id, c.state, c.watchers) for c in changes] == [("a", "F", "n:1")]
    assert "its agent was restarted" in running.read("a").members


def test_reclaim_leaves_what_is_still_held(running):
    running.submit("b")
    running.take_one()
    assert [c.id for c in running.reclaim("a", is_new=False)] == ["b"]
    assert (running.state("a"), running.gauges()) == ("P", (1, 1))


def test_reclaim_after_a_reconnect_is_not_counted_against_the_job(running):
    assert [c.state for c in running.reclaim(is_new=False, retries=0)] == ["Q"]
    assert running.read("a").retries in (None, "0")
    running.take_one()
    assert running.lost("a", attempt=2, retries=1).state == "Q", "its one retry is still there"


def test_reclaim_of_a_new_agent_forgets_its_workers(queue):
    queue.report("w1", "idle", agent="one")
    queue.report("w2", "idle", agent="two")
    queue.reclaim(agent="one")
    assert list(queue.redis.hgetall(queue.key("workers"))) == ["w2"]


def test_reclaim_after_a_reconnect_keeps_the_workers(queue):
    queue.report("w1", "idle", agent="one")
    queue.reclaim(agent="one", is_new=False)
    assert list(queue.redis.hgetall(queue.key("workers"))) == ["w1"]


def test_reclaim_leaves_queued_jobs_alone(queue):
    queue.submit("a", ttl_ms=10000)
    assert queue.reclaim() == []
    assert (queue.state("a"), "a" in queue.ttl()) == ("Q", True)


def test_report_writes_and_removes_workers(queue):
    queue.report("w1", "running", held=2, age_ms=500, version=3, agent="one")
    state, held, since, version, agent, *_ = queue.redis.hget(queue.key("workers"), "w1").split()
    assert (state, held, version, agent) == ("running", "2", "3", "one")
    assert 0 <= queue.now_ms() - 500 - int(since) < 1000
    queue.report("w1", "")
    assert queue.redis.hgetall(queue.key("workers")) == {}

def test_reclaim_after_a_lost_connection_counts_no_retry(queue):
    queue.submit("a")
    queue.take("w1", agent="one")
    assert [c.id for c in queue.reclaim(agent="one", is_new=False)] == ["a"]
    assert queue.stats().get("retried", 0) == 0
    assert int(queue.job("a").get("r", 0)) == 0
