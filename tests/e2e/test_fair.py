"""How jobs spread over workers that take many at once. MILLRACE_FAIR_SECONDS=5 is the full size."""

import os
from collections import Counter

import pytest

from documents import python_handler
from millrace_up import wait_for

WORKERS, CONCURRENCY, JOBS = 4, 30, 40
SECONDS = float(os.environ.get("MILLRACE_FAIR_SECONDS", "3"))


@pytest.mark.timeout(120)
def test_no_worker_holds_more_than_one_job_above_another(make_endpoint, tmp_path):
    record = tmp_path / "record"
    endpoint = make_endpoint(python_handler("many.py", CONCURRENCY, record),
                             workersMin=WORKERS, workersMax=WORKERS)
    wait_for(lambda: endpoint.health()["workers"]["idle"] == WORKERS, 60, "four idle workers")
    jobs = [endpoint.run({"n": n, "seconds": SECONDS}) for n in range(JOBS)]

    def started():
        lines = [line.split() for line in record.read_text().splitlines()]
        assert not [line for line in lines if line[0] == "end"], "too slow to compare"
        return [pid for event, _, pid in lines]
    wait_for(lambda: record.exists() and len(started()) == JOBS, 60, "all jobs in work")
    held = Counter(started())
    assert len(held) == WORKERS and max(held.values()) - min(held.values()) <= 1, held
    assert [endpoint.wait(job)["output"] for job in jobs] == [{"n": n} for n in range(JOBS)]
