"""submit: a job is in its list, in the gauge and in a record together or not at all."""

import pytest

from transitions import DAY_MS, script_text


def test_submit_stores_record_list_and_gauge(queue):
    assert queue.submit("a", members='"input":{"n":1}', watcher="127.0.0.1:1") == 1
    job = queue.job("a")
    assert (job["s"], job["a"], job["n"], job["tk"], job["wt"]) == ("Q", "0", "1", "tk-a", "127.0.0.1:1")
    assert queue.redis.get(queue.key("in", "a")) == '"input":{"n":1}'
    assert queue.waiting_ids() == ["a"]
    assert queue.gauges() == (1, 0) == queue.recount()


def test_submit_times_come_from_the_clock_of_redis(queue):
    before = queue.now_ms()
    queue.submit("a", ttl_ms=10000, execution_ms=5000, retention_ms=60000)
    job = queue.job("a")
    assert before <= int(job["t0"]) <= queue.now_ms()
    assert int(job["tl"]) - int(job["t0"]) == 10000
    assert (job["to"], job["re"]) == ("5000", "60000")


def kept_ms(queue):
    return queue.redis.pttl(queue.key("job", "a"))


@pytest.mark.parametrize("again", ["lost", "retry", "late take"])
def test_a_job_that_begins_again_is_kept_anew(queue, again):
    queue.submit("a", ttl_ms=10000, execution_ms=5000, retention_ms=60000)
    if again == "late take":
        queue.redis.hincrby(queue.key("job", "a"), "tl", -20000)
        queue.redis.pexpire(queue.key("job", "a"), 30000)
    queue.take_one()
    if again == "lost":
        queue.redis.pexpire(queue.key("job", "a"), 30000)
        queue.lost("a")
    elif again == "retry":
        queue.finish("a", outcome="F", members='"error":"no"')
        queue.call("retry", "a")
    assert kept_ms(queue) == pytest.approx(DAY_MS + 70000, abs=10000)


def test_a_job_does_not_expire_before_its_end(queue):
    queue.submit("a", ttl_ms=10000, execution_ms=5000, retention_ms=60000, webhook="https://h")
    assert all(queue.lasts(part, "a") for part in ("in", "wh"))
    assert kept_ms(queue) == pytest.approx(DAY_MS + 75000, abs=5000)
    queue.take_one()
    queue.progress("a")
    queue.append("a", 0, "c")
    parts = ("in", "wh", "out", "chunks")
    assert all(queue.lasts(part, "a") for part in parts)
    assert kept_ms(queue) > DAY_MS + 60000
    queue.finish("a")
    assert all(0 < queue.redis.pttl(queue.key(part, "a")) <= 60000 for part in (*parts, "job"))


def test_submit_of_one_id_twice_in_one_call_stores_it_once(queue):
    assert queue.submit_many([{"job_id": "a"}, {"job_id": "a"}, {"job_id": "b"}]) == [1, 2, 1]
    assert (queue.waiting_ids(), queue.gauges()) == (["a", "b"], (2, 0))


def test_submit_refused_beside_others_leaves_nothing(queue):
    queue.submit("first", idempotency=("key", "d" * 64))
    outcomes = queue.submit_many([
        {"job_id": "a", "rate": ("r", 1)}, {"job_id": "limited", "rate": ("r", 1)},
        {"job_id": "same", "idempotency": ("key", "d" * 64)},
        {"job_id": "other", "idempotency": ("key", "e" * 64)},
        {"job_id": "full", "waiting_max": 1}, {"job_id": "b", "rate": ("s", 1)}])
    assert (outcomes[0], outcomes[2:]) == (1, ["first", 3, 0, 1]) and outcomes[1] < 0
    assert queue.waiting_ids() == ["first", "a", "b"]
    assert sorted(queue.redis.keys(queue.key("in", "*"))) == [
        queue.key("in", job_id) for job_id in ("a", "b", "first")]


def test_submit_keeps_members_byte_for_byte(server, queue):
    members = b'"input":{"n":9007199254740993,"d":1e400,"u":"\\u00e9\xc3\xa9","k":{"a":1,"a":2},"z":"\x7f"}'
    raw = server.client(decode_responses=False)
    queue.submit("a", members=members)
    assert raw.get(queue.key("in", "a")) == members
    assert raw.eval(script_text("take"), 1, queue.prefix, "g", 15000, "w")[6] == members
    raw.close()


def test_submit_of_several_jobs_keeps_their_order(queue):
    outcomes = queue.submit_many([{"job_id": str(i)} for i in range(20)])
    assert outcomes == [1] * 20
    assert queue.waiting_ids() == [str(i) for i in range(20)]
    assert [queue.job(str(i))["n"] for i in (0, 7, 19)] == ["1", "8", "20"]
    assert queue.gauges() == (20, 0)


def test_submit_again_changes_nothing(queue):
    queue.submit("a")
    before = queue.job("a")
    assert queue.submit("a", members='"input":"other"', token="other") == 2
    assert queue.job("a") == before
    assert queue.waiting_ids() == ["a"]
    assert queue.gauges() == (1, 0)


@pytest.mark.parametrize("key", [("", ""), ("key", "digest")], ids=["lost answer", "idempotency"])
def test_submit_again_is_a_write_for_wait(queue, key):
    queue.submit("a", idempotency=key)
    before = queue.writes()
    queue.submit("a", idempotency=key)
    assert queue.writes() > before


def test_submit_again_while_it_runs_changes_nothing(queue):
    queue.submit("a")
    queue.take_one()
    assert queue.submit("a") == 2
    assert (queue.state("a"), queue.gauges()) == ("P", (0, 1))


def test_submit_again_after_the_end_does_not_run_the_job_twice(queue):
    for outcome in ("C", "F"):
        queue.submit(outcome)
        queue.take_one()
        queue.finish(outcome, outcome=outcome)
        assert queue.submit(outcome) == 2, "ended " + outcome
        assert queue.state(outcome) == outcome
    assert queue.take() == []


def test_submit_again_after_cancel_changes_nothing(queue):
    queue.submit("a")
    queue.cancel("a")
    assert queue.submit("a") == 2
    assert (queue.state("a"), queue.gauges()) == ("X", (0, 0))


def test_submit_refuses_the_52nd_at_a_limit_of_50(queue):
    outcomes = [queue.submit(str(i), waiting_max=50) for i in range(53)]
    assert outcomes == [1] * 51 + [0, 0]
    assert queue.gauges() == (51, 0) == queue.recount()
    assert queue.job("51") == {} and not queue.redis.exists(queue.key("in", "51"))


def test_submit_counts_the_jobs_of_its_own_batch_against_the_limit(queue):
    outcomes = queue.submit_many([{"job_id": str(i), "waiting_max": 50} for i in range(60)])
    assert outcomes == [1] * 51 + [0] * 9
    assert queue.gauges() == (51, 0) == queue.recount()


def test_submit_accepts_again_when_one_was_taken(queue):
    for i in range(52):
        queue.submit(str(i), waiting_max=50)
    queue.take_one()
    assert queue.submit("next", waiting_max=50) == 1


def test_submit_refused_and_repeated_in_one_batch(queue):
    queue.submit("a", waiting_max=0)
    assert queue.submit_many([{"job_id": "a"}, {"job_id": "b", "waiting_max": 0},
                              {"job_id": "c"}]) == [2, 0, 1]
    assert queue.waiting_ids() == ["a", "c"]


def test_submit_of_low_priority_goes_to_its_own_list(queue):
    queue.submit_many([{"job_id": "l", "low": True, "watcher": "n:1"}, {"job_id": "h"}])
    assert (queue.waiting_ids(), queue.waiting_ids(low=True)) == (["h"], ["l"])
    job = queue.job("l")
    assert (job["c"], job["wt"]) == ("l", "n:1")
    assert queue.gauges() == (2, 0)


def test_submit_notes_the_end_of_each_queue_ttl(queue):
    queue.submit("long")
    queue.submit("short", ttl_ms=10000)
    assert queue.ttl() == {name: float(queue.job(name)["tl"]) for name in ("long", "short")}
    assert queue.due() == {}


def test_submit_rings_only_for_hungry_takers_and_once(queue):
    queue.submit("a")
    assert queue.bell() == 0, "nobody has asked yet"
    queue.take("w1", "w2")
    queue.submit("b")
    queue.submit("c")
    assert queue.bell() == 1, "one token: the first taker rings on for the next"


def test_submit_wakes_the_scheduler_only_without_ready_workers(queue, heard):
    messages = heard("mr:wake")
    queue.submit("a")
    assert messages() == [("mr:wake", queue.prefix)]
    queue.redis.hset(queue.key("stats"), "ready", 1)
    queue.submit("b")
    assert messages() == []


def test_submit_of_a_repeated_job_wakes_nobody(queue, heard):
    queue.submit("a")
    messages = heard("mr:wake")
    queue.submit("a")
    assert messages() == []
