"""Calls the Lua transitions as the store does: same text, same keys, same arguments.

`--#include NAME` lines are replaced as common/queue/embed_scripts.cmake replaces them. Replies come
back as small named tuples, so that tests read as sentences.
"""

import pathlib
import re
import time
from collections import namedtuple

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "common/queue/lua"
DAY_MS = 86400000

Taken = namedtuple("Taken", "id worker attempt token execution_ms members watchers")
Finished = namedtuple("Finished", "applied watchers token delay_ms execution_ms retries worker"
                      " orphan", defaults=(None,) * 7)
Lost = namedtuple("Lost", "applied state watchers token", defaults=(None,) * 3)
Change = namedtuple("Change", "id state watchers token")
Cancelled = namedtuple("Cancelled", "state watchers token delay_ms execution_ms worker")
View = namedtuple("View", "state submitted started ended worker retries freed orphan attempt token"
                  " members position reason detail", defaults=(None,) * 6)
Page = namedtuple("Page", "state attempt token more chunks")
Tail = namedtuple("Tail", "job version first stored chunks")
Appended = namedtuple("Appended", "stored watchers token", defaults=(None,) * 2)
Beat = namedtuple("Beat", "now wanted lost_ms epoch")
Lead = namedtuple("Lead", "epoch lapse_from until")


def script_text(name):
    """The script as it is embedded into the programs."""
    def include(match):
        return (FOLDER / "lib" / (match.group(1) + ".lua")).read_text()
    return re.sub(r"--#include ([a-z_]+)\n", include, (FOLDER / (name + ".lua")).read_text())


def script_names():
    return sorted(path.stem for path in FOLDER.glob("*.lua"))


def rows(flat, kind):
    """A flat reply cut into named tuples."""
    width = len(kind._fields)
    return [kind(*flat[i:i + width]) for i in range(0, len(flat), width)]


class Transitions:
    """All transitions of one endpoint (or of "sys") on one connection."""

    def __init__(self, client, endpoint="ep"):
        self.redis = client
        self.prefix = "mr:{%s}:" % endpoint
        self.readings = 0
        self.scripts = {name: client.register_script(script_text(name)) for name in script_names()}

    def key(self, *parts):
        return self.prefix + ":".join(parts)

    def call(self, name, *args):
        return self.scripts[name](keys=[self.prefix], args=args)

    # ---- client side
    def submit_many(self, jobs):
        """jobs: dicts of the arguments of submit(); returns the outcome of each."""
        args = []
        for job in jobs:
            args += self.submit_args(**job)
        return self.call("submit", *args)

    def submit(self, job_id, **options):
        return self.submit_many([dict(options, job_id=job_id)])[0]

    @staticmethod
    def submit_args(job_id, members='"input":{}', low=False, execution_ms=600000, ttl_ms=DAY_MS,
                     retention_ms=1800000, waiting_max=1500, token=None, watcher="",
                     rate=("", 0), idempotency=("", ""), webhook=""):
        """Eight arguments, the last one names those that follow by letters."""
        more = {"l": "l" if low else "", "w": watcher, "r": rate[0], "m": rate[1] if rate[0] else "",
                "i": idempotency[0], "b": idempotency[1], "h": webhook}
        more = {letter: value for letter, value in more.items() if value != ""}
        return [job_id, members, token or "tk-" + job_id, execution_ms, ttl_ms, retention_ms,
                waiting_max, "".join(more), *more.values()]

    def read(self, job_id, watcher="", rate=("", 0)):
        reply = self.call("read", job_id, watcher, *rate)[0]
        return reply and View(*reply)

    def stream(self, job_id, budget=1 << 20, watcher="", reading=None):
        """reading: name of this call; the same name again is the same call sent again."""
        self.readings += 1
        reply = self.call("stream", job_id, budget, watcher, reading or "r%d" % self.readings, "", 0)
        return reply and Page(*reply[:4], reply[4:])

    def chunks(self, job_id, attempt=-1, first=0, budget=1 << 20, watcher="", version="",
               rate=("", 0)):
        reply = self.call("chunks", job_id, watcher, *rate, attempt, first, budget, version)[0]
        return reply and Tail(View(*reply[0]), *reply[1:4], reply[4:])

    def cancel(self, job_id):
        reply = self.call("cancel", job_id, "", 0)
        return reply and Cancelled(*reply)

    # ---- worker side
    def take(self, *workers, agent="agent-0", lease_ms=15000):
        reply = self.call("take", agent, lease_ms, *(workers or ("w1",)))
        self.waiting = reply[0]
        return rows(reply[1:], Taken)

    def take_one(self, worker="w1", **options):
        taken = self.take(worker, **options)
        assert len(taken) == 1, taken
        return taken[0]

    def worker_of(self, job_id, worker=None):
        """Who calls when a test does not say: whoever the record names."""
        return worker or self.redis.hget(self.key("job", job_id), "w") or "w1"

    def finish(self, job_id, attempt=1, outcome="C", members='"output":1', worker=None):
        return self.finish_many([(job_id, attempt, outcome, members, worker)])[0]

    def finish_many(self, results):
        """results: (id, attempt, outcome, members) and, when it is not the record's, the worker."""
        args = []
        for job_id, attempt, outcome, members, *worker in results:
            args += [job_id, attempt, self.worker_of(job_id, *worker), outcome, members]
        return [Finished(*r) for r in self.call("finish", *args)]

    def progress(self, job_id, attempt=1, members='"output":"half"', worker=None):
        return self.call("progress", job_id, attempt, self.worker_of(job_id, worker), members)[0]

    def append(self, job_id, first, *chunks, attempt=1, worker=None, fill=False):
        return Appended(*self.call("append", job_id, attempt, self.worker_of(job_id, worker), first,
                                   int(fill), len(chunks), *chunks)[0])

    def renew(self, *held, agent="agent-0", lease_ms=15000):
        """held: (id, attempt) and, when it is not the record's, the worker."""
        args = [v for job_id, attempt, *worker in held
                for v in (job_id, attempt, self.worker_of(job_id, *worker))]
        return self.call("renew", agent, lease_ms, *args)

    def adopt(self, job_id, attempt=1, worker="w1", agent="agent-0", lease_ms=15000, token=None,
              age_ms=1000, execution_ms=600000, retention_ms=1800000):
        return self.call("adopt", agent, lease_ms, job_id, attempt, worker, token or "tk-" + job_id,
                         age_ms, execution_ms, retention_ms)[0]

    def lost(self, job_id, attempt=1, retries=1, members='"error":"worker lost"', worker=None):
        return Lost(*self.call("lost", retries, job_id, attempt, self.worker_of(job_id, worker),
                               members)[0])

    def reclaim(self, *held, agent="agent-0", retries=1, is_new=True):
        return rows(self.call("reclaim", agent, retries, "1" if is_new else "0", *held), Change)

    def report(self, worker, state, held=0, age_ms=0, version=1, agent="agent-0", slots=0,
               start_ms=0, ready_age_ms=-1):
        return self.call("report", agent, worker, state, held, age_ms, version, slots, start_ms,
                         ready_age_ms)

    def crashed(self, said="said", release=1, agent="agent-0", from_outside=False):
        return self.call("crashed", agent, release, said, int(from_outside))

    def pin(self, version, image="", release=77):
        return self.call("pin", version, release, image)

    def proven(self, release=1):
        return self.call("proven", release)

    def writes(self):
        """Of Redis so far."""
        return self.redis.info("persistence")["rdb_changes_since_last_save"]

    # ---- scheduler side
    def sweep(self, most=100, retries=1, lapse_from=0, until=1 << 52):
        """lapse_from, until: when leases lapse, and how long the caller may sweep, Redis ms."""
        reply = self.call("sweep", most, retries, lapse_from, until)
        self.handled = reply[0]
        return rows(reply[1:], Change)

    def lead(self, scheduler, **options):
        """The epoch, 0 while another one leads."""
        return self.ask_lead(scheduler, **options).epoch

    def ask_lead(self, scheduler, lock_ms=3000, known=0, away_ms=5000, hold_ms=15000):
        return Lead(*self.call("lead", scheduler, lock_ms, known, away_ms, hold_ms))

    def assign(self, epoch, agent, **wanted):
        return self.call("assign", epoch, agent, *[v for pair in wanted.items() for v in pair])

    def beat(self, agent, description="{}", answered=0):
        now, lost_ms, epoch, *pairs = self.call("beat", agent, description, answered)
        return Beat(now, dict(zip(pairs[::2], pairs[1::2])), lost_ms, epoch)

    def agents(self):
        """{agent: (time of its last beat, description)}"""
        now, *rest = self.call("agents")
        return {rest[i]: (rest[i + 1], rest[i + 2]) for i in range(0, len(rest), 3)}

    def configure(self, document, may_replace=True, version=""):
        return self.call("configure", document, "1" if may_replace else "0", version)

    def dissolve(self, most=100):
        """(is there more, [(id, watchers, token)...])"""
        more, *watched = self.call("dissolve", most)
        return more, [tuple(watched[i:i + 3]) for i in range(0, len(watched), 3)]

    def describe(self, workers=True):
        document, version, *pairs = self.call("describe", "1" if workers else "0")
        return document, version, dict(zip(pairs[::2], pairs[1::2]))

    # ---- looking at what is stored
    def job(self, job_id):
        return self.redis.hgetall(self.key("job", job_id))

    def state(self, job_id):
        return self.redis.hget(self.key("job", job_id), "s")

    def lasts(self, part, job_id):
        """It is there and does not expire."""
        return self.redis.pttl(self.key(part, job_id)) == -1

    def stats(self):
        stats = self.redis.hgetall(self.key("stats"))
        return {name: int(value) for name, value in stats.items()}

    def gauges(self):
        stats = self.stats()
        return stats.get("inQueue", 0), stats.get("inProgress", 0)

    def counters(self):
        stats = self.stats()
        return {name: stats.get(name, 0) for name in ("completed", "failed", "retried")}

    def recount(self):
        """Gauges as the records say: (queued, running)."""
        states = [self.redis.hget(key, "s") for key in self.redis.keys(self.key("job", "*"))]
        return states.count("Q"), states.count("P")

    def bell(self):
        return self.redis.llen(self.key("bell"))

    def due(self):
        return dict(self.redis.zrange(self.key("due"), 0, -1, withscores=True))

    def ttl(self):
        return dict(self.redis.zrange(self.key("ttl"), 0, -1, withscores=True))

    def waiting_ids(self, low=False):
        return self.redis.lrange(self.key("q:low" if low else "q"), 0, -1)

    def now_ms(self):
        seconds, micros = self.redis.time()
        return seconds * 1000 + micros // 1000

    def age(self, job_id, ms):
        """Makes a job look ms older: times of the record and its deadline move into the past."""
        key = self.key("job", job_id)
        for field in ("t0", "t1", "tl"):
            if self.redis.hexists(key, field):
                self.redis.hincrby(key, field, -ms)
        for deadlines in ("due", "ttl"):
            if self.redis.zscore(self.key(deadlines), job_id) is not None:
                self.redis.zincrby(self.key(deadlines), -ms, job_id)


def wait_for(condition, timeout=5, what="condition"):
    """Calls condition until it answers something true, and returns that."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "gave up waiting for " + what
        time.sleep(0.01)
