"""sweep: ends or returns exactly the jobs whose deadline has passed; cost is what is due."""

import pytest


def test_sweep_of_nothing(queue):
    assert queue.sweep() == []
    assert queue.handled == 0


def test_sweep_leaves_what_is_not_due(queue):
    queue.submit("waits")
    queue.submit("own", ttl_ms=10000)
    queue.submit("runs")
    queue.take("w")
    assert queue.sweep() == []
    assert queue.gauges() == (2, 1) == queue.recount()


def test_sweep_returns_a_job_whose_lease_lapsed(queue):
    queue.submit("a", watcher="n:1")
    queue.take_one()
    queue.age("a", 16000)
    assert queue.sweep() == [("a", "Q", "n:1", "tk-a")]
    assert (queue.waiting_ids(), queue.due()) == (["a"], {})
    assert queue.read("a").retries == "1"
    assert queue.gauges() == (1, 0) == queue.recount()


def test_sweep_fails_a_lapsed_job_without_tries_left(queue):
    queue.submit("a")
    queue.take_one()
    queue.age("a", 16000)
    assert [(c.id, c.state) for c in queue.sweep(retries=0)] == [("a", "F")]
    assert "stopped renewing" in queue.read("a").members
    assert queue.counters() == {"completed": 0, "failed": 1, "retried": 0}


def test_sweep_gives_a_lapsed_lease_time_after_an_outage(queue):
    queue.submit("a")
    queue.take_one()
    queue.age("a", 16000)
    lapse_from = queue.now_ms() + 15000
    assert queue.sweep(lapse_from=lapse_from) == []
    assert queue.due() == {"a": lapse_from}
    assert queue.sweep(lapse_from=lapse_from) == [] and queue.handled == 0, "each is moved once"
    assert queue.renew(("a", 1)) == [1]
    queue.age("a", 20000)
    assert [change.state for change in queue.sweep()] == ["Q"]


def test_sweep_times_out_while_leases_are_held(queue):
    queue.submit("a", execution_ms=5000)
    queue.take_one()
    queue.age("a", 5001)
    assert [change.state for change in queue.sweep(lapse_from=queue.now_ms() + 15000)] == ["T"]


def test_sweep_holds_no_lease_beyond_the_execution_timeout(queue):
    queue.submit("a", execution_ms=20000)
    taken = queue.now_ms()
    queue.take_one()
    queue.age("a", 16000)
    queue.sweep(lapse_from=taken + 60000)
    assert queue.due()["a"] <= taken + 5000


def test_a_late_sweep_does_nothing_to_running_jobs(queue):
    """It was on its way when the connection broke, and was sent again at the return."""
    queue.submit("a")
    queue.submit("old", ttl_ms=1000)
    queue.take_one()
    queue.age("a", 16000)
    queue.age("old", 2000)
    assert [c.id for c in queue.sweep(until=queue.now_ms() - 1)] == ["old"]
    assert list(queue.due()) == ["a"]


def test_sweep_leaves_a_renewed_job(queue):
    queue.submit("a")
    queue.take_one()
    queue.age("a", 16000)
    queue.renew(("a", 1))
    assert queue.sweep() == []


def test_sweep_times_out_a_job_that_runs_too_long(queue, heard):
    queue.submit("a", execution_ms=5000, watcher="n:1")
    queue.take_one(agent="agent-7")
    messages = heard("mr:agent:agent-7")
    queue.age("a", 5001)
    assert queue.sweep() == [("a", "T", "n:1", "tk-a")]
    assert queue.read("a").members == '"error":"executionTimeout exceeded"'
    assert messages() == [("mr:agent:agent-7", "stop a 1")]
    assert queue.gauges() == (0, 0) == queue.recount()
    assert queue.counters() == {"completed": 0, "failed": 1, "retried": 0}
    assert queue.finish("a").applied == 0, "terminal: the late result is ignored"


def test_sweep_expires_default_ttls_at_the_head_of_each_list(queue):
    for name, low in (("a", False), ("b", False), ("l", True), ("m", True)):
        queue.submit(name, low=low, ttl_ms=10000)
    queue.age("a", 10001)
    queue.age("l", 10001)
    assert sorted(c.id for c in queue.sweep()) == ["a", "l"]
    assert queue.state("a") == queue.state("l") == "T"
    assert queue.read("a").members == '"error":"ttl expired in queue"'
    assert (queue.waiting_ids(), queue.waiting_ids(low=True)) == (["b"], ["m"])
    assert queue.gauges() == (2, 0) == queue.recount()


def test_sweep_expires_an_own_ttl_behind_the_head(queue):
    queue.submit("head")
    queue.submit("own", ttl_ms=10000)
    queue.age("own", 10001)
    assert [(c.id, c.state) for c in queue.sweep()] == [("own", "T")]
    assert [t.id for t in queue.take("a", "b")] == ["head"], "its id in the list is dead"


def test_a_longer_own_ttl_at_the_head_does_not_keep_others_from_expiring(queue):
    queue.submit("own", ttl_ms=500000)
    queue.submit("default", ttl_ms=10000)
    for name in ("own", "default"):
        queue.age(name, 10001)
    assert [c.id for c in queue.sweep()] == ["default"]
    assert (queue.state("own"), queue.gauges()) == ("Q", (1, 0))
    assert queue.sweep() == []
    assert [t.id for t in queue.take("a", "b")] == ["own"]


def test_sweep_ends_a_running_job_not_by_its_ttl(queue):
    queue.submit("a", ttl_ms=10000)
    queue.take_one(lease_ms=60000)
    queue.age("a", 11000)
    assert queue.sweep() == []
    assert queue.state("a") == "P"


def test_sweep_drops_dead_ids_at_the_head(queue):
    queue.submit_many([{"job_id": name} for name in "abc"])
    queue.cancel("a")
    queue.cancel("b")
    assert queue.sweep() == []
    assert queue.waiting_ids() == ["c"]


def test_sweep_handles_at_most_what_it_is_told(queue):
    queue.submit_many([{"job_id": str(i), "ttl_ms": 10000} for i in range(7)])
    for i in range(7):
        queue.age(str(i), 10001)
    sizes = [len(queue.sweep(most=3)) for _ in range(4)]
    assert sizes == [3, 3, 1, 0]
    assert queue.gauges() == (0, 0)


def test_sweep_limit_counts_running_jobs_too(queue):
    queue.submit_many([{"job_id": str(i)} for i in range(5)])
    queue.take(*["w"] * 5)
    for i in range(5):
        queue.age(str(i), 16000)
    assert len(queue.sweep(most=2)) == 2
    assert queue.handled == 2
    assert len(queue.sweep(most=10)) == 3


def test_sweep_again_changes_nothing(queue):
    queue.submit("a", execution_ms=5000)
    queue.take_one()
    queue.age("a", 5001)
    queue.sweep()
    before = (queue.job("a"), queue.stats())
    assert queue.sweep() == []
    assert (queue.job("a"), queue.stats()) == before


@pytest.mark.parametrize("is_taken", [False, True])
def test_sweep_removes_what_is_left_of_a_job_whose_record_is_gone(queue, is_taken):
    queue.submit("a", ttl_ms=1000, webhook="https://h")
    if is_taken:
        queue.take_one()
        queue.append("a", 0, "c")
        queue.progress("a")
    queue.age("a", 700000)
    queue.redis.delete(queue.key("job", "a"))
    assert queue.sweep() == []
    assert queue.gauges() == (0, 0) == queue.recount()
    assert queue.redis.keys("*:a") == [] and (queue.due(), queue.ttl()) == ({}, {})
