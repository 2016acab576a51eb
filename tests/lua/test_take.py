"""take: a job leaves its list and gets its attempt and lease in the same step."""


def test_take_of_an_empty_queue_gives_nothing_and_is_hungry(queue):
    assert queue.take() == []
    assert queue.waiting == 0
    assert queue.stats()["hungry"] == 1


def test_take_starts_the_attempt(queue):
    queue.submit("a", members='"input":7', execution_ms=5000, watcher="n:1", token="t")
    before = queue.now_ms()
    taken = queue.take_one(lease_ms=3000)
    assert taken == ("a", "w1", 1, "t", "5000", '"input":7', "n:1")
    job = queue.job("a")
    assert (job["s"], job["a"], job["w"], job["ag"]) == ("P", "1", "w1", "agent-0")
    assert before <= int(job["t1"]) <= queue.now_ms()
    assert queue.due()["a"] - int(job["t1"]) == 3000
    assert queue.waiting_ids() == []
    assert queue.gauges() == (0, 1) == queue.recount()


def test_take_lease_never_outlasts_the_execution_timeout(queue):
    queue.submit("a", execution_ms=5000)
    queue.take_one(lease_ms=15000)
    assert queue.due()["a"] - int(queue.job("a")["t1"]) == 5000


def test_take_fills_the_workers_in_the_order_given(queue):
    queue.submit_many([{"job_id": str(i)} for i in range(5)])
    taken = queue.take("x", "y", "x")
    assert [(t.id, t.worker) for t in taken] == [("0", "x"), ("1", "y"), ("2", "x")]
    assert queue.waiting == 2
    assert queue.gauges() == (2, 3) == queue.recount()


def test_take_never_gives_more_than_asked_nor_more_than_there_is(queue):
    queue.submit_many([{"job_id": str(i)} for i in range(3)])
    assert len(queue.take("a", "b")) == 2
    assert len(queue.take("a", "b")) == 1
    assert queue.take("a", "b") == []


def test_take_replaces_an_earlier_own_ttl_deadline(queue):
    queue.submit("a", ttl_ms=10000)
    queue.take_one(lease_ms=15000)
    assert queue.due() == {"a": int(queue.job("a")["t1"]) + 15000}


def test_take_skips_dead_ids(queue):
    queue.submit_many([{"job_id": name} for name in ("cancelled", "gone", "alive")])
    queue.cancel("cancelled")
    queue.redis.delete(queue.key("job", "gone"))
    assert [t.id for t in queue.take("w1")] == ["alive"]
    assert queue.waiting_ids() == []


def test_take_looks_past_many_dead_ids(queue):
    queue.submit_many([{"job_id": str(i)} for i in range(50)])
    for i in range(49):
        queue.cancel(str(i))
    assert [t.id for t in queue.take("a", "b", "c")] == ["49"]
    assert queue.gauges() == (0, 1)


def test_take_of_a_queue_of_dead_ids_is_hungry(queue):
    queue.submit("a")
    queue.cancel("a")
    assert queue.take() == []
    assert queue.stats()["hungry"] == 1


def test_take_gives_low_priority_only_after_all_normal_jobs(queue):
    queue.submit("low", low=True)
    queue.submit("normal")
    assert [t.id for t in queue.take("a", "b")] == ["normal", "low"]


def test_take_rings_on_while_more_is_waiting(queue):
    queue.submit_many([{"job_id": str(i)} for i in range(3)])
    queue.take("w")
    assert queue.bell() == 1, "the next taker is woken for the rest"


def test_take_of_the_last_job_leaves_the_queue_hungry(queue):
    queue.submit("a")
    queue.take("w")
    assert queue.stats()["hungry"] == 1
    queue.submit("b")
    assert (queue.bell(), queue.stats()["hungry"]) == (1, 0)


def test_empty_take_clears_stale_tokens(queue):
    queue.redis.rpush(queue.key("bell"), "1", "1")
    queue.take()
    assert queue.bell() == 0


def test_bell_is_capped(queue):
    queue.submit_many([{"job_id": str(i)} for i in range(60)])
    for _ in range(50):
        queue.take("w")
    assert 1 <= queue.bell() <= 16


def test_a_blocked_taker_is_woken_by_submit(server, queue):
    import threading
    queue.take()
    waiter, woken = server.client(), []
    thread = threading.Thread(
        target=lambda: woken.append(waiter.blpop(queue.key("bell"), timeout=5)))
    thread.start()
    while not any(c["cmd"] == "blpop" for c in queue.redis.client_list()):
        pass
    queue.submit("a")
    thread.join()
    assert woken == [(queue.key("bell"), "1")]
    waiter.close()
