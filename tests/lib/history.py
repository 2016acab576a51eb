"""Random histories of clients, workers and the clock on the real scripts, seeded: whatever happens in
whatever order,
  - the counters of /health equal a recount of the records: inQueue, inProgress, completed, failed
    and retried,
  - a terminal state never changes but by retry,
  - attempts of a job only grow, and no two workers hold the same attempt.
"""

import random

FINAL = set("CFXT")


class History:
    """Drives the transitions at random and remembers what must stay true."""

    def __init__(self, queue, seed):
        self.queue = queue
        self.random = random.Random(seed)
        self.ids, self.held, self.final, self.attempts = [], [], {}, {}
        self.retried = 0
        self.agents = ["one", "two", "three"]

    def run(self, steps, check_each=10):
        """Takes so many steps, looks at all records now and then and at the end; returns the states."""
        for step in range(1, steps + 1):
            self.step()
            if step % check_each == 0:
                self.check()
        return self.check()

    def step(self):
        actions = [(self.submit, 6), (self.take, 6), (self.finish, 5), (self.stale_finish, 1),
                   (self.lost, 2), (self.cancel, 1), (self.progress, 1), (self.append, 1),
                   (self.renew, 1), (self.age, 1), (self.sweep, 2), (self.reclaim, 0.3),
                   (self.resubmit, 0.5), (self.read, 0.5), (self.retry, 1), (self.purge, 0.1)]
        pick = self.random.choices([a for a, _ in actions], [w for _, w in actions])[0]
        pick()

    def submit(self):
        jobs = []
        for _ in range(self.random.choice([1, 1, 3])):
            self.ids.append("j%d" % len(self.ids))
            jobs.append({"job_id": self.ids[-1], "low": self.random.random() < 0.3,
                         "ttl_ms": self.random.choice([10000, 60000]), "waiting_max": 30,
                         "execution_ms": 20000})
        self.queue.submit_many(jobs)

    def resubmit(self):
        if self.ids:
            job_id = self.random.choice(self.ids)
            known = self.queue.state(job_id)
            outcome = self.queue.submit(job_id, waiting_max=1000)
            assert (outcome == 2) == (known is not None)

    def take(self):
        agent = self.random.choice(self.agents)
        for taken in self.queue.take(*["w"] * self.random.randint(1, 4), agent=agent):
            assert taken.attempt > self.attempts.get(taken.id, 0)
            assert taken.id not in self.final
            self.attempts[taken.id] = taken.attempt
            self.held.append((taken.id, taken.attempt, agent))

    def one_held(self, remove=False):
        if not self.held:
            return None
        held = self.random.choice(self.held)
        if remove:
            self.held.remove(held)
        return held

    def finish(self):
        held = self.one_held(remove=True)
        if held:
            outcome = self.random.choice("CCCF")
            first = self.queue.finish(held[0], held[1], outcome)
            if self.random.random() < 0.3:
                assert self.queue.finish(held[0], held[1], outcome) == first

    def stale_finish(self):
        held = self.one_held()
        if held and held[1] < self.attempts[held[0]]:
            assert self.queue.finish(held[0], held[1]).applied == 0

    def lost(self):
        held = self.one_held(remove=self.random.random() < 0.7)
        if held:
            self.queue.lost(held[0], held[1], retries=self.random.choice([0, 1, 3]))

    def cancel(self):
        if self.ids:
            self.queue.cancel(self.random.choice(self.ids))

    def progress(self):
        held = self.one_held()
        if held:
            applied = self.queue.progress(held[0], held[1]) is not None
            job = self.queue.job(held[0])
            assert applied == (job["s"] == "P" and job["a"] == str(held[1]))

    def append(self):
        held = self.one_held()
        if held:
            stored = self.queue.redis.llen(self.queue.key("chunks", held[0]))
            self.queue.append(held[0], stored, "c", attempt=held[1])

    def renew(self):
        held = [h for h in self.held if h[2] == "one"]
        answers = self.queue.renew(*[h[:2] for h in held], agent="one") if held else []
        for (job_id, attempt, _), answer in zip(held, answers):
            job = self.queue.job(job_id)
            assert answer == (job["s"] == "P" and job["a"] == str(attempt))

    def age(self):
        for job_id in self.random.sample(self.ids, min(3, len(self.ids))):
            if self.queue.state(job_id) in ("Q", "P"):
                self.queue.age(job_id, self.random.choice([5000, 16000, 61000]))

    def sweep(self):
        self.queue.sweep(most=self.random.choice([1, 5, 100]), retries=2)

    def reclaim(self):
        agent = self.random.choice(self.agents)
        is_new = self.random.random() < 0.5
        kept = [] if is_new else [h[0] for h in self.held if h[2] == agent]
        if is_new:
            self.held = [h for h in self.held if h[2] != agent]
        self.queue.reclaim(*kept, agent=agent, is_new=is_new)

    def retry(self):
        job_id = self.random.choice(self.ids or ["nobody"])
        state = self.queue.state(job_id)
        done = self.queue.call("retry", job_id)
        assert (done == [1, "Q"]) == (state in ("F", "T"))
        if done == [1, "Q"]:
            self.final.pop(job_id, None)
            self.retried += 1

    def purge(self):
        self.queue.call("purge", 1000, "", "", 0)
        assert self.queue.gauges()[0] == 0

    def read(self):
        if self.ids:
            self.queue.read(self.random.choice(self.ids), watcher="n:%d" % self.random.randint(1, 3))

    def records(self):
        """State and retries of each job that is there."""
        pipe = self.queue.redis.pipeline(transaction=False)
        for job_id in self.ids:
            pipe.hmget(self.queue.key("job", job_id), "s", "r")
        found = zip(self.ids, pipe.execute())
        return {job_id: (state, int(retries or 0)) for job_id, (state, retries) in found if state}

    def check(self):
        states, retries = {}, 0
        for job_id, (state, more) in self.records().items():
            states[job_id] = state
            retries += more
            if job_id in self.final:
                assert state == self.final[job_id], job_id + " changed after its end"
            elif state in FINAL:
                self.final[job_id] = state
        found = list(states.values())
        stats = self.queue.stats()
        counted = {"inQueue": found.count("Q"), "inProgress": found.count("P"),
                   "completed": found.count("C"), "retried": retries,
                   "failed": found.count("F") + found.count("T") + self.retried}
        assert {name: stats.get(name, 0) for name in counted} == counted
        return states


def short_history(queue, seed):
    """One history of 20 to 60 steps on an empty Redis; an error names the seed that repeats it."""
    queue.redis.flushall()
    history = History(queue, seed)
    try:
        return history.run(history.random.randint(20, 60), check_each=5)
    except AssertionError as error:
        raise AssertionError("history %d: %s" % (seed, error)) from error
