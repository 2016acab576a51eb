"""108-112: how many workers there are, seen from outside."""

import time

from millrace_up import wait_for
from raw_worker import RawWorker
from stage import puppet, records
from table import check


def came(stage, count, timeout=30):
    wait_for(lambda: len(records(stage.folder)) >= count, timeout, "%d workers" % count)


@check(108, "the first job starts a first worker", is_slow=True)
def c108(stage):
    endpoint = stage.endpoint(puppet(stage.folder), workersMax=3, scalerValue=600)
    time.sleep(3)
    assert records(stage.folder) == {}
    endpoint.run({})
    came(stage, 1)
    endpoint.run({})
    time.sleep(4)
    assert len(records(stage.folder)) == 1


@check(109, "jobs that wait longer than scalerValue add workers, up to the maximum", is_slow=True)
def c109(stage):
    endpoint = stage.endpoint(puppet(stage.folder), workersMax=3, scalerValue=4)
    for _ in range(6):
        endpoint.run({})
    came(stage, 1)
    worker, = RawWorker.wait_all(stage.folder)[:1]
    worker.take()
    came(stage, 3)
    time.sleep(4)
    assert len(records(stage.folder)) == 3


@check(110, "REQUEST_COUNT 2 with five jobs makes three workers", is_slow=True)
def c110(stage):
    endpoint = stage.endpoint(puppet(stage.folder), workersMax=6, scalerType="REQUEST_COUNT",
                              scalerValue=2)
    for _ in range(5):
        endpoint.run({})
    came(stage, 3)
    time.sleep(4)
    assert len(records(stage.folder)) == 3


@check(111, "a worker idle for longer than idleTimeout goes when there are more than the minimum",
       is_slow=True)
def c111(stage):
    endpoint = stage.endpoint(puppet(stage.folder), idleTimeout=2)
    job_id = endpoint.run({})
    worker, = RawWorker.wait_all(stage.folder, timeout=60)
    worker.take()
    worker.done(job_id, "{}")
    worker.take_later()
    wait_for(lambda: sum(endpoint.health()["workers"].values()) == 0, 20, "no worker")


@check(112, "workersMin 1 keeps one", is_slow=True)
def c112(stage):
    endpoint, worker = stage.pair(workersMin=1, workersMax=2, idleTimeout=1)
    worker.take_later()
    time.sleep(8)
    workers = endpoint.health()["workers"]
    assert (workers["idle"], workers["ready"]) == (1, 1)
    assert list(records(stage.folder)) == [worker.id]
