"""What clients see: /status against a bare server, and how deep queues and many waiters weigh.

`status`: 64 connections ask for one job, against a server that asks Redis with one HMGET.
`parked`: status-sync requests that wait on one node: memory, CPU, and the time from the end of a job
to its answer. `depth`: /run and /cancel with a million jobs queued against none, and Redis memory for
each queued job. Standard library only."""

import contextlib
import json
import os
import random
import re
import resource
import select
import socket
import statistics
import time

import costs
from streams import Worker, document, open_request, resident_kb, submit
from subjects import (Folder, Millrace, Reference, exchange, measure, parked_document, request,
                     wait_until)

import processes
from lifetimes import Lifetimes
from resp import Client, FastRedis, command
from transitions import Transitions, script_text

FULL = 1000000  # queued jobs; the rule of the endpoint under test allows half of them there
OWN = 400000


def get(target, path):
    return ("GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n" % (path, target.headers)).encode()


# ---- status

def status_reference(options, folder, state):
    job_id = costs.new_id(1)
    record = ["mr:{bench}:job:" + job_id, "s", state[0], "a", "1", "n", "1",
              "t0", 1700000000000, "to", 600000, "tl", 1700086400000, "re", 1800000,
              "tk", "0123456789abcdef", "w", "worker-0", "ag", "agent-0",
              "t1", 1700000000001, "t2", 1700000000002]
    return Reference(options.build, folder, "status", record), job_id


def status_millrace(options, folder, state):
    args = ("--slots", "1") if state == "COMPLETED" else ("--agents", "0")
    target = Millrace(options.build, folder, *args, document=parked_document())
    return target, submit(target, 1)[0]


@contextlib.contextmanager
def status_target(start, options, state):
    """A function that measures for that many seconds."""
    with Folder() as folder:
        target, job_id = start(options, folder, state)
        try:
            text = get(target, "/v2/bench/status/" + job_id)
            wait_until(lambda: state in ask(target, text), "the job")
            yield lambda seconds: measure(options.build, target, text, options.connections, seconds)
        finally:
            target.close()


def status_rounds(options, state):
    """Both are up all the time and take turns, so that a slow moment of the machine meets both."""
    with status_target(status_reference, options, state) as reference, \
         status_target(status_millrace, options, state) as millrace:
        both = {"reference": reference, "millrace": millrace}
        for one in both.values():
            one(0.5)  # warm
        rounds = {name: [] for name in both}
        for number in range(options.rounds):
            for name in sorted(both, reverse=number % 2):
                rounds[name].append(both[name](options.seconds))
        return rounds


def ask(target, text):
    with socket.create_connection(("127.0.0.1", target.port)) as connection:
        return exchange(connection, text).decode()


def bench_status(options):
    print("\n/status, %d connections, %d rounds of %g s, medians; ratios within a round (aim: 85 %%)"
          % (options.connections, options.rounds, options.seconds))
    print("%-22s %10s %9s %9s %14s %14s" % ("", "requests/s", "p50 ms", "p99 ms", "server us/req",
                                            "redis us/req"))
    for state in ("COMPLETED", "IN_QUEUE"):
        rounds = status_rounds(options, state)
        for name, found in rounds.items():
            m = {key: statistics.median(one[key] for one in found) for key in found[0]}
            print("%-22s %10.0f %9.2f %9.2f %14.1f %14.1f" % (
                name + " " + state, m["rate"], m["p50"] / 1000, m["p99"] / 1000, m["server"],
                m["redis"]))
        ratios = sorted(100 * own["rate"] / bare["rate"]
                        for own, bare in zip(rounds["millrace"], rounds["reference"]))
        print("%-22s %9.0f %%   (the middle half: %.0f to %.0f)" % (
            "ratio", statistics.median(ratios), ratios[len(ratios) // 4],
            ratios[-1 - len(ratios) // 4]))


# ---- parked waiters

class Waiters:
    """Connections that each wait for the end of one job."""

    def __init__(self, target):
        self.target, self.epoll, self.connections = target, select.epoll(), {}

    def park(self, job_ids):
        for job_id in job_ids:
            connection = open_request(self.target, "/v2/bench/status-sync/%s?wait=300000" % job_id)
            self.connections[connection.fileno()] = connection
            self.epoll.register(connection, select.EPOLLIN | select.EPOLLET)

    def answers(self, count, seconds=60):
        """Times at which `count` answers came; each must be of a completed job."""
        times, texts, deadline = [], [], time.monotonic() + seconds
        while len(times) < count:
            if time.monotonic() > deadline:
                raise SystemExit("bench: %d of %d waiters have no answer" % (count - len(times), count))
            for number, _ in self.epoll.poll(1, 1024):
                texts.append(os.read(number, 65536))
                times.append(time.monotonic())
        if any(b"COMPLETED" not in text for text in texts):
            raise SystemExit("bench: a waiter was answered before the end of its job")
        return times

    def close(self):
        for connection in self.connections.values():
            connection.close()
        self.epoll.close()


def settle(target):
    """Waits until the node has gone quiet enough that its memory no longer changes."""
    seen = [0]
    while len(seen) < 4 or len(set(seen[-3:])) > 1:
        seen.append(resident_kb(target.pids["server"]))
        time.sleep(0.5)
    return seen[-1]


def ends_one_by_one(target, worker, waiters, ids):
    """Milliseconds from the worker's post to the answer, each job alone."""
    late = []
    for _ in ids:
        job_id, = worker.take(1)
        since = time.monotonic()
        worker.done(job_id)
        late.append((waiters.answers(1)[0] - since) * 1000)
    return sorted(late)


def bench_parked(options):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count, sample = min(options.readers, hard - 1000), options.ends
    print("\n%d parked status-sync requests on one node" % count)
    for name in ("each its own job", "all one job"):
        with Folder() as folder:
            target = Millrace(options.build, folder, "--slots", "1",
                              document=dict(document(folder), workersMax=1000))
            waiters = Waiters(target)
            try:
                worker = Worker(folder, wait_until)
                ids = submit(target, sample if name == "each its own job" else 1)
                rest = submit(target, count - sample) if len(ids) > 1 else ids * (count - 1)
                before = settle(target)
                half = (ids + rest)[:count // 2]
                waiters.park(half)
                middle = settle(target)
                waiters.park((ids + rest)[count // 2:])
                full = settle(target)
                print("%-18s %5.2f KB each, slope of the second half %5.2f KB (aim: 4)" % (
                    name, (full - before) / count, (full - middle) / (count - count // 2)))
                used = {key: processes.cpu_seconds([pid]) for key, pid in target.pids.items()}
                time.sleep(10)
                print("%-18s API %.1f %%, Redis %.1f %% of a core while they wait" % (
                    "", *((processes.cpu_seconds([target.pids[key]]) - used[key]) * 10
                          for key in ("server", "redis"))))
                if len(ids) > 1:
                    late = ends_one_by_one(target, worker, waiters, ids)
                    print("%-18s end to answer: p50 %.1f, p99 %.1f, max %.1f ms (aim: 100)" % (
                        "", late[len(late) // 2], late[len(late) * 99 // 100], late[-1]))
                else:
                    taken = worker.take(1)
                    since = time.monotonic()
                    worker.done(taken[0])
                    times = waiters.answers(count)
                    print("%-18s end to first answer %.1f, to the last %.1f ms (aim: 100)" % (
                        "", (times[0] - since) * 1000, (times[-1] - since) * 1000))
            finally:
                waiters.close()
                target.close()


# ---- depth

def fill(target, endpoint, count, first):
    """Queues jobs by the script, 64 at a time; returns their ids' numbers."""
    client = Client(target.redis_path)
    prefix = "mr:{%s}:" % endpoint
    sha = client.ask(command("SCRIPT", "LOAD", script_text("submit")), 1)[0].decode()
    for at in range(first, first + count, 64):
        numbers = range(at, min(at + 64, first + count))
        together = [value for n in numbers for value in costs.arguments(n)]
        outcome = client.ask(command("EVALSHA", sha, 1, prefix, *together), 1)[0]
        if set(outcome) != {1}:
            raise SystemExit("bench: a job was not queued")
    return client


def used_memory(client):
    text = client.ask(command("INFO", "memory"), 1)[0].decode()
    return int(next(line for line in text.splitlines() if line.startswith("used_memory:")).split(":")[1])


def quiet(client):
    """No rewrite of the append-only file is under way."""
    text = client.ask(command("INFO", "persistence"), 1)[0].decode()
    return "aof_rewrite_in_progress:0" in text and "aof_rewrite_scheduled:0" in text


def cancel_times(target, numbers):
    """Milliseconds of each cancel, one in flight."""
    times = []
    with socket.create_connection(("127.0.0.1", target.port)) as connection:
        for number in numbers:
            text = ("POST /v2/bench/cancel/%s HTTP/1.1\r\nHost: h\r\n%sContent-Length: 0\r\n\r\n"
                    % (costs.new_id(number), target.headers)).encode()
            since = time.monotonic()
            body = exchange(connection, text)
            times.append((time.monotonic() - since) * 1000)
            if json.loads(body).get("status") != "CANCELLED":
                raise SystemExit("bench: cancel answered " + body.decode())
    return times


def bench_depth(options):
    full_count = options.queued
    own = min(OWN, full_count)
    with Folder() as empty_folder, Folder() as full_folder:
        empty = Millrace(options.build, empty_folder, "--agents", "0", document=parked_document())
        full = Millrace(options.build, full_folder, "--agents", "0", document=parked_document())
        try:
            client = Client(full.redis_path)
            before = used_memory(client)
            fill(full, "bench", own, 0)
            fill(full, "other", full_count - own, own)
            grown = used_memory(client) - before
            members = len(costs.MEMBERS)
            print("\n%d jobs queued: %.0f bytes of Redis each beyond the %d of their input (aim: 1000)"
                  % (full_count, grown / full_count - members, members))
            fill(empty, "bench", 1000, 0)
            wait_until(lambda: quiet(client), "the rewrite of the append-only file", 300)
            found = depth_rounds(options, {"empty": empty, "full": full})
            lines = {name: [one["p50"] / 1000 for one in rounds] for name, rounds in found.items()}
            medians = {name: statistics.median(values) for name, values in lines.items()}
            print("/run p50 with %d connections: empty %.2f ms, full %.2f ms, %+.0f %% (aim: within 10)"
                  % (options.depth_connections, medians["empty"], medians["full"],
                     100 * (medians["full"] / medians["empty"] - 1)))
            cancels = {"empty": [], "full": []}
            rng = random.Random(1)
            chosen = {"empty": rng.sample(range(1000), 900), "full": rng.sample(range(own), 900)}
            for at in range(0, 900, 100):
                for name, target in (("empty", empty), ("full", full)):
                    cancels[name] += cancel_times(target, chosen[name][at:at + 100])
            print("cancel of any, p50: empty %.2f ms, full %.2f ms; p99: %.2f, %.2f" % (
                *(statistics.median(cancels[name]) for name in cancels),
                *(sorted(cancels[name])[890] for name in cancels)))
        finally:
            empty.close()
            full.close()


def depth_rounds(options, targets):
    found = {name: [] for name in targets}
    for number in range(options.rounds + 1):
        for name in sorted(targets, reverse=number % 2):
            one = measure(options.build, targets[name], request(targets[name], "run"),
                          options.depth_connections, 1)
            if number > 0:  # the first one warms up
                found[name].append(one)
    return found


# ---- lifetimes

def sweep_us(queue, rounds=300):
    """Microseconds of Redis for a sweep that finds nothing due, as Redis counts them."""
    queue.redis.config("RESETSTAT")
    for _ in range(rounds):
        queue.sweep(most=200)
    text = queue.redis.info("commandstats")
    return int(re.search(r"cmdstat_evalsha:calls=\d+,usec=(\d+)", text).group(1)) / rounds


def bench_lifetimes(options):
    with Folder() as folder:
        target = Millrace(options.build, folder, "--agents", "0",
                          document=dict(parked_document(), workersMax=0))
        queue = Transitions(FastRedis(target.redis_path), "bench")
        try:
            empty = sweep_us(queue)
            jobs = Lifetimes(queue, options.live, options.live // 10, window_ms=20000)
            jobs.fill(begin_ms=20000 + options.live * 2 // 5)
            full = sweep_us(queue)
            print("\n%d live jobs, of which %d end in each of four ways in 20 s: milliseconds late"
                  % (options.live, jobs.due))
            jobs.wait()
            for kind, late in jobs.lateness().items():
                print("%-24s p50 %4d   p99 %4d   max %4d   (aim: 1000)" % (
                    {"waiting": "queue TTL", "running": "execution timeout"}[kind],
                    late[len(late) // 2], late[len(late) * 99 // 100], late[-1]))
            print("retention and ?ttl: no record was gone a second early or there a second late")
            print("a sweep with nothing due: %.0f us of Redis with no job, %.0f us with %d live ones"
                  % (empty, full, options.live))
        finally:
            queue.redis.close()
            target.close()
