"""Measures Millrace on this machine and prints a table.

  /run       jobs stored a second over 64 connections, against a bare epoll + hiredis server that
             runs the same script; both interleaved, medians; CPU a request of the server and Redis
  runsync    round trip of a no-op through a C handler, one in flight
  stream     chunks posted to one agent and read as events
  idle       memory of idle readers of events
  submit     Redis CPU of a submit, in groups and alone, against a bare script
  job        Redis CPU of a whole job: submit, take, renew, finish
  status     /status over 64 connections, against a bare server with one HMGET
  parked     10 000 status-sync requests on one node: memory, CPU, end to answer
  uploads    what other clients wait while 20 large bodies arrive
  lifetimes  how late deadlines are kept with 100 000 live jobs, and what a sweep costs
  depth      /run and cancel with 1 000 000 jobs queued and with none; Redis memory a job

Every round starts on an empty Redis with the same settings. Standard library only."""

import argparse
import pathlib
import socket
import statistics
import sys
import time

import clients
import costs
import streams
import uploads
from subjects import (ROOT, Folder, Millrace, Reference, exchange, measure, parked_document, request,
                     wait_until)


def bench_run(options):
    rounds = {"reference": [], "millrace": []}
    for number in range(options.rounds):
        for name in ("reference", "millrace") if number % 2 else ("millrace", "reference"):
            with Folder() as folder:
                target = (Reference(options.build, folder) if name == "reference" else
                          Millrace(options.build, folder, "--agents", "0",
                                   document=parked_document()))
                try:
                    measure(options.build, target, request(target, "run"), options.connections, 0.5)
                    rounds[name].append(measure(options.build, target, request(target, "run"),
                                                options.connections, options.seconds))
                finally:
                    target.close()
    print("\n/run stored in Redis, %d connections, %d rounds of %g s, medians"
          % (options.connections, options.rounds, options.seconds))
    print("%-10s %10s %9s %9s %14s %14s" % ("", "requests/s", "p50 ms", "p99 ms", "server us/req",
                                            "redis us/req"))
    medians = {}
    for name, found in rounds.items():
        medians[name] = {key: statistics.median(one[key] for one in found) for key in found[0]}
        m = medians[name]
        print("%-10s %10.0f %9.2f %9.2f %14.1f %14.1f" % (name, m["rate"], m["p50"] / 1000,
                                                          m["p99"] / 1000, m["server"], m["redis"]))
    print("%-10s %9.0f %%   (aim: 85 %%)" % (
        "ratio", 100 * medians["millrace"]["rate"] / medians["reference"]["rate"]))


def bench_runsync(options):
    document = dict(parked_document(), workersMin=1, workersMax=1)
    with Folder() as folder:
        target = Millrace(options.build, folder, "--slots", "1", document=document)
        try:
            times = runsync_times(target, options.samples)
        finally:
            target.close()
    times.sort()
    print("\nrunsync of a no-op through noop.so, 1 in flight, %d samples" % len(times))
    print("p50 %.3f ms   p90 %.3f ms   p99 %.3f ms   max %.3f ms   (aim: p50 <= 1, p99 <= 5)" % (
        *(times[int(len(times) * part)] * 1000 for part in (0.5, 0.9, 0.99)), times[-1] * 1000))


def runsync_times(target, samples):
    text, times = request(target, "runsync"), []
    with socket.create_connection(("127.0.0.1", target.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(200 + samples):
            since = time.perf_counter()
            body = exchange(connection, text)
            times.append(time.perf_counter() - since)
            if b'"COMPLETED"' not in body:
                sys.exit("bench: runsync answered " + body.decode(errors="replace"))
    return times[200:]


def bench_streams(options, bench):
    with Folder() as folder:
        bench(options, lambda *args, **more: Millrace(options.build, folder, *args, **more),
              wait_until, folder)


def bench_stream(options):
    bench_streams(options, streams.bench_stream)


def bench_idle(options):
    bench_streams(options, streams.bench_idle)


BENCHES = {"run": bench_run, "runsync": bench_runsync, "stream": bench_stream, "idle": bench_idle,
           "submit": costs.bench_submit, "job": costs.bench_job, "status": clients.bench_status,
           "parked": clients.bench_parked, "depth": clients.bench_depth,
           "lifetimes": clients.bench_lifetimes, "uploads": uploads.bench_uploads}


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=[*BENCHES, []], help="default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--samples", type=int, default=3000)
    parser.add_argument("--readers", type=int, default=10000)
    parser.add_argument("--ends", type=int, default=300, help="jobs that end while others wait")
    parser.add_argument("--live", type=int, default=100000, help="jobs of lifetimes")
    parser.add_argument("--upload-mib", type=int, nargs="*", default=[20])
    parser.add_argument("--queued", type=int, default=clients.FULL)
    parser.add_argument("--depth-connections", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=40000)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    options = parser.parse_args()
    for name in options.what or BENCHES:
        BENCHES[name](options)


if __name__ == "__main__":
    main()
