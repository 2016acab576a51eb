"""The real `runpod-sdk` of npm, installed once below the build folder from the lock file of
tests/e2e/js, and called through its client.mjs."""

import functools
import json
import os
import shutil
import subprocess

from millrace_up import BUILD, ROOT

SOURCE = ROOT / "tests/e2e/js"
FOLDER = BUILD / "node"


@functools.cache
def missing():
    """Why the SDK cannot be used here; empty when it can."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "node and npm are not installed"
    lock = (SOURCE / "package-lock.json").read_text()
    stamp = FOLDER / "installed"
    if stamp.exists() and stamp.read_text() == lock:
        return ""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCE / name, FOLDER)
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=FOLDER,
                          capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        return "npm cannot install runpod-sdk: " + done.stderr[-300:]
    stamp.write_text(lock)
    return ""


def call(up, endpoint_id, operation, value=None, key=None, timeout=100):
    """What operation of client.mjs returned, or {"thrown": {"message", "status"}}."""
    shutil.copy(SOURCE / "client.mjs", FOLDER)
    done = subprocess.run(
        ["node", "client.mjs", operation, json.dumps(value)], cwd=FOLDER, capture_output=True,
        text=True, timeout=timeout, env=dict(os.environ, MR_BASE=up.base, MR_KEY=key or up.key,
                                             MR_ENDPOINT=endpoint_id))
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
