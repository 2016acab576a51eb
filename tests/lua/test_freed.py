"""freed: when the worker of a stopped job has let go of it."""


def stopped(queue, ms_ago=700):
    queue.submit("a")
    queue.take_one()
    queue.cancel("a")
    queue.redis.hincrby(queue.key("job", "a"), "t2", -ms_ago)


def test_freed_is_recorded_once(queue):
    stopped(queue)
    assert 700 <= queue.call("freed", "a", 1) < 2000
    freed = int(queue.read("a").freed) - int(queue.read("a").ended)
    assert 700 <= freed < 2000
    assert queue.call("freed", "a", 1) == -1
    stats = queue.stats()
    assert (stats["freed"], stats["freedMs"]) == (1, freed)


def test_freed_of_a_job_that_timed_out(queue):
    queue.submit("a", execution_ms=5000)
    queue.take_one()
    queue.age("a", 6000)
    queue.sweep()
    assert queue.call("freed", "a", 1) >= 0


def test_freed_is_ignored_for_all_else(queue):
    queue.submit("a")
    assert queue.call("freed", "a", 0) == -1, "waits"
    queue.cancel("a")
    assert queue.call("freed", "a", 0) == -1, "never ran"
    assert queue.call("freed", "nobody", 1) == -1
    queue.submit("b")
    queue.take_one()
    assert queue.call("freed", "b", 1) == -1, "runs"
    queue.finish("b")
    assert queue.call("freed", "b", 1) == -1, "ended by itself"
    assert queue.read("b").freed is None


def test_freed_of_an_older_attempt_is_ignored(queue):
    queue.submit("a")
    queue.take_one()
    queue.lost("a")
    queue.take_one()
    queue.cancel("a")
    assert queue.call("freed", "a", 1) == -1
    assert queue.call("freed", "a", 2) >= 0


def test_retry_forgets_when_it_was_freed(queue):
    queue.submit("a", execution_ms=5000)
    queue.take_one()
    queue.age("a", 6000)
    queue.sweep()
    queue.call("freed", "a", 1)
    queue.call("retry", "a")
    assert queue.read("a").freed is None
