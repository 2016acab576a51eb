"""configure with a version, describe, dissolve, grant, revoke: what management does."""

import json


def test_configure_refuses_a_version_that_is_not_the_stored_one(queue):
    version = queue.configure("one")
    assert queue.configure("two", version=version) == version + 1
    assert queue.configure("three", version=version) == -3
    assert queue.redis.hget(queue.key("conf"), "doc") == "two"


def test_configure_with_a_version_does_not_bring_back_what_was_deleted(queue):
    version = queue.configure("one")
    queue.configure("")
    assert queue.configure("two", version=version) == -2
    assert queue.redis.hget(queue.key("conf"), "doc") is None


def test_nothing_is_accepted_after_a_delete(queue):
    queue.configure("doc")
    queue.submit("a")
    queue.take_one()
    queue.finish("a", outcome="F")
    queue.configure("")
    assert queue.submit("b") == 4
    assert queue.call("retry", "a") is None
    assert queue.gauges() == (0, 0) == queue.recount()


def test_an_endpoint_made_anew_accepts(queue):
    queue.configure("doc")
    queue.configure("")
    queue.configure("doc")
    assert queue.submit("a") == 1


def test_describe(queue):
    assert queue.describe() == (None, 0, {})
    queue.configure("doc")
    queue.report("w1", "running", held=1, agent="agent-3")
    document, version, workers = queue.describe()
    assert (document, version) == ("doc", 1)
    state, held, _, _, agent = workers["w1"].split(" ")[:5]
    assert (state, held, agent) == ("running", "1", "agent-3")
    assert queue.describe(workers=False) == ("doc", 1, {})


def test_dissolve_ends_running_and_waiting_jobs(queue, heard):
    queue.configure("doc")
    queue.submit("running", watcher="n:1", retention_ms=60000)
    queue.take_one(agent="agent-7")
    queue.submit("waiting", watcher="n:2")
    queue.submit("low", low=True)
    queue.configure("")
    messages = heard("mr:agent:agent-7")
    more, watched = queue.dissolve()
    assert not more
    assert watched == [("running", "n:1", "tk-running"), ("waiting", "n:2", "tk-waiting")]
    assert messages() == [("mr:agent:agent-7", "stop running 1")]
    assert {queue.state(job) for job in ("running", "waiting", "low")} == {"X"}
    assert queue.gauges() == (0, 0) == queue.recount()
    assert (queue.due(), queue.ttl()) == ({}, {})
    assert queue.waiting_ids() == queue.waiting_ids(low=True) == []
    assert 0 < queue.redis.pttl(queue.key("job", "running")) <= 60000
    assert queue.finish("running").applied == 0


def test_dissolve_goes_by_pages(queue):
    queue.configure("doc")
    for number in range(25):
        queue.submit("j%d" % number)
    queue.take(*["w%d" % number for number in range(8)])
    queue.configure("")
    pages = []
    while not pages or pages[-1]:
        pages.append(queue.dissolve(most=10)[0])
    assert pages == [1, 1, 0]
    assert queue.gauges() == (0, 0) == queue.recount()


def test_dissolve_catches_what_is_requeued_between_pages(queue):
    queue.configure("doc")
    queue.submit("a")
    queue.submit("b")
    queue.take("w1", "w2")
    queue.configure("")
    assert queue.dissolve(most=1)[0] == 1
    for job in ("a", "b"):
        queue.lost(job)
    assert queue.gauges() == (1, 0)
    assert queue.dissolve(most=10)[0] == 0
    assert queue.gauges() == (0, 0) == queue.recount()


def test_dissolve_leaves_an_endpoint_made_anew_alone(queue):
    queue.configure("doc")
    queue.submit("a")
    assert queue.dissolve() == (0, [])
    assert queue.state("a") == "Q"


def test_dissolve_clears_the_counters(queue):
    queue.configure("doc")
    queue.submit("a")
    queue.take_one()
    queue.finish("a")
    queue.configure("")
    queue.dissolve()
    assert queue.counters() == {"completed": 0, "failed": 0, "retried": 0}
    assert queue.read("a").members == '"output":1', "what had ended stays readable"


def test_grant_and_revoke(system, heard):
    record = json.dumps({"id": "k1"})
    assert system.call("grant", "k1", "digest", record) == 1
    assert system.redis.hgetall(system.key("keys")) == {"digest": record}
    messages = heard("mr:keys")
    assert system.call("revoke", "k1") == 1
    assert messages() == [("mr:keys", "k1")]
    assert not system.redis.exists(system.key("keys"), system.key("keyids"))
    assert system.call("revoke", "k1") == 0


def test_grant_refuses_an_id_that_is_taken_and_may_be_repeated(system):
    assert system.call("grant", "k1", "one", "{}") == 1
    assert system.call("grant", "k1", "one", "{}") == 1
    assert system.call("grant", "k1", "two", "{}") == 0
    assert system.redis.hkeys(system.key("keys")) == ["one"]
