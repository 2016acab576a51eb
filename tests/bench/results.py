"""By hand, with the Python of the end-to-end tests: what many large results at one agent cost. COUNT results of
MIB MiB are posted at the same time, small ones beside them one after the other.

    MILLRACE_BUILD=build python tests/bench/results.py [COUNT [MIB [ROOM_MIB]]]"""

import concurrent.futures
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from documents import document  # noqa: E402
from millrace_up import starter, wait_for  # noqa: E402
from processes import cpu_seconds, peak_mib  # noqa: E402
from raw_worker import RawWorker, puppet_handler  # noqa: E402

WORKERS = 4


def take(endpoint, worker, count):
    for _ in range(count):
        endpoint.run({})
    jobs = []
    while len(jobs) < count:
        jobs += [job["id"] for job in worker.take(in_progress=len(jobs), batch=count - len(jobs))]
    return jobs


def timed_done(worker, job_id, body):
    since = time.monotonic()
    worker.done(job_id, body)
    return time.monotonic() - since


def small_ones(worker, jobs, large):
    """Seconds of each small post while the large ones run."""
    times = []
    for job_id in jobs:
        if all(one.done() for one in large):
            break
        times.append(timed_done(worker, job_id, '{"output": 1}'))
        time.sleep(0.02)
    return sorted(times)


def measure(up, folder, count, mib):
    endpoint = up.apply(document("raw", puppet_handler(folder), workersMin=WORKERS + 1,
                                 workersMax=WORKERS + 1, limits="off"))
    beside, *workers = RawWorker.wait_all(folder, WORKERS + 1)
    jobs = [(worker, job) for worker in workers for job in take(endpoint, worker, count // WORKERS)]
    small = take(endpoint, beside, 50)
    body = b'{"output": "' + b"x" * (mib << 20) + b'"}'
    pid = up.pid("agent-0")
    print("before: %d MiB" % peak_mib(pid))
    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        since = time.monotonic()
        large = [pool.submit(timed_done, worker, job, body) for worker, job in jobs]
        times = small_ones(beside, small, large)
        answered = sorted(one.result() for one in large)
        print("%d results of %d MiB: answered after %.1f to %.1f s, all after %.1f s" % (
            len(jobs), mib, answered[0], answered[-1], time.monotonic() - since))
    print("agent: peak %d MiB, %.2f s of CPU" % (peak_mib(pid), cpu_seconds([pid])))
    wait_for(lambda: endpoint.health()["jobs"]["completed"] == len(jobs) + len(times), 120)
    print("stored after %.1f s; small results beside them: %d, p50 %.0f, longest %.0f ms; spooled %d" % (
        time.monotonic() - since, len(times), times[len(times) // 2] * 1000, times[-1] * 1000,
        up.log("agent-0").count("event=job.spooled")))


def main(count=40, mib=20, room=512):
    with tempfile.TemporaryDirectory() as folder, starter() as start:
        measure(start("--slots", WORKERS + 1, env={"MILLRACE_BODIES_MAX_MB": str(room)}),
                folder, count, mib)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
