"""A handler process that does nothing itself: it writes its environment to argument 1 (a folder),
as WORKER.json, and waits to be ended; the check speaks the worker protocol in its name. The time of
SIGTERM (CLOCK_MONOTONIC) goes to WORKER.term. With argument 2 "stay" it lives on after SIGTERM."""

import json
import os
import signal
import sys
import time

folder, worker = sys.argv[1], os.environ["RUNPOD_POD_ID"]


def write(name, text):
    path = os.path.join(folder, name)
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def on_term(*_):
    write(worker + ".term", repr(time.monotonic()))
    if sys.argv[2:] != ["stay"]:
        os._exit(0)


signal.signal(signal.SIGTERM, on_term)
write(worker + ".json", json.dumps(dict(os.environ, PUPPET_PID=str(os.getpid()))))
while True:
    signal.pause()
