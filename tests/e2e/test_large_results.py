"""Many large results at one agent: they go to Redis one after the other, so that each of them costs one
copy, and each of them arrives, whatever happens meanwhile."""

import hashlib
import json

import pytest

from cut_off import Agent
from documents import document
from millrace_up import is_sanitized, wait_for
from private_redis import PrivateRedis
from processes import peak_mib
from raw_worker import RawWorker, puppet_handler

MIB = 1 << 20
RESULTS = 21
WORKERS = 3


def text_of(number, mib):
    """Different for each."""
    return ("%07d " % number) * (mib * MIB // 8)


def digest(text):
    return hashlib.sha1(text.encode()).hexdigest()


def take_all(endpoint, workers, count):
    """(worker, job) of `count` jobs."""
    pairs = []
    for worker in workers:
        job_ids = [endpoint.run({}) for _ in range(count // len(workers))]
        taken = []
        while len(taken) < len(job_ids):
            taken += worker.take(in_progress=len(taken), batch=len(job_ids) - len(taken))
        pairs += [(worker, job["id"]) for job in taken]
    return pairs


def post_all(pairs, mib):
    return [worker.post_later(job_id, json.dumps({"output": text_of(number, mib)}))
            for number, (worker, job_id) in enumerate(pairs)]


def join_all(posts, seconds=60):
    for post in posts:
        post.join(seconds)
    assert not any(post.is_alive() for post in posts), "every post is answered"


def assert_stored(endpoint, pairs, mib):
    wait_for(lambda: endpoint.health()["jobs"]["completed"] == len(pairs), 60, "all results")
    for number, (worker, job_id) in enumerate(pairs):
        job = endpoint.status(job_id)
        assert (job["status"], job["workerId"]) == ("COMPLETED", worker.id)
        assert digest(job["output"]) == digest(text_of(number, mib)), number
    assert endpoint.health()["jobs"]["retried"] == 0


@pytest.mark.timeout(240)
def test_many_large_results_at_once_cost_one_copy_each(fresh_up, tmp_path):
    room = 200  # MiB
    up = fresh_up("--slots", WORKERS, env={"MILLRACE_BODIES_MAX_MB": str(room)})
    endpoint = up.apply(document("raw", puppet_handler(tmp_path), workersMin=WORKERS,
                                 workersMax=WORKERS, limits="off"))
    pairs = take_all(endpoint, RawWorker.wait_all(tmp_path, WORKERS), RESULTS)
    join_all(post_all(pairs, 20), 120)
    assert_stored(endpoint, pairs, 20)
    assert "event=job.spooled" not in up.log("agent-0"), "Redis took one after the other"
    if not is_sanitized():
        # one that is read again as a result, one on its way to Redis, the program
        assert peak_mib(up.pid("agent-0")) < room + 20 + 20 + 40


class Site:
    """One agent on a Redis that can be paused, with workers that hold jobs."""

    def __init__(self, fresh_up, folder):
        self.redis = PrivateRedis().start()
        self.up = fresh_up("--agents", 0, "--redis", "unix://" + self.redis.socket)
        self.agent = Agent(self.up, folder, slots=WORKERS, redis=self.redis.socket).start()
        self.endpoint = self.up.apply(document("raw", puppet_handler(folder), workersMin=WORKERS,
                                               workersMax=WORKERS, limits="off"))
        self.workers = RawWorker.wait_all(folder, WORKERS)

    def stop(self):
        self.redis.resume()
        self.agent.stop()
        self.up.stop()
        self.redis.stop()


@pytest.fixture
def site(fresh_up, tmp_path):
    site = Site(fresh_up, tmp_path)
    yield site
    site.stop()


def test_large_results_for_a_redis_that_hangs_are_on_disk_and_delivered_once(site):
    pairs = take_all(site.endpoint, site.workers, 9)
    site.redis.pause()
    join_all(post_all(pairs, 4), 20)
    assert len(site.agent.files()) == len(pairs)
    site.redis.resume()
    assert_stored(site.endpoint, pairs, 4)
    wait_for(lambda: site.agent.files() == [], 20, "an empty spool")
    # each once, the one that was on its way when Redis fell silent, the first one with the script
    assert received_mib(site) < (len(pairs) + 3) * 4
    assert site.agent.log().count("event=spool.delivered") == len(pairs)


def received_mib(site):
    with site.redis.client() as client:
        return client.info("stats")["total_net_input_bytes"] // MIB


def test_large_results_for_a_redis_that_is_gone_are_on_disk_and_delivered(site):
    pairs = take_all(site.endpoint, site.workers, 9)
    site.agent.door.shut()
    site.agent.wait_log("event=store.away")
    join_all(post_all(pairs, 4), 20)
    assert len(site.agent.files()) == len(pairs)
    before = received_mib(site)
    site.agent.door.open()
    assert_stored(site.endpoint, pairs, 4)
    wait_for(lambda: site.agent.files() == [], 20, "an empty spool")
    # each once, the first one again with the text of the script: Redis is new
    assert received_mib(site) - before < (len(pairs) + 2) * 4


def test_without_room_on_the_disk_large_results_wait_in_memory(fresh_up, tmp_path):
    up = fresh_up("--agents", 0)
    agent = Agent(up, tmp_path, slots=WORKERS, args=("--spool-max-mb", 10)).start()
    endpoint = up.apply(document("raw", puppet_handler(tmp_path), workersMin=WORKERS,
                                 workersMax=WORKERS, limits="off"))
    pairs = take_all(endpoint, RawWorker.wait_all(tmp_path, WORKERS), 6)
    agent.door.shut()
    agent.wait_log("event=store.away")
    posts = post_all(pairs, 4)
    agent.wait_log("event=spool.full")
    assert len(agent.files()) == 2
    agent.door.open()
    join_all(posts)
    assert_stored(endpoint, pairs, 4)
    agent.stop()


def test_a_job_cancelled_while_its_result_waits_stays_cancelled(site):
    """The agent is cut off, so all wait; the others are stored when it is back."""
    pairs = take_all(site.endpoint, site.workers, 6)
    site.redis.pause()
    posts = post_all(pairs, 4)
    site.agent.wait_log("event=job.spooled")
    site.redis.resume()
    site.endpoint.cancel(pairs[-1][1])
    join_all(posts)
    wait_for(lambda: site.agent.files() == [], 30, "an empty spool")
    statuses = [site.endpoint.status(job_id)["status"] for _, job_id in pairs]
    assert statuses[:-1] == ["COMPLETED"] * 5
    assert statuses[-1] in ("CANCELLED", "COMPLETED")


def test_an_agent_that_is_told_to_stop_first_stores_what_waits(site):
    pairs = take_all(site.endpoint, site.workers, 9)
    posts = post_all(pairs, 20)
    wait_for(lambda: site.endpoint.health()["jobs"]["completed"] > 0, 30, "the first")
    site.agent.process.terminate()
    join_all(posts)
    assert site.agent.process.wait(40) == 0
    assert_stored(site.endpoint, pairs, 20)
