"""balance: what API nodes have in hand for a load-balancing endpoint."""

from millrace_up import wait_for


def balance(queue, node="", waiting=0, running=0, believe_ms=5000):
    return queue.call("balance", node, waiting, running, believe_ms)


def gauges(queue):
    return [int(v or 0) for v in queue.redis.hmget(queue.key("stats"), "inQueue", "inProgress")]


def test_the_numbers_of_all_nodes_are_summed(queue):
    assert balance(queue, "n:1", 2, 3) == [2, 3]
    assert balance(queue, "n:2", 1, 0) == [3, 3]
    assert balance(queue) == [3, 3]
    assert gauges(queue) == [3, 3]


def test_a_node_replaces_what_it_told(queue):
    balance(queue, "n:1", 2, 3)
    assert balance(queue, "n:1", 0, 1) == [0, 1]
    assert gauges(queue) == [0, 1]


def test_a_silent_node_stops_counting(queue):
    balance(queue, "n:1", 2, 3, believe_ms=1)
    wait_for(lambda: balance(queue) == [0, 0], 5, "n:1 forgotten")
    assert gauges(queue) == [0, 0]
    assert queue.redis.hlen(queue.key("balance")) == 0


def test_damaged_fields_count_nothing(queue):
    queue.redis.hset(queue.key("balance"), "n:1", "x 1")
    assert balance(queue) == [0, 0]


def test_the_scheduler_is_woken_when_nobody_is_ready(queue, heard):
    messages = heard("mr:wake")
    balance(queue, "n:1", 1, 0)
    assert messages() == [("mr:wake", queue.prefix)]
    queue.redis.hset(queue.key("stats"), "ready", 1)
    balance(queue, "n:1", 1, 0)
    balance(queue)
    assert messages() == []
