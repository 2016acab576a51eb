"""A handler for containers: {"sleep": s} works, {"block": s} holds on without hearing of a cancel,
{"die": code} ends the process; says which process and release it is. With FAIL_START it ends at
once, and says why."""

import os
import sys
import time

if os.environ.get("FAIL_START"):
    sys.exit("RuntimeError: " + os.environ["FAIL_START"])

import runpod


def handler(job):
    job_input = job["input"]
    if "die" in job_input:
        os._exit(job_input["die"])
    time.sleep(job_input.get("sleep", 0) + job_input.get("block", 0))
    return {"pid": os.getpid(), "pod": os.environ["RUNPOD_POD_ID"],
            "release": os.environ.get("RELEASE"), "text": os.environ.get("TEXT")}


runpod.serverless.start({"handler": handler})
