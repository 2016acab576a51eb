"""Random histories, seeded; `tests/lua/histories` runs any number of them."""

import pytest

from history import FINAL, History, short_history
from resp import FastRedis
from transitions import Transitions

STEPS = 1500


@pytest.mark.parametrize("seed", range(3))
def test_history(queue, seed):
    states = History(queue, seed).run(STEPS)
    assert FINAL <= set(states.values()), "the history reached every end"


def test_short_histories(server, client):
    queue = Transitions(FastRedis(server.socket))
    seen = set()
    for seed in range(100):
        seen |= set(short_history(queue, seed).values())
    queue.redis.close()
    assert FINAL <= seen, "the histories reached every end"


def test_every_queued_job_is_found_at_the_end(queue):
    history = History(queue, 99)
    for _ in range(STEPS // 3):
        history.step()
    while queue.take("w", "w", "w", "w"):
        pass
    assert queue.gauges()[0] == 0 == queue.recount()[0]
