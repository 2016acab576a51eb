"""One agent of its own behind a door to Redis that a test can shut, so that the agent is cut off while
everybody else goes on."""

import os
import socket
import subprocess
import threading

import processes
from millrace_up import wait_for


class Door:
    """A unix socket in front of another one."""

    def __init__(self, path, target):
        self.path, self.target = str(path), str(target)
        self.listener, self.open_sockets, self.is_open = None, [], False

    def open(self):
        self.is_open = True
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(64)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()
        return self

    def _accept(self, listener):
        while True:
            try:
                inside, _ = listener.accept()
            except OSError:
                return
            outside = socket.socket(socket.AF_UNIX)
            try:
                outside.connect(self.target)
            except OSError:
                inside.close()
                continue
            self.open_sockets += [inside, outside]
            for pair in ((inside, outside), (outside, inside)):
                threading.Thread(target=self._copy, args=pair, daemon=True).start()

    @staticmethod
    def _copy(source, target):
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def shut(self):
        """Cuts all connections; new ones are refused."""
        self.is_open = False
        os.unlink(self.path)
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for end in self.open_sockets:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
        self.open_sockets.clear()


class Agent:
    """A millrace-worker that belongs to the test; `up` should run without agents of its own."""

    def __init__(self, up, folder, name="cut", slots=2, args=(), redis=None):
        """redis: path of the socket behind the door, `up`'s own by default."""
        self.up, self.name, self.slots, self.args = up, name, slots, args
        self.spool = folder / (name + "-spool")
        self.log_path = folder / (name + ".log")
        self.door = Door(folder / (name + ".sock"), redis or up.data / "redis/redis.sock").open()
        self.process = None

    def start(self):
        command = [str(self.up.build / "millrace-worker"), "--redis", "unix://" + self.door.path,
                   "--node-id", self.name, "--slots", str(self.slots), "--spool", str(self.spool),
                   *map(str, self.args)]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log,
                                            stdout=log, env=self.up.environment())
        return self

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_log(self, text, timeout=30):
        wait_for(lambda: text in self.log(), timeout, "%r in the log of %s" % (text, self.name))

    def files(self):
        return sorted(path.name for path in self.spool.glob("*") if path.name != "lock")

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                processes.kill(self.process.pid)
                self.process.wait(10)
        if self.door.is_open:
            self.door.shut()
