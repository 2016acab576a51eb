"""An agent that is cut off from Redis: its handlers go on, what they post is safe and arrives once."""

import json
import time

import pytest

from cut_off import Agent
from documents import document, python_handler
from millrace_up import wait_for
from raw_worker import RawWorker, puppet_handler

LEASE_S = 15


@pytest.fixture
def alone(fresh_up, tmp_path):
    """alone(name, args...) starts an agent; the first one is the only one of its `up`."""
    up = fresh_up("--agents", 0)
    agents = []

    def make(name="cut", **options):
        agents.append(Agent(up, tmp_path, name, **options).start())
        return agents[-1]
    make.up = up
    yield make
    for agent in agents:
        agent.stop()


@pytest.fixture
def puppet(alone, tmp_path):
    """(agent, endpoint, worker) with one job's worth of everything."""
    def make(**options):
        agent = alone(**options)
        endpoint = alone.up.apply(document("raw", puppet_handler(tmp_path), workersMin=1,
                                           idleTimeout=600))
        worker, = RawWorker.wait_all(tmp_path)
        return agent, endpoint, worker
    return make


def take_job(endpoint, worker):
    job_id = endpoint.run({})
    assert worker.take()["id"] == job_id
    return job_id


def timed_done(worker, job_id, body, limit_s=3):
    since = time.monotonic()
    worker.done(job_id, body)
    assert time.monotonic() - since < limit_s, "answered when it is on disk"


def wait_swept(endpoint, job_id):
    wait_for(lambda: endpoint.status(job_id)["status"] == "IN_QUEUE", LEASE_S + 10, "the sweep")


def test_result_of_an_outage_is_on_disk_and_delivered(puppet):
    agent, endpoint, worker = puppet()
    job_id = take_job(endpoint, worker)
    agent.door.shut()
    agent.wait_log("store.away")
    timed_done(worker, job_id, '{"output": "kept"}')
    assert agent.files() == ["raw.%s.1.spool" % job_id]
    assert endpoint.status(job_id)["status"] == "IN_PROGRESS"
    agent.door.open()
    job = endpoint.wait(job_id, timeout=20)
    assert (job["output"], job["workerId"], job.get("retries")) == ("kept", worker.id, None)
    wait_for(lambda: agent.files() == [], 5, "an empty spool")


def test_result_survives_kill_9_of_the_agent(puppet):
    agent, endpoint, worker = puppet()
    job_id = take_job(endpoint, worker)
    agent.door.shut()
    agent.wait_log("store.away")
    worker.chunk(job_id, '{"output": "a"}')
    worker.chunk(job_id, '{"output": "b"}')
    timed_done(worker, job_id, '{"output": ["a", "b"]}')
    agent.kill()
    agent.door.open()
    assert endpoint.status(job_id)["status"] == "IN_PROGRESS"
    agent.start()
    job = endpoint.wait(job_id, timeout=20)
    assert (job["status"], job["output"], job.get("retries")) == ("COMPLETED", ["a", "b"], None)
    assert endpoint.stream(job_id) == ("COMPLETED", [{"output": "a"}, {"output": "b"}])
    assert endpoint.health()["jobs"]["retried"] == 0


def test_result_and_stream_after_the_lease_has_lapsed(puppet):
    """The job has been queued again meanwhile; nobody has begun it, so the work counts."""
    agent, endpoint, worker = puppet()
    job_id = take_job(endpoint, worker)
    worker.chunk(job_id, '{"output": 0}')
    wait_for(lambda: endpoint.get("stream", job_id, headers={
        "Content-Type": "application/json"}).json()["stream"] == [{"output": 0}], 5)
    agent.door.shut()
    for number in range(1, 40):
        worker.chunk(job_id, '{"output": %d}' % number)
    timed_done(worker, job_id, '{"output": []}')
    wait_swept(endpoint, job_id)
    agent.door.open()
    status, chunks = endpoint.stream(job_id)
    assert status == "COMPLETED"
    assert [chunk["output"] for chunk in chunks] == list(range(1, 40)), "each once, in order"


def test_a_handler_that_runs_through_the_outage_keeps_its_job(puppet):
    agent, endpoint, worker = puppet()
    job_id = take_job(endpoint, worker)
    agent.door.shut()
    wait_swept(endpoint, job_id)
    agent.door.open()
    job = endpoint.wait(job_id, "IN_PROGRESS", timeout=20)
    assert (job["workerId"], job.get("retries", 0)) == (worker.id, 0)
    time.sleep(3)
    worker.done(job_id, '{"output": "whole"}')
    job = endpoint.wait(job_id)
    assert (job["output"], job.get("retries", 0)) == ("whole", 0)
    assert endpoint.health()["jobs"] == {"completed": 1, "failed": 0, "inProgress": 0,
                                         "inQueue": 0, "retried": 0}


@pytest.mark.timeout(180)
def test_two_agents_never_both_finish_a_job(alone, tmp_path):
    """The job runs again elsewhere while its first holder is cut off: only the second counts."""
    first = alone("one", slots=1)
    endpoint = alone.up.apply(document("marks", python_handler("plain.py"), workersMin=1))
    files = {"marker": str(tmp_path / "marker"), "until": str(tmp_path / "until")}
    job_id = endpoint.run({"do": "marks", **files})
    wait_for(lambda: (tmp_path / "marker").exists(), 40)
    first.door.shut()
    second = alone("two", slots=1)

    def pids():
        return (tmp_path / "marker").read_text().split()
    wait_for(lambda: len(pids()) == 2, 60, "a second execution")
    (tmp_path / "until").touch()
    job = endpoint.wait(job_id)
    assert (job["output"], job["retries"]) == ({"pid": int(pids()[1])}, 1)
    wait_for(lambda: len(first.files()) == 1, 20, "the first result in the spool")
    first.door.open()
    first.wait_log("event=spool.delivered")
    assert "applied=0" in first.log()
    assert endpoint.status(job_id)["output"] == {"pid": int(pids()[1])}
    assert endpoint.health()["jobs"]["completed"] == 1
    assert second.files() == [] == first.files()


def test_a_full_spool_falls_back_to_memory_and_says_so_once(puppet):
    agent, endpoint, worker = puppet(args=("--spool-max-mb", 1))
    job_ids = [take_job(endpoint, worker) for _ in range(2)]
    agent.door.shut()
    agent.wait_log("store.away")
    large = json.dumps({"output": "x" * (2 << 20)})
    posts = [worker.post_later(job_id, large) for job_id in job_ids]
    agent.wait_log("event=spool.full")
    assert agent.files() == [] and all(post.is_alive() for post in posts)
    agent.door.open()
    for post, job_id in zip(posts, job_ids):
        post.join(30)
        assert len(endpoint.wait(job_id)["output"]) == 2 << 20
    assert agent.log().count("event=spool.full") == 1


def test_a_disk_that_fails_loses_nothing(puppet):
    agent, endpoint, worker = puppet()
    job_id = take_job(endpoint, worker)
    (agent.spool / "lock").unlink()
    agent.spool.rmdir()
    agent.door.shut()
    agent.wait_log("store.away")
    post = worker.post_later(job_id, '{"output": "in memory"}')
    agent.wait_log("event=spool.full")
    agent.door.open()
    post.join(20)
    assert endpoint.wait(job_id)["output"] == "in memory"


def test_a_damaged_file_is_set_aside_and_its_job_runs_again(puppet, tmp_path):
    agent, endpoint, worker = puppet()
    job_id = take_job(endpoint, worker)
    agent.door.shut()
    agent.wait_log("store.away")
    timed_done(worker, job_id, '{"output": "kept"}')
    agent.kill()
    path = agent.spool / agent.files()[0]
    path.write_bytes(path.read_bytes().replace(b"kept", b"kapt"))
    for left in tmp_path.glob("*.json"):
        left.unlink()
    agent.door.open()
    agent.start()
    agent.wait_log("event=spool.unreadable")
    worker, = RawWorker.wait_all(tmp_path)
    assert worker.take()["id"] == job_id
    worker.done(job_id, '{"output": "again"}')
    job = endpoint.wait(job_id)
    assert (job["output"], job["retries"]) == ("again", 1)
    assert agent.files() == [path.name + ".bad"]


def test_a_second_agent_does_not_share_the_folder(alone):
    agent = alone()
    agent.wait_log("store.ready")
    other = Agent(alone.up, agent.spool.parent, "other")
    other.spool = agent.spool
    assert other.start().process.wait(20) == 1
    assert "in use by another agent" in other.log()
    other.stop()
