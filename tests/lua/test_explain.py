"""Why jobs wait, what starts that die leave behind, and the counters the scaler measures with."""


def waiting(queue, *ids, low=False):
    for job_id in ids:
        queue.submit(job_id, low=low)


def test_position_counts_those_before_in_the_list(queue):
    waiting(queue, "a", "b", "c")
    assert [queue.read(job_id).position for job_id in "abc"] == [0, 1, 2]
    queue.take_one()
    assert [queue.read(job_id).position for job_id in "bc"] == [0, 1]


def test_position_of_each_class_is_its_own(queue):
    waiting(queue, "a", "b")
    waiting(queue, "low", low=True)
    assert queue.read("low").position == 0


def test_a_job_that_was_put_back_is_first(queue):
    waiting(queue, "a", "b")
    queue.take_one()
    queue.lost("a")
    assert (queue.read("a").position, queue.read("b").position) == (0, 1)


def test_reason_is_told_of_waiting_jobs_only(queue):
    waiting(queue, "a")
    assert not queue.read("a").reason
    queue.redis.hset(queue.key("stats"), "reason", "NO_CAPACITY")
    assert queue.read("a").reason == "NO_CAPACITY"
    assert not queue.read("a").detail
    queue.take_one()
    assert queue.read("a").reason is None


def test_last_words_are_told_in_a_crash_loop(queue):
    waiting(queue, "a")
    queue.crashed("ImportError: no module named x")
    assert not queue.read("a").detail
    queue.redis.hset(queue.key("stats"), "reason", "CRASH_LOOP")
    assert queue.read("a").detail == "ImportError: no module named x"


def test_chunks_explain_too(queue):
    waiting(queue, "a")
    queue.redis.hset(queue.key("stats"), "reason", "STARTING")
    assert queue.chunks("a").job.reason == "STARTING"


def test_crashed_counts_in_a_row_and_wakes_the_scheduler(queue, heard):
    messages = heard("mr:wake")
    assert [queue.crashed(), queue.crashed()] == [1, 2]
    assert messages() == [("mr:wake", queue.prefix), ("mr:wake", queue.prefix)]
    stats = queue.stats()
    assert (stats["deaths"], stats["deathRelease"]) == (2, 1)
    assert abs(stats["deathAt"] - queue.now_ms()) < 1000
    assert queue.redis.pttl(queue.key("crash")) > 0


def test_crashed_of_another_release_starts_anew(queue):
    queue.crashed(release=1)
    queue.crashed(release=1)
    assert queue.crashed(release=2) == 1


def test_a_first_take_ends_the_row(queue, heard):
    messages = heard("mr:wake")
    assert [queue.crashed(), queue.crashed(), queue.crashed()] == [1, 2, 3]
    assert queue.proven() == 3
    assert len(messages()) == 4
    assert queue.stats()["deaths"] == 0
    assert queue.proven() == 0
    assert messages() == []
    assert queue.crashed() == 1


def test_a_first_take_of_another_release_says_nothing_of_this_one(queue):
    queue.crashed(release=2)
    assert queue.proven(release=1) == 0
    assert queue.crashed(release=2) == 2
    assert queue.crashed(release=2, from_outside=True) == 3
    queue.proven(release=2)
    assert queue.crashed(release=2, from_outside=True) == 0


def test_kills_from_outside_count_until_the_release_has_worked(queue):
    assert queue.crashed(from_outside=True) == 1
    queue.proven()
    assert [queue.crashed(from_outside=True) for _ in range(3)] == [0, 0, 0]
    assert queue.stats()["deaths"] == 0
    assert queue.crashed() == 1
    assert queue.crashed(release=2, from_outside=True) == 1


def test_finish_counts_jobs_and_their_time(queue):
    waiting(queue, "a", "b")
    queue.take("w1", "w2")
    queue.age("a", 3000)
    queue.finish("a")
    queue.finish("b", outcome="F")
    queue.finish("b", outcome="F")
    stats = queue.stats()
    assert (stats["ran"], stats["completed"], stats["failed"]) == (2, 1, 1)
    assert 3000 <= stats["runMs"] < 4000
    assert (stats["inQueue"], stats["inProgress"]) == (0, 0)


def test_submit_counts_low_priority_apart(queue):
    waiting(queue, "a", "b")
    waiting(queue, "low", low=True)
    assert (queue.stats()["seq"], queue.stats()["low"]) == (3, 1)


def test_report_stores_what_is_measured_of_a_worker(queue):
    queue.report("w1", "idle", age_ms=100, agent="one", slots=4, start_ms=61000, ready_age_ms=5000)
    queue.report("w2", "initializing", age_ms=100, agent="one")
    workers = queue.redis.hgetall(queue.key("workers"))
    value = workers["w1"].split()
    assert value[4:7] == ["one", "4", "61000"]
    assert abs(int(value[7]) - (queue.now_ms() - 5000)) < 1000
    assert workers["w2"].split()[4:] == ["one", "0", "0", "0"]
