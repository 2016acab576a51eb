"""Redis was away, or comes back without its last writes: whoever holds a job goes on with it, nothing
runs twice, nothing is lost that an agent still knows."""

import os
import time

import pytest

from cut_off import Agent
from documents import document
from millrace_up import wait_for
from private_redis import PrivateRedis
from raw_worker import RawWorker, puppet_handler

OUTAGE_S = int(os.environ.get("MILLRACE_OUTAGE_S", 17))  # longer than a lease; by hand 60


class Site:
    """An `up` without agents on a Redis of its own that a test may kill, and agents behind doors."""

    def __init__(self, fresh_up, folder):
        self.redis = PrivateRedis().start()
        self.up = fresh_up("--agents", 0, "--redis", "unix://" + self.redis.socket)
        self.folder, self.agents = folder, []

    def agent(self, name="one", **options):
        self.agents.append(Agent(self.up, self.folder, name, redis=self.redis.socket,
                                 **options).start())
        return self.agents[-1]

    def puppets(self, count=1):
        """The endpoint and its parked workers."""
        endpoint = self.up.apply(document("raw", puppet_handler(self.folder), workersMin=count,
                                          workersMax=count, idleTimeout=600))
        return endpoint, RawWorker.wait_all(self.folder, count)

    def save(self):
        """What Redis holds when it comes back from a crash."""
        with self.redis.client() as client:
            client.save()

    def crash(self):
        self.redis.kill()
        for agent in self.agents:
            agent.wait_log("event=store.away")
        self.redis.start()

    def stop(self):
        for agent in self.agents:
            agent.stop()


@pytest.fixture
def site(fresh_up, tmp_path):
    site = Site(fresh_up, tmp_path)
    yield site
    site.stop()
    site.up.stop()
    site.redis.stop()


def take_job(endpoint, worker):
    job_id = endpoint.run({})
    assert worker.take()["id"] == job_id
    return job_id


def stored_chunks(site, job_id):
    with site.redis.client() as client:
        return client.llen("mr:{raw}:chunks:" + job_id)


def stream_chunks(site, worker, job_id, first, count):
    for number in range(first, first + count):
        worker.chunk(job_id, '{"output": %d}' % number)
    wait_for(lambda: stored_chunks(site, job_id) == first + count, 10, "stored chunks")


def test_a_lost_take_leaves_the_job_with_its_holder(site):
    """Another worker is hungry all the time, and its agent is back first: it must not get the job that
    Redis shows as waiting."""
    site.agent("one", slots=1)
    site.agent("two", slots=1)
    endpoint, (holder, other) = site.puppets(2)
    job_id = endpoint.run({})
    site.save()
    assert holder.take()["id"] == job_id
    stream_chunks(site, holder, job_id, 0, 3)
    hungry = other.take_later()
    late = site.agents[holder.id.startswith("two")]
    late.door.shut()
    site.crash()
    early = site.agents[holder.id.startswith("one")]
    wait_for(lambda: early.log().count("event=store.ready") == 2, 10, "the return of the other")
    time.sleep(1)
    late.door.open()
    late.wait_log("event=job.adopted")
    assert endpoint.wait(job_id, "IN_PROGRESS")["workerId"] == holder.id
    stream_chunks(site, holder, job_id, 3, 2)
    time.sleep(4)  # longer than nothing is taken after a return
    assert hungry.is_alive() or hungry.answers[0][0] == 204, hungry.answers
    holder.done(job_id, '{"output": "whole"}')
    job = endpoint.wait(job_id)
    assert (job["output"], job["workerId"]) == ("whole", holder.id)
    assert "retries" not in job and "orphan" not in job
    assert endpoint.stream(job_id) == ("COMPLETED", [{"output": n} for n in range(5)])
    assert endpoint.health()["jobs"] == {"completed": 1, "failed": 0, "inProgress": 0,
                                         "inQueue": 0, "retried": 0}
    next_id = endpoint.run({})
    hungry.join(30)
    if hungry.answers[0][0] == 204:  # the poll's own end
        hungry.answers = [other.take_bytes()]
    assert next_id.encode() in hungry.answers[0][2], "it takes what comes next"
    other.done(next_id, '{"output": 1}')


def test_a_job_whose_record_is_gone_ends_as_an_orphan(site):
    agent = site.agent()
    endpoint, (worker,) = site.puppets()
    site.save()
    job_id = take_job(endpoint, worker)
    stream_chunks(site, worker, job_id, 0, 3)
    site.crash()
    agent.wait_log("event=job.adopted")
    job = endpoint.wait(job_id, "IN_PROGRESS")
    assert (job["orphan"], job["workerId"]) == (True, worker.id)
    stream_chunks(site, worker, job_id, 3, 2)
    worker.done(job_id, '{"output": "kept"}')
    job = endpoint.wait(job_id)
    assert (job["status"], job["output"], job["orphan"]) == ("COMPLETED", "kept", True)
    assert endpoint.stream(job_id) == ("COMPLETED", [{"output": n} for n in range(5)])
    with site.redis.client() as client:
        assert 1700 < client.ttl("mr:{raw}:out:" + job_id) <= 1800, "the retention of async jobs"


def test_a_failed_result_posted_while_redis_was_away_is_kept_without_its_record(site):
    """It was in the spool, and the agent has been restarted meanwhile."""
    agent = site.agent()
    endpoint, (worker,) = site.puppets()
    site.save()
    job_id = take_job(endpoint, worker)
    site.redis.kill()
    agent.wait_log("event=store.away")
    worker.chunk(job_id, '{"output": 0}')
    worker.done(job_id, '{"error": "as it was"}')
    agent.kill()
    assert agent.files() == ["raw.%s.1.spool" % job_id]
    site.redis.start()
    agent.start()
    agent.wait_log("event=spool.delivered")
    job = endpoint.status(job_id)
    assert (job["status"], job["error"], job["orphan"]) == ("FAILED", "as it was", True)
    assert endpoint.stream(job_id) == ("FAILED", [{"output": 0}])


def test_agents_keep_their_workers_when_older_data_come_back(site):
    """The assignment of the older data is not taken, and leaders begin anew above all before."""
    agent = site.agent(slots=1)
    endpoint, (worker,) = site.puppets()
    job_id = take_job(endpoint, worker)
    with site.redis.client() as client:
        epoch = int(client.get("mr:{sys}:epoch"))
        client.delete("mr:{sys}:assign:one", "mr:{sys}:leader")
        client.set("mr:{sys}:epoch", 3)
    site.save()
    site.crash()
    with site.redis.client() as client:
        wait_for(lambda: int(client.get("mr:{sys}:epoch")) > epoch, 15, "a larger epoch")
        wait_for(lambda: int(client.hget("mr:{sys}:assign:one", ":epoch") or 0) > epoch, 15,
                 "an assignment of it")
    worker.done(job_id, '{"output": 1}')
    assert endpoint.wait(job_id)["workerId"] == worker.id
    job_id = take_job(endpoint, worker)  # the same process goes on
    worker.done(job_id, '{"output": 2}')
    assert endpoint.wait(job_id)["workerId"] == worker.id
    assert "event=worker.drain" not in agent.log()


@pytest.mark.timeout(OUTAGE_S + 120)
def test_a_holder_gets_its_time_when_its_lease_lapsed_in_an_outage(site):
    """Redis is paused for longer than a lease; the holder comes back 4 s after all others."""
    site.agent("one", slots=1)
    site.agent("two", slots=1)
    endpoint, (holder, other) = site.puppets(2)
    job_id = take_job(endpoint, holder)
    other.take_later()
    cut = site.agents[holder.id.startswith("two")]
    since = time.monotonic()
    site.redis.pause()
    cut.door.shut()
    wait_for(lambda: time.monotonic() - since > OUTAGE_S, OUTAGE_S + 5, "the outage")
    site.redis.resume()
    wait_for(lambda: endpoint.status(job_id)["status"] == "IN_PROGRESS", 20, "the return")
    time.sleep(4)
    cut.door.open()
    cut.wait_log("event=store.ready")
    holder.done(job_id, '{"output": "mine"}')
    job = endpoint.wait(job_id)
    assert (job["output"], job["workerId"]) == ("mine", holder.id)
    assert endpoint.health()["jobs"]["retried"] == 0


@pytest.mark.timeout(OUTAGE_S + 120)
def test_an_agent_restarted_during_an_outage_delivers_from_its_spool(site):
    """What it had answered for is on disk; the job is not given out again meanwhile."""
    agent = site.agent(slots=1)
    endpoint, (worker,) = site.puppets()
    job_id = take_job(endpoint, worker)
    stream_chunks(site, worker, job_id, 0, 2)
    since = time.monotonic()
    site.redis.pause()
    agent.wait_log("event=store.away", 30)
    for number in range(2, 5):
        worker.chunk(job_id, '{"output": %d}' % number)
    worker.done(job_id, '{"output": "on disk"}')
    assert agent.files() == ["raw.%s.1.spool" % job_id]
    agent.kill()
    (site.folder / (worker.id + ".json")).unlink(missing_ok=True)
    agent.start()
    wait_for(lambda: time.monotonic() - since > OUTAGE_S, OUTAGE_S + 5, "the outage")
    assert agent.files() == ["raw.%s.1.spool" % job_id]
    site.redis.resume()
    job = endpoint.wait(job_id, timeout=30)
    assert (job["output"], job["workerId"], job.get("retries")) == ("on disk", worker.id, None)
    assert endpoint.stream(job_id) == ("COMPLETED", [{"output": n} for n in range(5)])
    assert endpoint.health()["jobs"] == {"completed": 1, "failed": 0, "inProgress": 0,
                                         "inQueue": 0, "retried": 0}
    assert agent.files() == []
