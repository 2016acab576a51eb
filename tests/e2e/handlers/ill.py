"""The first process that finds no file at argument 1 is ill: it fails every job. The others do not."""

import os
import sys
import time

import runpod

try:
    os.close(os.open(sys.argv.pop(1), os.O_CREAT | os.O_EXCL))
    IS_ILL = True
except FileExistsError:
    IS_ILL = False


def handler(job):
    time.sleep(0.05)
    if IS_ILL:
        raise RuntimeError("the card is broken")
    return os.getpid()


runpod.serverless.start({"handler": handler})
