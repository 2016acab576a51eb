"""A handler process that does nothing itself: it writes its environment to argument 1 (a folder),
as WORKER.json, and waits to be ended. The test speaks the worker protocol in its name."""

import json
import os
import signal
import sys

folder, worker = sys.argv[1], os.environ["RUNPOD_POD_ID"]
path = os.path.join(folder, worker + ".json")
with open(path + ".new", "w") as file:
    json.dump(dict(os.environ, PUPPET_PID=str(os.getpid())), file)
os.rename(path + ".new", path)
while True:
    signal.pause()
