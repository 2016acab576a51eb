"""A plain handler of the real SDK; input {"do": ...} picks what it does."""

import os
import signal
import time

import runpod


def raises(job):
    raise ValueError("broken on purpose: %s" % job["input"].get("why"))


def sleeps(job):
    time.sleep(job["input"]["seconds"])
    return {"slept": job["input"]["seconds"]}


def dies_once(job):
    """Kills its own process at the first run of a job and completes at the second."""
    marker = job["input"]["marker"]
    if os.path.exists(marker):
        return {"survived": os.getpid()}
    with open(marker, "w") as file:
        file.write(str(os.getpid()))
    os.kill(os.getpid(), signal.SIGKILL)


def dies(job):
    print("last words of the handler", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)


def exits(job):
    print(job["input"]["says"], flush=True)
    os._exit(job["input"]["code"])


def says(job):
    print(job["input"]["text"], flush=True)


def floods(job):
    for number in range(job["input"]["lines"]):
        print("line %d of the flood" % number)


def marks(job):
    """Tells that it runs, by a file with its pid, then waits until a second file allows the end."""
    with open(job["input"]["marker"], "a") as file:
        file.write("%d\n" % os.getpid())
    while not os.path.exists(job["input"]["until"]):
        time.sleep(0.02)
    return {"pid": os.getpid()}


ACTIONS = {
    "echo": lambda job: job["input"],
    "job": lambda job: job,
    "raise": raises,
    "error": lambda job: {"error": "said no", "detail": 7},
    "error-object": lambda job: {"error": {"code": 7}},
    "nothing": lambda job: None,
    "empty": lambda job: {},
    "refresh": lambda job: {"refresh_worker": True, "pid": os.getpid()},
    "pid": lambda job: os.getpid(),
    "env": lambda job: dict(os.environ),
    "big": lambda job: "x" * job["input"]["size"],
    "set": lambda job: {1, 2},
    "bytes": lambda job: b"raw",
    "surrogate": lambda job: "\ud800",
    "nan": lambda job: [float("nan"), float("inf"), 1.5],
    "sleep": sleeps,
    "dies-once": dies_once,
    "dies": dies,
    "exits": exits,
    "says": says,
    "floods": floods,
    "marks": marks,
}


def handler(job):
    return ACTIONS[job["input"].get("do", "echo")](job)


runpod.serverless.start({"handler": handler})
