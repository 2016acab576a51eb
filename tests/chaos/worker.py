"""A worker without the SDK, so that it starts in a moment: takes a job, writes down that it begins,
works, writes down that it ends, posts. Lines "EVENT TIME PID JOB", one write each."""

import http.client
import json
import os
import sys
import time
import urllib.parse

RECORD = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
TAKE = urllib.parse.urlsplit(os.environ["RUNPOD_WEBHOOK_GET_JOB"].replace(
    "$ID", os.environ["RUNPOD_POD_ID"]))
DONE = os.environ["RUNPOD_WEBHOOK_POST_OUTPUT"]
HEADERS = {"Authorization": os.environ["RUNPOD_AI_API_KEY"]}


def note(event, job):
    os.write(RECORD, ("%s %.3f %d %s\n" % (event, time.time(), os.getpid(), job["id"])).encode())


def call(connection, method, target, body=None):
    connection.request(method, target, body, HEADERS)
    reply = connection.getresponse()
    return reply.status, reply.read()


def main():
    connection = http.client.HTTPConnection(TAKE.hostname, TAKE.port, timeout=60)
    while True:
        status, body = call(connection, "GET", "%s?%s&job_in_progress=0" % (TAKE.path, TAKE.query))
        if status != 200:
            continue
        job = json.loads(body)
        note("start", job)
        time.sleep(job["input"]["seconds"])
        result = {"output": {"n": job["input"]["n"], "twice": 2 * job["input"]["n"]}}
        note("end", job)
        target = urllib.parse.urlsplit(DONE.replace("$ID", job["id"]))
        call(connection, "POST", "%s?%s&isStream=false" % (target.path, target.query),
             json.dumps(result))


main()
