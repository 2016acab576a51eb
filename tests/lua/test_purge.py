"""purge: cancels what waits, page by page; running jobs and later ones are never touched."""


def purge(queue, most=1000, last=""):
    removed, more, last, *told = queue.call("purge", most, last, "", 0)
    return removed, more, last, [told[i:i + 3] for i in range(0, len(told), 3)]


def test_purge_cancels_what_waits(queue):
    queue.submit("runs")
    queue.take_one()
    queue.submit("a", watcher="n:1")
    queue.submit("b", low=True)
    removed, more, _, told = purge(queue)
    assert (removed, more, told) == (2, 0, [["a", "n:1", "tk-a"]])
    assert [queue.state(name) for name in ("a", "b", "runs")] == ["X", "X", "P"]
    assert queue.gauges() == (0, 1) == queue.recount()
    assert queue.take() == []


def test_purge_of_nothing(queue):
    assert purge(queue)[:2] == (0, 0)
    assert queue.gauges() == (0, 0)


def test_purge_does_not_count_dead_ids(queue):
    queue.submit_many([{"job_id": name} for name in "abc"])
    queue.cancel("a")
    assert purge(queue)[0] == 2
    assert queue.waiting_ids() == []


def test_purge_in_pages_leaves_jobs_submitted_meanwhile(queue):
    queue.submit_many([{"job_id": str(n)} for n in range(5)])
    removed, more, last, _ = purge(queue, most=2)
    assert (removed, more) == (2, 1)
    queue.submit("later")
    total = removed
    while more:
        removed, more, last, _ = purge(queue, most=2, last=last)
        total += removed
    assert total == 5
    assert queue.waiting_ids() == ["later"]
    assert queue.gauges() == (1, 0) == queue.recount()


def test_purged_jobs_are_kept_for_their_retention(queue):
    queue.submit("a", retention_ms=60000)
    purge(queue)
    assert 0 < queue.redis.pttl(queue.key("job", "a")) <= 60000
    assert queue.sweep() == []
