"""A Redis of our own: unix socket in a temporary folder, no TCP port, gone with the test run.

The machine's Redis (port 6379), if there is one, is never touched.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time

import redis


class PrivateRedis:
    """One redis-server process that belongs to the caller."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="mr-redis-", dir="/tmp")
        self.socket = os.path.join(self.folder, "redis.sock")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "",
             "--appendonly", "no", "--dir", self.folder, "--maxmemory-policy", "noeviction"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=_die_with_parent)
        _wait_for_answer(self.client(), self.process)
        return self

    def client(self, **options):
        options.setdefault("decode_responses", True)
        return redis.Redis(unix_socket_path=self.socket, **options)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def _wait_for_answer(client, process):
    deadline = time.monotonic() + 10
    while True:
        try:
            client.ping()
            return
        except redis.ConnectionError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _die_with_parent():
    """Linux: the kernel ends this child when the test process goes away."""
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
