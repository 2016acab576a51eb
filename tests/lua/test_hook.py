"""The webhook outbox: each end of a job with a webhook is there exactly once, with all its body
needs, until it is delivered or given up."""

from collections import namedtuple

import pytest

URL = "https://example.com/hook"
DAY_MS = 86400000
Hook = namedtuple("Hook", "name job url fence failed view")
Log = namedtuple("Log", "job state tries status problem last next", defaults=(None,) * 6)


def take(queue, most=10, bytes_max=1 << 20, lease_ms=20000):
    reply = queue.call("hook_take", most, bytes_max, lease_ms)
    queue.next_ms = reply[0]
    return [Hook(*one) for one in reply[1:]]


def done(queue, hook, status=200, problem="", delay_ms=10000, limit_ms=DAY_MS):
    return queue.call("hook_done", hook.name, hook.fence, status, problem, delay_ms, limit_ms)[0]


def log(queue, job_id, script="hook_read"):
    reply = queue.call(script, job_id)
    return reply and Log(*reply)


def outbox(queue):
    return queue.redis.zrange(queue.key("hooks"), 0, -1)


def make_due(queue, *names):
    for name in names:
        queue.redis.zadd(queue.key("hooks"), {name: queue.now_ms() - 1})


@pytest.fixture
def ended(queue):
    """A job that has completed, with its delivery in the outbox."""
    queue.submit("a", webhook=URL)
    queue.take_one()
    queue.finish("a", members='"output":{"x":1}')
    return queue


def end_completed(queue):
    queue.take_one()
    queue.finish("a")


def end_failed(queue):
    queue.take_one()
    queue.finish("a", outcome="F", members='"error":"boom"')


def end_by_former_holder(queue):
    queue.take_one()
    queue.lost("a")
    queue.finish("a")


def end_cancelled_waiting(queue):
    queue.cancel("a")


def end_cancelled_running(queue):
    queue.take_one()
    queue.cancel("a")


def end_purged(queue):
    queue.call("purge", 10, "", "", 0)


def end_ttl(queue):
    queue.age("a", DAY_MS + 1000)
    queue.sweep()


def end_execution_timeout(queue):
    queue.take_one()
    queue.age("a", 601000)
    queue.sweep()


def end_lease(queue):
    queue.take_one()
    queue.age("a", 16000)
    queue.sweep(retries=0)


def end_lost(queue):
    queue.take_one()
    queue.lost("a", retries=0)


def end_reclaimed(queue):
    queue.take_one()
    queue.reclaim(retries=0)


def end_dissolved(queue):
    queue.call("dissolve", 10)


ENDS = [(end_completed, "C"), (end_failed, "F"), (end_by_former_holder, "C"),
        (end_cancelled_waiting, "X"), (end_cancelled_running, "X"), (end_purged, "X"),
        (end_ttl, "T"), (end_execution_timeout, "T"), (end_lease, "F"), (end_lost, "F"),
        (end_reclaimed, "F"), (end_dissolved, "X")]


@pytest.mark.parametrize("end, state", ENDS, ids=[end.__name__ for end, _ in ENDS])
def test_each_end_puts_one_delivery_into_the_outbox(queue, heard, end, state):
    hints = heard("mr:hooks")
    queue.submit("a", webhook=URL)
    assert outbox(queue) == []
    end(queue)
    view = queue.read("a")
    assert view.state == state
    assert hints() == [("mr:hooks", queue.prefix)]
    (hook,) = take(queue)
    assert (hook.job, hook.url, hook.failed) == ("a", URL, "0")
    shown = [state, view.submitted, view.started or "", view.ended, view.worker or "",
             view.retries or "", None, None, view.attempt, "", view.members or ""]
    assert hook.view == shown


@pytest.mark.parametrize("end, state", ENDS, ids=[end.__name__ for end, _ in ENDS])
def test_a_job_without_a_webhook_leaves_no_trace(queue, heard, end, state):
    hints = heard("mr:hooks")
    queue.submit("a")
    end(queue)
    assert queue.state("a") == state
    assert queue.redis.keys("mr:*h*k*") == []
    assert queue.redis.keys("mr:*:wh:*") == []
    assert "wh" not in queue.job("a")
    assert hints() == []


def test_a_job_that_goes_on_is_not_delivered(queue):
    queue.submit("a", webhook=URL)
    queue.take_one()
    queue.lost("a")
    queue.progress("a")
    assert outbox(queue) == []
    assert log(queue, "a") == ("Q", None, None, None, None, None, None)


def test_a_repeated_end_is_delivered_once(ended):
    (hook,) = take(ended)
    assert done(ended, hook) == "D"
    ended.finish("a", members='"output":{"x":1}')
    ended.cancel("a")
    assert outbox(ended) == []


def test_the_url_expires_with_the_record(ended):
    assert 0 < ended.redis.pttl(ended.key("wh", "a")) <= 1800000
    ended.call("expire", "a", 5000)
    assert 0 < ended.redis.pttl(ended.key("wh", "a")) <= 5000


def test_a_delivery_outlives_the_record(ended):
    for key in ("job", "wh", "in", "out"):
        ended.redis.delete(ended.key(key, "a"))
    (hook,) = take(ended)
    assert hook.view[10] == '"output":{"x":1}'
    assert done(ended, hook, 500, "HTTP status 500") == "Q"
    assert outbox(ended) == [hook.name]
    assert ended.redis.keys(ended.key("wh", "*")) == []
    assert DAY_MS < ended.redis.pttl(ended.key("hook", hook.name)) <= DAY_MS + 3600000


def test_a_claim_belongs_to_one_node_until_its_lease_is_over(ended):
    (hook,) = take(ended)
    assert take(ended) == []
    assert 0 < ended.next_ms <= 20000
    make_due(ended, hook.name)
    (again,) = take(ended)
    assert int(again.fence) > int(hook.fence)
    assert done(ended, hook) == ""
    assert outbox(ended) == [hook.name]
    assert done(ended, again) == "D"
    assert (outbox(ended), ended.redis.keys(ended.key("hook", "*"))) == ([], [])


def test_an_outcome_counts_once(ended):
    (hook,) = take(ended)
    assert done(ended, hook, 500, "bad") == "Q"
    assert done(ended, hook, 500, "bad") == ""
    assert log(ended, "a").tries == "1"


def test_a_failed_try_comes_back_after_its_pause(ended):
    for tries, delay_ms in enumerate((10000, 10000, 60000), 1):
        make_due(ended, "a_1")
        (hook,) = take(ended)
        assert hook.failed == str(tries - 1)
        now = ended.now_ms()
        assert done(ended, hook, 503, "HTTP status 503", delay_ms) == "Q"
        assert now + delay_ms <= ended.redis.zscore(ended.key("hooks"), "a_1") <= now + delay_ms + 500
        seen = log(ended, "a")
        assert seen[:5] == ("C", "Q", str(tries), "503", "HTTP status 503")
        assert int(seen.next) - int(seen.last) == delay_ms
    assert take(ended) == []


def test_it_is_given_up_when_the_next_try_would_be_too_late(ended):
    (hook,) = take(ended)
    assert done(ended, hook, 0, "connection refused", delay_ms=1000, limit_ms=999) == "G"
    assert (outbox(ended), ended.redis.keys(ended.key("hook", "*"))) == ([], [])
    assert log(ended, "a")[:5] == ("C", "G", "1", "0", "connection refused")


def test_success_is_logged(ended):
    now = ended.now_ms()
    (hook,) = take(ended)
    assert done(ended, hook) == "D"
    seen = log(ended, "a")
    assert seen[:5] == ("C", "D", "1", "200", "")
    assert now <= int(seen.last) <= ended.now_ms()
    assert seen.next == ""


def test_given_back_untried(ended):
    (hook,) = take(ended)
    assert ended.call("hook_defer", hook.name, hook.fence, 0) == 1
    (again,) = take(ended)
    assert again.failed == "0"
    assert ended.call("hook_defer", hook.name, hook.fence, 0) == 0


def test_claims_are_bounded_by_number_and_bytes(queue):
    for job_id in "abcde":
        queue.submit(job_id, webhook=URL)
    for taken in queue.take(*["w%d" % i for i in range(5)]):
        queue.finish(taken.id, members='"output":"%s"' % ("x" * 1000))
    assert len(take(queue, most=2)) == 2
    assert queue.next_ms == 0
    assert len(take(queue, bytes_max=1500)) == 1
    assert len(take(queue, bytes_max=1)) == 1
    assert len(take(queue)) == 1
    assert take(queue) == []


def test_the_outbox_tells_when_there_is_nothing(queue):
    assert take(queue) == []
    assert queue.next_ms == -1


def test_what_has_vanished_leaves_the_outbox(ended):
    ended.redis.delete(ended.key("hook", "a_1"))
    assert take(ended) == []
    assert (outbox(ended), ended.next_ms) == ([], -1)


def test_retry_withdraws_the_undone_end_and_its_completion_is_delivered(queue):
    queue.submit("a", webhook=URL)
    end_failed(queue)
    (old,) = take(queue)
    assert queue.call("retry", "a") == [1, "Q"]
    assert (outbox(queue), log(queue, "a").state) == ([], None)
    assert done(queue, old, 500, "late") == ""
    assert queue.lasts("wh", "a")
    attempt = queue.take_one().attempt
    queue.finish("a", attempt=attempt)
    (hook,) = take(queue)
    assert (hook.view[0], hook.view[8], hook.failed) == ("C", str(attempt), "0")
    assert hook.name != old.name


def test_a_retry_that_ends_again_does_not_log_into_the_new_end(queue):
    queue.submit("a", webhook=URL)
    end_failed(queue)
    (old,) = take(queue)
    queue.call("retry", "a")
    queue.finish("a", attempt=queue.take_one().attempt)
    assert done(queue, old) == ""
    assert log(queue, "a")[:3] == ("C", "Q", "0")


def test_redeliver(ended):
    (hook,) = take(ended)
    assert done(ended, hook) == "D"
    assert log(ended, "a", "hook_again")[:4] == ("C", "Q", "0", None)
    (again,) = take(ended)
    assert again._replace(fence=0) == hook._replace(fence=0)
    assert done(ended, again) == "D"


def test_redeliver_resets_the_tries_of_a_pending_one(ended):
    (hook,) = take(ended)
    assert done(ended, hook, 500, "bad", delay_ms=60000) == "Q"
    log(ended, "a", "hook_again")
    (again,) = take(ended)
    assert again.failed == "0"


def test_redeliver_while_a_try_is_on_its_way(ended):
    (hook,) = take(ended)
    log(ended, "a", "hook_again")
    assert done(ended, hook) == ""
    assert len(take(ended)) == 1


def test_redeliver_needs_an_ended_job_with_a_webhook(queue):
    queue.submit("plain")
    queue.submit("waits", webhook=URL)
    assert log(queue, "nobody", "hook_again") is None
    assert log(queue, "plain", "hook_again") == Log("Q")
    assert log(queue, "waits", "hook_again")[:2] == ("Q", None)
    assert outbox(queue) == []
