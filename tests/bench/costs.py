"""What jobs cost Redis: CPU of the server process, parsing, replies and append-only file included.

`submit`: the submit script for groups of 16 jobs and for one job each, against a bare script (HSET,
PEXPIRE, LPUSH), all through the same client, which keeps 16 jobs on their way. `job`: a whole job
(submit, take, renew, finish). The client sends bytes made before and waits for the answers.
Standard library only."""

import hashlib
import json
import os
import pathlib
import statistics
import subprocess

from subjects import INPUT, REDIS, Folder, end, wait_until

from resp import Client, answers, command
from transitions import Transitions, script_text

BARE = """redis.call('HSET', KEYS[1] .. 'job:' .. ARGV[1], 'input', ARGV[2], 's', 'Q')
redis.call('PEXPIRE', KEYS[1] .. 'job:' .. ARGV[1], 90000000)
redis.call('LPUSH', KEYS[1] .. 'q', ARGV[1])
return 1"""
DEPTH = 16  # jobs on their way
PREFIX = "mr:{bench}:"


def cpu_us(pid):
    """CPU time of all threads in microseconds, to the nanosecond: /proc/PID/stat counts in 10 ms."""
    total = 0
    for task in pathlib.Path("/proc/%d/task" % pid).iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1000


class Server:
    """A Redis with the settings of `millrace up` and the scripts loaded."""

    def __init__(self, folder):
        self.process = subprocess.Popen(REDIS, cwd=folder, stdout=subprocess.DEVNULL)
        path = os.path.join(folder, "redis.sock")
        wait_until(lambda: answers(path), "redis")
        self.client = Client(path)
        self.sha = {}
        for name in ("submit", "take", "renew", "finish"):
            self.load(name, script_text(name))
        self.load("bare", BARE)
        self.client.ask(command("HSET", PREFIX + "stats", "ready", 1), 1)  # a worker is up

    def load(self, name, text):
        self.sha[name] = self.client.ask(command("SCRIPT", "LOAD", text), 1)[0].decode()
        assert self.sha[name] == hashlib.sha1(text.encode()).hexdigest()

    def eval(self, name, *args):
        return command("EVALSHA", self.sha[name], 1, PREFIX, *args)

    def spent(self, work):
        before = cpu_us(self.process.pid)
        work()
        return cpu_us(self.process.pid) - before

    def close(self):
        self.client.socket.close()
        end(self.process)


def new_id(number):
    digest = hashlib.md5(b"%d" % number).hexdigest()
    return "%s-%s-4%s-a%s-%s-u1" % (digest[:8], digest[8:12], digest[13:16], digest[17:20], digest[20:])


MEMBERS = '"input":' + json.dumps(INPUT, separators=(",", ":"))


def arguments(number, **options):
    return Transitions.submit_args(new_id(number), MEMBERS, waiting_max=10 ** 9,
                                   token="0123456789abcdef", **options)


def submits(server, kind, numbers, **options):
    """Commands that submit the jobs `numbers`, and how many they are."""
    if kind == "bare":
        return b"".join(server.eval("bare", new_id(n), MEMBERS) for n in numbers), len(numbers)
    if kind == "alone":
        return b"".join(server.eval("submit", *arguments(n, **options)) for n in numbers), len(numbers)
    together = [value for n in numbers for value in arguments(n, **options)]
    return server.eval("submit", *together), 1


def groups(first, count, size):
    return [range(at, at + size) for at in range(first, first + count, size)]


def submit_round(kind, count, depth=DEPTH, **options):
    """CPU microseconds a job."""
    with Folder() as folder:
        server = Server(folder)
        try:
            texts = [submits(server, kind, group, **options) for group in groups(0, count, depth)]
            warm = len(texts) // 10
            for text, replies in texts[:warm]:
                server.client.ask(text, replies)
            used = server.spent(lambda: [server.client.ask(*text) for text in texts[warm:]])
            return used / (depth * (len(texts) - warm))
        finally:
            server.close()


RATE = {"rate": ("run:0123456789abcdef", 10 ** 9)}
# name: kind, jobs on their way, options, the row it is compared with
SUBMITS = {"bare": ("bare", DEPTH, {}, "bare"),
           "groups of %d" % DEPTH: ("group", DEPTH, {}, "bare"),
           "alone": ("alone", DEPTH, {}, "bare"),
           "groups, rate limit": ("group", DEPTH, RATE, "bare"),
           "alone, rate limit": ("alone", DEPTH, RATE, "bare"),
           "bare, one by one": ("bare", 1, {}, "bare, one by one"),
           "alone, one by one": ("alone", 1, {}, "bare, one by one")}


def bench_submit(options):
    found = {name: [] for name in SUBMITS}
    for number in range(options.rounds):
        for name in sorted(SUBMITS, reverse=number % 2):
            kind, depth, more, _ = SUBMITS[name]
            found[name].append(submit_round(kind, options.jobs, depth, **more))
    medians = {name: statistics.median(values) for name, values in found.items()}
    print("\nRedis CPU for each submit, %d jobs, %d rounds, medians" % (options.jobs, options.rounds))
    for name, (_, depth, _, against) in SUBMITS.items():
        print("%-20s %3d on their way %6.1f us   %5.2f of bare" % (
            name, depth, medians[name], medians[name] / medians[against]))
    print("(aim: 1.0 of bare in groups, 1.8 alone)")


def whole_job(server, group):
    """Four steps of the jobs of one group; the agent renews each once."""
    client, size = server.client, len(group)
    client.ask(*submits(server, "group", group))
    reply = client.ask(server.eval("take", "agent-0", 15000, *["worker-%d" % (n % 4) for n in group]), 1)
    taken = [(job_id.decode(), 1, worker.decode())
             for job_id, worker in zip(reply[0][1::7], reply[0][2::7])]
    held = [value for job in taken for value in job]
    client.ask(server.eval("renew", "agent-0", 15000, *held), 1)
    results = [value for job in taken for value in (*job, "C", '"output":{"ok":true}')]
    done = client.ask(server.eval("finish", *results), 1)[0]
    if len(done) != size or any(one[0] != 1 for one in done):
        raise SystemExit("bench: not every job of a group came through")


def job_round(count, size):
    with Folder() as folder:
        server = Server(folder)
        try:
            work = [range(at, at + size) for at in range(0, count, size)]
            warm = len(work) // 10
            for group in work[:warm]:
                whole_job(server, group)
            used = server.spent(lambda: [whole_job(server, group) for group in work[warm:]])
            return used / (size * (len(work) - warm))
        finally:
            server.close()


def bench_job(options):
    print("\nRedis CPU for a whole job (submit, take, renew, finish), %d rounds, medians"
          % options.rounds)
    for size in (DEPTH, 1):
        found = [job_round(options.jobs // 2, size) for _ in range(options.rounds)]
        print("groups of %-3d %6.1f us   (aim: 60 under load)" % (size, statistics.median(found)))
