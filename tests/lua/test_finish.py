"""finish: a terminal state is written once, and only by the attempt that holds the job."""

import pytest


@pytest.fixture
def running(queue):
    queue.submit("a", watcher="n:1", retention_ms=60000)
    queue.take_one()
    return queue


def test_finish_completes(running):
    result = running.finish("a", members='"output":{"x":1}')
    assert (result.applied, result.watchers, result.token) == (1, "n:1", "tk-a")
    assert (result.retries, result.worker) == (0, "w1")
    assert result.delay_ms >= 0 and result.execution_ms >= 0
    assert running.state("a") == "C"
    assert running.read("a").members == '"output":{"x":1}'
    assert running.gauges() == (0, 0) == running.recount()
    assert running.counters() == {"completed": 1, "failed": 0, "retried": 0}
    assert running.due() == {}


def test_finish_fails(running):
    running.finish("a", outcome="F", members='"error":"no"')
    assert running.state("a") == "F"
    assert running.read("a").members == '"error":"no"'
    assert running.counters() == {"completed": 0, "failed": 1, "retried": 0}


def test_finish_reports_delay_and_execution_time(running):
    running.age("a", 5000)
    key = running.key("job", "a")
    running.redis.hincrby(key, "t0", -700)
    result = running.finish("a")
    assert 700 <= result.delay_ms < 5000
    assert 5000 <= result.execution_ms < 10000


def test_finish_starts_the_retention(running):
    running.append("a", 0, "c")
    running.finish("a")
    for part in ("job", "out", "chunks"):
        assert 0 < running.redis.pttl(running.key(part, "a")) <= 60000, part


def test_finish_gives_the_input_of_a_completed_job_back(running):
    size = 100000
    running.redis.set(running.key("in", "a"), "x" * size, keepttl=True)
    running.finish("a")
    assert (running.redis.strlen(running.key("in", "a"))) == 0


def test_finish_keeps_the_input_of_a_failed_job_for_retry(running):
    running.finish("a", outcome="F", members="")
    assert running.redis.get(running.key("in", "a")) == '"input":{}'
    assert 0 < running.redis.pttl(running.key("in", "a")) <= 60000


def test_finish_again_answers_alike_and_changes_nothing(running):
    first = running.finish("a", members='"output":1')
    again = running.finish("a", members='"output":2')
    assert again == first
    assert running.read("a").members == '"output":1'
    assert running.counters()["completed"] == 1
    assert running.gauges() == (0, 0)


def test_finish_again_is_a_write_for_wait(running):
    running.finish("a")
    before = running.writes()
    running.finish("a")
    assert running.writes() > before


def test_finish_again_with_the_other_outcome_is_ignored(running):
    running.finish("a")
    assert running.finish("a", outcome="F").applied == 0
    assert running.state("a") == "C"


def test_finish_of_an_older_attempt_is_ignored(running):
    running.lost("a")
    running.take_one()
    assert running.finish("a", attempt=1).applied == 0
    assert (running.state("a"), running.gauges()) == ("P", (0, 1))
    assert running.finish("a", attempt=2).applied == 1


def test_finish_of_the_former_holder_counts_until_the_next_attempt_begins(running):
    running.lost("a")
    result = running.finish("a", attempt=1, members='"output":"late"')
    assert (result.applied, result.retries) == (1, 1)
    assert running.read("a").members == '"output":"late"'
    assert running.gauges() == (0, 0) == running.recount()
    assert running.take() == [], "its id in the list is dead"


@pytest.mark.parametrize("attempt, answer", [("0", 0), ("1", -1)])
def test_finish_of_a_job_that_never_ran_changes_nothing(queue, attempt, answer):
    queue.submit("a")
    assert queue.finish("a", attempt=attempt).applied == answer
    assert (queue.state("a"), queue.gauges()) == ("Q", (1, 0))


def test_finish_of_an_unknown_job_asks_for_its_adoption(queue):
    assert queue.finish("nobody").applied == -1
    assert queue.counters()["completed"] == 0


def test_finish_after_cancel_is_ignored(running):
    running.cancel("a")
    assert running.finish("a").applied == 0
    assert (running.state("a"), running.read("a").members) == ("X", None)


def test_finish_of_several_keeps_each_result_apart(queue):
    queue.submit_many([{"job_id": name} for name in "abc"])
    queue.take("w", "w", "w")
    queue.cancel("b")
    results = queue.finish_many([("a", 1, "C", '"output":1'), ("b", 1, "C", '"output":2'),
                                 ("c", 1, "F", '"error":"e"'), ("d", 1, "C", "")])
    assert [r.applied for r in results] == [1, 0, 1, -1]
    assert queue.counters() == {"completed": 1, "failed": 1, "retried": 0}
    assert queue.gauges() == (0, 0) == queue.recount()


def test_finish_replaces_progress(running):
    running.progress("a", members='"output":"half"')
    running.finish("a", members="")
    assert running.read("a").members == ""
