"""progress: shown while the job runs, never after its end, never for an older attempt."""


def test_progress_is_visible_while_running(queue):
    queue.submit("a", watcher="n:1")
    queue.take_one()
    assert queue.progress("a", members='"output":"10%"') == "n:1"
    assert queue.read("a").members == '"output":"10%"'
    assert queue.progress("a", members='"output":"20%"') == "n:1"
    assert queue.read("a").members == '"output":"20%"'
    queue.cancel("a")
    assert not queue.redis.exists(queue.key("out", "a"))


def test_progress_of_an_unwatched_job_is_applied(queue):
    queue.submit("a")
    queue.take_one()
    assert queue.progress("a") == ""


def test_progress_after_the_end_is_ignored(queue):
    queue.submit("a")
    queue.take_one()
    queue.finish("a", members='"output":"end"')
    assert queue.progress("a") is None
    assert queue.read("a").members == '"output":"end"'


def test_progress_of_an_older_attempt_is_ignored(queue):
    queue.submit("a")
    queue.take_one()
    queue.lost("a")
    assert queue.progress("a", attempt=1) is None
    queue.take_one()
    assert queue.progress("a", attempt=1) is None
    assert queue.read("a").members is None


def test_progress_of_an_unknown_job_is_ignored(queue):
    assert queue.progress("nobody") is None
    assert not queue.redis.keys("*out*")


def test_a_lost_attempt_takes_its_progress_along(queue):
    queue.submit("a")
    queue.take_one()
    queue.progress("a")
    queue.lost("a")
    assert queue.read("a").members is None
