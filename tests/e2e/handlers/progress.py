"""Reports progress, waits until a file exists, then ends."""

import os
import time

import runpod


def handler(job):
    runpod.serverless.progress_update(job, {"percent": 50})
    while not os.path.exists(job["input"]["until"]):
        time.sleep(0.02)
    return {"percent": 100}


runpod.serverless.start({"handler": handler})
