"""The client of a fleet: submits numbered jobs from several threads, over all API nodes in turn,
asks until each has ended, and prints what came of them as one line of JSON.

What a careful client does: each job has an Idempotency-Key and is sent again, to the next node, when
no answer came or the answer was 429 or 5xx. Each 200 is a line in --acks at once, so that others see
how far it is."""

import argparse
import collections
import concurrent.futures
import itertools
import json
import threading
import time

import requests

FINAL = ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT")


class Client:
    def __init__(self, options):
        self.options = options
        self.nodes = options.urls.split(",")
        self.endpoints = options.endpoints.split(",")
        self.local = threading.local()
        self.acks = open(options.acks, "a", buffering=1)
        self.deadline = time.monotonic() + options.patience
        self.again = collections.Counter()  # why something was asked again

    def session(self):
        if not hasattr(self.local, "session"):
            self.local.session = requests.Session()
            self.local.session.headers["Authorization"] = "Bearer " + self.options.key
        return self.local.session

    def ask(self, method, path, first, **rest):
        """The first answer that is not 429 or 5xx, from whichever node."""
        for turn in itertools.count(first):
            url = self.nodes[turn % len(self.nodes)] + path
            try:
                reply = self.session().request(method, url, timeout=(3, 15), **rest)
                if reply.status_code < 500 and reply.status_code != 429:
                    return reply
                self.again["%d %s" % (reply.status_code, reply.text[:80])] += 1
            except requests.RequestException as problem:
                self.again[type(problem).__name__] += 1
            if time.monotonic() > self.deadline:
                raise TimeoutError("%s %s: no node answers" % (method, path))
            time.sleep(0.1)

    def submit(self, number):
        endpoint = self.endpoints[number % len(self.endpoints)]
        body = {"input": {"n": number, "seconds": self.options.seconds}}
        key = "%s-%d" % (self.options.run, number)
        reply = self.ask("POST", "/v2/%s/run" % endpoint, number, json=body,
                         headers={"Idempotency-Key": key})
        assert reply.status_code == 200, (reply.status_code, reply.text)
        job = reply.json()["id"]
        self.acks.write("%s %s %.3f\n" % (endpoint, job, time.time()))
        return endpoint, job

    def outcome(self, number, endpoint, job):
        """"ok", "lost" or what is wrong with it."""
        while True:
            reply = self.ask("GET", "/v2/%s/status/%s" % (endpoint, job), number)
            if reply.status_code == 404:
                return "lost"
            found = reply.json()
            if found["status"] in FINAL:
                good = {"n": number, "twice": 2 * number}
                return "ok" if found.get("output") == good else "wrong: %s" % found
            if time.monotonic() > self.deadline:
                return "stuck: %s" % found
            time.sleep(0.3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--urls", "--key", "--endpoints", "--acks", "--run"):
        parser.add_argument(name, required=True)
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=0.02)
    parser.add_argument("--patience", type=float, default=300)
    client = Client(parser.parse_args())
    since = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(client.options.threads) as pool:
        jobs = list(pool.map(client.submit, range(client.options.jobs)))
        submitted = time.monotonic() - since
        outcomes = list(pool.map(lambda row: client.outcome(row[0], *row[1]), enumerate(jobs)))
    bad = [[jobs[n][1], text] for n, text in enumerate(outcomes) if text != "ok"]
    print(json.dumps({"acked": len(jobs), "different": len({job for _, job in jobs}),
                      "lost": sum(text == "lost" for _, text in bad), "bad": bad[:50],
                      "bad_count": len(bad), "again": client.again,
                      "submit_s": round(submitted, 2),
                      "whole_s": round(time.monotonic() - since, 2)}))


main()
