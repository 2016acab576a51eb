"""Deadlines are kept to a second by the scheduler that runs; tests/bench/run lifetimes does it with
100 000 live jobs."""

from lifetimes import Lifetimes
from resp import FastRedis
from transitions import Transitions


def test_every_deadline_is_kept_to_a_second(up, parked):
    path = str(up.data / "redis/redis.sock")
    queue = Transitions(FastRedis(path), parked.id)
    jobs = Lifetimes(queue, count=2000, due=150, window_ms=2500)
    jobs.fill(begin_ms=4000)
    jobs.wait()
    for kind, late in jobs.lateness().items():
        assert 0 <= late[0] and late[-1] <= 1000, kind
    queue.redis.close()
