"""log: the latest lines of handlers, within a number of bytes and of lines."""


def log(queue, *lines, most_bytes=1000, most_lines=100):
    return queue.call("log", most_bytes, most_lines,
                      *[part for line in lines for part in ("w", "", line)])


def kept(queue):
    return [fields["l"] for _, fields in queue.redis.xrange(queue.key("log"))]


def test_log_keeps_lines_in_order(queue):
    assert log(queue, "a", "b") == 2
    assert log(queue, "c") == 3
    assert kept(queue) == ["a", "b", "c"]
    assert queue.redis.pttl(queue.key("log")) > 80000000


def test_log_keeps_worker_and_job(queue):
    queue.call("log", 1000, 100, "w1", "job", "text")
    assert queue.redis.xrange(queue.key("log"))[0][1] == {"w": "w1", "j": "job", "l": "text"}


def test_log_is_bounded_by_lines_and_bytes(queue):
    for n in range(50):
        log(queue, *["%d.%d" % (n, i) for i in range(10)], most_lines=100, most_bytes=1 << 20)
    assert len(kept(queue)) <= 100 and kept(queue)[-1] == "49.9"
    for n in range(20):
        log(queue, "x" * 100)
    assert sum(len(line) + 1 for line in kept(queue)) <= 1000
    assert queue.stats()["logBytes"] == sum(len(line) + 1 for line in kept(queue))


def test_log_counts_anew_after_it_has_expired(queue):
    log(queue, "x" * 900)
    queue.redis.delete(queue.key("log"))
    log(queue, "y" * 500)
    assert queue.stats()["logBytes"] == 501
