"""read: whoever registers sees the state before every change that will be announced to it."""


def test_read_of_an_unknown_job(queue):
    assert queue.read("nobody", watcher="n:1") is None
    assert queue.redis.keys("*") == []


def test_read_of_a_queued_job(queue):
    queue.submit("a")
    view = queue.read("a")
    assert (view.state, view.attempt, view.started, view.ended) == ("Q", "0", None, None)
    assert (view.worker, view.retries, view.token, view.members) == (None, None, "tk-a", None)


def test_read_of_an_ended_job_has_times_and_members(queue):
    queue.submit("a")
    queue.take_one()
    queue.finish("a")
    view = queue.read("a")
    assert int(view.submitted) <= int(view.started) <= int(view.ended)
    assert (view.state, view.worker, view.members) == ("C", "w1", '"output":1')


def test_read_of_several_answers_each_in_order(queue):
    queue.submit("a")
    replies = queue.call("read", "nobody", "", "", 0, "a", "", "", 0, "other", "n:1", "", 0)
    assert [reply and reply[0] for reply in replies] == [None, "Q", None]


def test_read_registers_a_watcher_once(queue):
    queue.submit("a")
    for watcher in ("10.0.0.1:80", "10.0.0.1:8", "10.0.0.1:80", "10.0.0.1:8"):
        queue.read("a", watcher=watcher)
    assert queue.job("a")["wt"] == "10.0.0.1:80 10.0.0.1:8"
    queue.take_one()
    queue.read("a", watcher="n:3")
    assert queue.finish("a").watchers == "10.0.0.1:80 10.0.0.1:8 n:3"


def test_read_takes_no_part_of_an_address_for_a_watcher(queue):
    queue.submit("a", watcher="10.0.0.1:80")
    queue.read("a", watcher="0.0.0.1:80")
    assert queue.job("a")["wt"] == "10.0.0.1:80 0.0.0.1:80"


def test_read_of_an_ended_job_registers_nobody(queue):
    queue.submit("a")
    queue.cancel("a")
    queue.read("a", watcher="n:1")
    assert queue.job("a").get("wt", "") == ""


def test_read_without_watcher_changes_nothing(queue):
    queue.submit("a", watcher="n:1")
    before = queue.job("a")
    queue.read("a")
    assert queue.job("a") == before
