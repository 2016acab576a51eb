"""renew, append, finish of a holder that was cut off for longer than its lease: it goes on with its
job unless a newer attempt has begun or it is known to be gone.

adopt: the same for a holder whose store has lost writes."""

import pytest


@pytest.fixture
def lapsed(queue):
    """Job a of agent-0: two chunks stored, lease lapsed, back in the queue."""
    queue.submit("a", execution_ms=600000)
    queue.take_one()
    queue.append("a", 0, "c0", "c1")
    queue.age("a", 20000)
    assert [change.state for change in queue.sweep()] == ["Q"]
    assert queue.gauges() == (1, 0)
    return queue


def test_renew_takes_a_lapsed_job_back(lapsed):
    assert lapsed.renew(("a", 1)) == [1]
    assert (lapsed.state("a"), lapsed.gauges()) == ("P", (0, 1)) == ("P", lapsed.recount())
    assert lapsed.counters()["retried"] == 0
    assert lapsed.job("a")["r"] == "0"
    assert lapsed.ttl() == {} and list(lapsed.due()) == ["a"]
    assert lapsed.take() == [], "its id in the list is dead"
    assert lapsed.finish("a").applied == 1


def test_renew_by_another_agent_does_not(lapsed):
    assert lapsed.renew(("a", 1), agent="agent-1") == [0]
    assert lapsed.state("a") == "Q"


def test_renew_after_the_next_attempt_began_does_not(lapsed):
    taken = lapsed.take_one(agent="agent-1")
    assert taken.attempt == 2
    assert lapsed.renew(("a", 1)) == [0]
    assert lapsed.renew(("a", 2), agent="agent-1") == [1]


def test_renew_past_the_execution_timeout_does_not(queue):
    queue.submit("a", execution_ms=18000)
    queue.take_one()
    queue.redis.zadd(queue.key("due"), {"a": 0})
    queue.sweep()
    queue.age("a", 20000)
    assert queue.renew(("a", 1)) == [0]


def test_a_holder_known_to_be_gone_gets_nothing_back(queue):
    for lose in (lambda: queue.lost("a", retries=9), lambda: queue.reclaim(retries=9)):
        queue.submit("a")
        queue.take_one()
        attempt = int(queue.job("a")["a"])
        lose()
        assert queue.state("a") == "Q"
        assert queue.renew(("a", attempt)) == [0]
        assert queue.append("a", 0, "c", attempt=attempt).stored == -1


def test_a_cut_off_holder_continues_its_stream(lapsed):
    assert lapsed.append("a", 2, "c2").stored == 3
    assert lapsed.finish("a", members='"output":[]').applied == 1
    assert lapsed.stream("a").chunks == ["c0", "c1", "c2"]


def test_the_next_attempt_streams_from_the_start(lapsed):
    assert lapsed.stream("a").chunks == ["c0", "c1"]
    lapsed.take_one()
    assert lapsed.append("a", 2, "c2").stored == -1
    assert lapsed.append("a", 0, "d0", attempt=2).stored == 1
    assert lapsed.stream("a").chunks == ["d0"]
    lapsed.finish("a", attempt=2)
    assert 0 < lapsed.redis.pttl(lapsed.key("chunks", "a"))


# ---- the store has lost writes


def lose_take(queue, job_id="a"):
    """The record as it was before the job was taken."""
    key = queue.key("job", job_id)
    queue.redis.hset(key, mapping={"s": "Q", "a": int(queue.job(job_id)["a"]) - 1})
    queue.redis.hdel(key, "w", "ag", "t1")
    queue.redis.zrem(queue.key("due"), job_id)
    queue.redis.zadd(queue.key("ttl"), {job_id: queue.now_ms() + 60000})
    queue.redis.hincrby(queue.key("stats"), "inQueue", 1)
    queue.redis.hincrby(queue.key("stats"), "inProgress", -1)
    queue.redis.lpush(queue.key("q"), job_id)


@pytest.fixture
def untaken(queue):
    """Job a is with worker w1 of agent-0; the store says that it waits."""
    queue.submit("a")
    queue.take_one()
    queue.append("a", 0, "c0")
    lose_take(queue)
    queue.redis.delete(queue.key("chunks", "a"))
    queue.redis.hdel(queue.key("job", "a"), "ch")
    return queue


def test_a_lost_take_is_asked_for_and_adopted(untaken):
    assert untaken.renew(("a", 1)) == [2]
    assert untaken.append("a", 1, "c1").stored == -2
    assert untaken.finish("a").applied == -1
    assert untaken.adopt("a") == 1
    assert (untaken.state("a"), untaken.gauges()) == ("P", (0, 1)) == ("P", untaken.recount())
    assert untaken.ttl() == {} and list(untaken.due()) == ["a"]
    assert untaken.take() == [], "its id in the list is dead"
    assert untaken.renew(("a", 1)) == [1]
    assert untaken.finish("a").applied == 1
    assert untaken.read("a").orphan is None


def test_an_adoption_sent_twice_answers_alike(untaken):
    assert untaken.adopt("a") == untaken.adopt("a") == 1
    assert untaken.gauges() == (0, 1) == untaken.recount()


def test_who_took_it_anew_keeps_it_and_only_that_one_finishes(untaken):
    """The same attempt number twice: the worker tells them apart."""
    assert untaken.take_one(worker="w2", agent="agent-1").attempt == 1
    assert untaken.renew(("a", 1, "w1")) == [0]
    assert untaken.adopt("a", worker="w1") == 0
    assert untaken.append("a", 0, "old", worker="w1").stored == -1
    assert untaken.progress("a", worker="w1") is None
    assert untaken.lost("a", worker="w1").applied == 0
    assert untaken.finish("a", worker="w1", members='"output":"old"').applied == 0
    assert untaken.finish("a", worker="w2", members='"output":"new"').applied == 1
    assert untaken.finish("a", worker="w1").applied == 0
    assert untaken.read("a").members == '"output":"new"'


def test_of_two_attempts_the_one_given_later_keeps_the_job(queue):
    """Attempt 2 is lost: the store still believes in attempt 1 of agent-0, which has given it up."""
    queue.submit("a")
    queue.take_one()
    queue.append("a", 0, "old")
    queue.age("a", 30000)
    assert queue.renew(("a", 2, "w2"), agent="agent-1") == [2]
    assert queue.adopt("a", 2, "w2", agent="agent-1", age_ms=5000) == 1
    assert (queue.gauges(), queue.stream("a").chunks) == ((0, 1), [])
    assert queue.renew(("a", 1, "w1")) == [0]
    assert queue.finish("a", 1, worker="w1").applied == 0
    assert queue.finish("a", 2, worker="w2").applied == 1


def test_the_holder_of_an_attempt_that_is_gone_is_told_to_stop(queue, heard):
    messages = heard("mr:agent:agent-0")
    queue.submit("a")
    queue.take_one()
    queue.age("a", 30000)
    queue.adopt("a", 2, "w2", agent="agent-1", age_ms=5000)
    assert messages() == [("mr:agent:agent-0", "stop a 1")]


def test_a_job_taken_anew_after_the_loss_is_not_taken_away(queue):
    queue.submit("a")
    queue.take_one(worker="w2", agent="agent-1")
    assert queue.adopt("a", 3, "w1", age_ms=60000) == 0, "its holder was given it before"
    assert queue.renew(("a", 1, "w2"), agent="agent-1") == [1]


def test_a_job_without_a_record_becomes_an_orphan(queue):
    assert queue.renew(("a", 2, "w1")) == [2]
    assert queue.adopt("a", 2, age_ms=4000, retention_ms=50000) == 1
    job = queue.read("a")
    assert (job.state, job.attempt, job.worker, job.orphan) == ("P", "2", "w1", "1")
    assert queue.gauges() == (0, 1) == queue.recount()
    assert queue.append("a", 3, "c3", attempt=2).stored == 0, "the others are not there"
    assert queue.append("a", 3, "c3", attempt=2, fill=True).stored == 4
    done = queue.finish("a", 2, members='"output":"kept"')
    assert (done.applied, done.orphan, done.execution_ms // 1000) == (1, 1, 4)
    job = queue.read("a")
    assert (job.state, job.members, job.orphan) == ("C", '"output":"kept"', "1")
    for key in ("job", "out", "chunks"):
        assert 40000 < queue.redis.pttl(queue.key(key, "a")) <= 50000
    assert queue.gauges() == (0, 0) == queue.recount()


def test_an_orphan_whose_worker_dies_fails_since_it_cannot_run_again(queue):
    for lose in (lambda: queue.lost("a", retries=9), lambda: queue.reclaim(retries=9),
                 lambda: (queue.age("a", 20000), queue.sweep(retries=9))):
        queue.adopt("a")
        lose()
        assert (queue.state("a"), queue.gauges()) == ("F", (0, 0)) == ("F", queue.recount())
        queue.redis.delete(queue.key("job", "a"))


def test_an_orphan_can_be_cancelled_and_times_out(queue):
    queue.adopt("a")
    assert queue.cancel("a").state == "X"
    queue.adopt("b", age_ms=1000, execution_ms=5000)
    queue.age("b", 5000)
    assert [(c.id, c.state) for c in queue.sweep()] == [("b", "T")]


def test_a_deleted_endpoint_adopts_nothing(queue):
    queue.configure("doc")
    queue.configure("")
    assert queue.adopt("a") == 0
    assert queue.state("a") is None


def test_a_job_that_has_ended_is_not_adopted(queue):
    queue.submit("a")
    queue.take_one()
    queue.finish("a")
    assert queue.renew(("a", 2, "w9")) == [0]
    assert queue.adopt("a", 2, "w9") == 0


def test_an_attempt_past_its_timeout_is_not_adopted(queue):
    assert queue.adopt("a", age_ms=600001, execution_ms=600000) == 0


# ---- chunks that the store has lost


@pytest.fixture
def shortened(queue):
    """Five chunks were stored, two are left."""
    queue.submit("a")
    queue.take_one()
    queue.append("a", 0, "c0", "c1", "c2", "c3", "c4")
    queue.redis.ltrim(queue.key("chunks", "a"), 0, 1)
    return queue


def test_append_behind_a_gap_adds_nothing_and_tells_what_is_stored(shortened):
    assert shortened.append("a", 5, "c5").stored == 2
    assert shortened.append("a", 2, "c2", "c3", "c4", "c5").stored == 6
    assert shortened.stream("a").chunks == ["c0", "c1", "c2", "c3", "c4", "c5"]


def test_chunks_that_nobody_has_any_more_are_marked_and_keep_their_numbers(shortened):
    assert shortened.append("a", 5, "c5", fill=True).stored == 6
    assert shortened.append("a", 5, "c5", "c6", fill=True).stored == 7
    lost = '{"output":null,"lost":true}'
    assert shortened.chunks("a").chunks == ["c0", "c1", lost, lost, lost, "c5", "c6"]


def test_a_long_gap_is_filled_too(shortened):
    assert shortened.append("a", 9000, "far", fill=True).stored == 9001
