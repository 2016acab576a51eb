"""1 000 jobs through 4 SDK workers of concurrency 10: all complete, outputs right, none twice."""

import collections
import concurrent.futures

import pytest

from documents import python_handler

JOBS, WORKERS, CONCURRENCY = 1000, 4, 10


@pytest.mark.timeout(300)
def test_a_thousand_jobs_run_once_each(make_endpoint, tmp_path):
    record = tmp_path / "record"
    endpoint = make_endpoint(python_handler("many.py", CONCURRENCY, record), workersMin=WORKERS,
                             workersMax=WORKERS)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        job_ids = list(pool.map(lambda n: endpoint.run({"n": n, "seconds": 0.05}), range(JOBS)))
    assert len(set(job_ids)) == JOBS
    jobs = [endpoint.wait(job_id, timeout=120) for job_id in job_ids]
    assert collections.Counter(job["status"] for job in jobs) == {"COMPLETED": JOBS}
    assert [job["output"] for job in jobs] == [{"n": n} for n in range(JOBS)]
    starts = [line.split()[1] for line in record.read_text().splitlines()
              if line.startswith("start")]
    assert sorted(starts) == sorted(job_ids), "each exactly once"
    assert not any(job.get("retries") for job in jobs)
    assert len({job["workerId"] for job in jobs}) == WORKERS
    counters = endpoint.health()["jobs"]
    assert counters == {"completed": JOBS, "failed": 0, "inProgress": 0, "inQueue": 0, "retried": 0}
