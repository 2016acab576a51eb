"""cancel: O(1), queued or running; the agent is told at once."""


def test_cancel_of_a_queued_job(queue):
    queue.submit("a", watcher="n:1", retention_ms=60000)
    result = queue.cancel("a")
    assert (result.state, result.watchers, result.token) == ("X", "n:1", "tk-a")
    assert (result.execution_ms, result.worker) == (0, "")
    assert result.delay_ms >= 0
    assert queue.gauges() == (0, 0) == queue.recount()
    assert queue.take() == []
    assert 0 < queue.redis.pttl(queue.key("job", "a")) <= 60000


def test_cancel_of_a_running_job_tells_its_agent(queue, heard):
    queue.submit("a")
    queue.take_one(agent="agent-7")
    messages = heard("mr:agent:agent-7")
    result = queue.cancel("a")
    assert (result.state, result.worker) == ("X", "w1")
    assert messages() == [("mr:agent:agent-7", "stop a 1")]
    assert (queue.gauges(), queue.due()) == ((0, 0), {})
    assert queue.renew(("a", 1), agent="agent-7") == [0], "and renewal says it when that was lost"


def test_cancel_of_a_job_that_waits_again_stops_nobody(queue, heard):
    queue.submit("a")
    queue.take_one(agent="agent-7")
    queue.lost("a")
    messages = heard("mr:agent:agent-7")
    assert queue.cancel("a").state == "X"
    assert messages() == []
    assert queue.gauges() == (0, 0)


def test_cancel_removes_output_and_own_ttl(queue):
    queue.submit("a", ttl_ms=10000)
    queue.submit("b")
    queue.take("w1", "w2")
    queue.progress("b")
    queue.cancel("a")
    queue.cancel("b")
    assert queue.due() == {}
    assert queue.read("b").members is None


def test_cancel_of_a_finished_job_tells_its_state(queue):
    queue.submit("a")
    queue.take_one()
    queue.finish("a")
    result = queue.cancel("a")
    assert (result.state, result.watchers) == ("C", "")
    assert queue.read("a").members == '"output":1'
    assert queue.counters()["completed"] == 1


def test_cancel_twice(queue):
    queue.submit("a")
    queue.cancel("a")
    assert queue.cancel("a").state == "X"
    assert queue.gauges() == (0, 0)


def test_cancel_of_an_unknown_job(queue):
    assert queue.cancel("nobody") is None
    assert queue.stats() == {}


def test_cancel_counts_neither_as_completed_nor_as_failed(queue):
    queue.submit("a")
    queue.cancel("a")
    assert queue.counters() == {"completed": 0, "failed": 0, "retried": 0}
