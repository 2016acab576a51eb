"""How late the deadlines of jobs are kept by the real scheduler, and what they cost.

The jobs are made by the transitions themselves, so that 100 000 are there in seconds: some wait, some
run with an agent that says nothing, some have ended. Every end is in the record, by the clock of
Redis: lateness is that time minus the deadline. Most jobs live on far beyond the test: cost must
follow what is due."""

import random
import time

FAR_MS = 86400000
GROUP = 50


def new_job(name, ttl_ms=FAR_MS, execution_ms=FAR_MS, retention_ms=FAR_MS):
    return {"job_id": name, "members": '"input":{}', "ttl_ms": max(ttl_ms, 1), "token": "t",
            "execution_ms": max(execution_ms, 1), "retention_ms": max(retention_ms, 1),
            "waiting_max": 10 ** 9}


def groups(names):
    return [names[at:at + GROUP] for at in range(0, len(names), GROUP)]


class Lifetimes:
    """count live jobs on one endpoint, `due` of each kind with a deadline in the window."""

    def __init__(self, queue, count, due, window_ms, seed=1):
        self.queue, self.window_ms, self.random = queue, window_ms, random.Random(seed)
        self.count, self.due = count, due
        self.names = {kind: ["%s-%d" % (kind, n) for n in range(due)]
                      for kind in ("running", "ended", "asked", "waiting")}

    def fill(self, begin_ms):
        """All jobs; the first deadline is begin_ms from now, which must be longer than this takes."""
        self.begin = self.queue.now_ms() + begin_ms
        self.deadline = {name: self.begin + self.random.randint(0, self.window_ms)
                         for names in self.names.values() for name in names}
        idle = ["far-%d" % n for n in range(self.count - 4 * self.due)]
        self.run(idle[::2])
        for names in groups(self.names["running"]):
            now = self.queue.now_ms()
            self.run(names, [self.deadline[name] - now for name in names])
        for kind in ("ended", "asked"):
            self.end(self.names[kind], kind)
        for names in groups(idle[1::2]):
            self.queue.submit_many([new_job(name) for name in names])
        for names in groups(self.names["waiting"]):
            now = self.queue.now_ms()
            self.queue.submit_many([new_job(name, ttl_ms=self.deadline[name] - now)
                                    for name in names])
        assert self.queue.now_ms() < self.begin, "filling took longer than %d ms" % begin_ms

    def run(self, names, execution_ms=None):
        for at in range(0, len(names), GROUP):
            part = names[at:at + GROUP]
            times = execution_ms[at:at + GROUP] if execution_ms else [FAR_MS] * len(part)
            self.queue.submit_many([new_job(name, execution_ms=ms) for name, ms in zip(part, times)])
            assert len(self.queue.take(*["w"] * len(part), agent="silent", lease_ms=FAR_MS)) == len(part)

    def end(self, names, kind):
        for part in groups(names):
            now = self.queue.now_ms()
            keep = [self.deadline[name] - now if kind == "ended" else FAR_MS for name in part]
            self.queue.submit_many([new_job(name, retention_ms=ms) for name, ms in zip(part, keep)])
            self.queue.take(*["w"] * len(part), agent="silent", lease_ms=FAR_MS)
            self.queue.finish_many([(name, 1, "C", '"output":1') for name in part])
            for name in part if kind == "asked" else ():
                self.queue.call("expire", name, self.deadline[name] - self.queue.now_ms())

    def wait(self):
        """Until the window is over and nothing due is left; the records then hold what happened."""
        while self.queue.now_ms() < self.begin + self.window_ms:
            self.watch_records()
        last = time.monotonic() + 30
        far = self.count - 4 * self.due
        while (live := self.live()) > far:
            assert time.monotonic() < last, "%d jobs are not ended" % (live - far)
            time.sleep(0.05)

    def live(self):
        gauges = self.queue.redis.hmget(self.queue.key("stats"), "inQueue", "inProgress")
        return sum(int(gauge or 0) for gauge in gauges)

    def watch_records(self):
        """Records of ended jobs are there before their deadline and not after it."""
        now = self.queue.now_ms()
        for kind in ("ended", "asked"):
            for name in self.random.sample(self.names[kind], min(20, self.due)):
                parts = ("job", "in", "out")
                there = sum(self.queue.redis.exists(self.queue.key(part, name)) for part in parts)
                after = self.queue.now_ms()
                if now > self.deadline[name] + 1000:
                    assert there == 0, "%s is still there" % name
                elif after < self.deadline[name] - 1000:
                    assert there == len(parts), "%s went too early" % name
        time.sleep(0.05)

    def lateness(self):
        """Milliseconds, sorted, for each kind that the scheduler ends; none may be early."""
        found = {}
        for kind, state in (("waiting", "T"), ("running", "T")):
            pipe = self.queue.redis.pipeline(transaction=False)
            for name in self.names[kind]:
                pipe.hmget(self.queue.key("job", name), "s", "t2", "tl", "t1", "to")
            found[kind] = []
            for name, (letter, ended, ttl_end, started, limit) in zip(self.names[kind], pipe.execute()):
                assert letter == state, "%s is %s" % (name, letter)
                end = int(ttl_end) if kind == "waiting" else int(started) + int(limit)
                found[kind].append(int(ended) - end)
            found[kind].sort()
        return found
