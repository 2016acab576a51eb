"""Several hosts on one machine: network namespaces with addresses of their own on one bridge.

Nothing of the machine's own network is touched: the bridge lives in a namespace too, and no host
reaches anything but the others. Needs root and iproute2; `problem()` says why it would not work."""

import itertools
import os
import shutil
import subprocess

import processes

_numbers = itertools.count()
NETWORK = "10.77.0."


def problem():
    """Why hosts cannot be made here; empty when they can."""
    if shutil.which("ip") is None:
        return "`ip` is not installed (package iproute2)"
    name = "mr%d-try" % os.getpid()
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if done.returncode != 0:
        return "network namespaces cannot be made here: " + done.stderr.strip()
    inside = subprocess.run(["ip", "netns", "exec", name, "ip", "link", "add", "veth0", "type", "veth",
                             "peer", "name", "veth1"], capture_output=True, text=True)
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return "" if inside.returncode == 0 else "no virtual links here: " + inside.stderr.strip()


def ip(*words):
    subprocess.run(["ip", *map(str, words)], check=True, capture_output=True, text=True)


class Host:
    def __init__(self, lan, name, address):
        self.lan, self.name, self.address = lan, name, address
        self.space, self.port = "%s-%s" % (lan.name, name), "to-" + name
        self.processes = []
        ip("netns", "add", self.space)
        ip("-n", lan.space, "link", "add", self.port, "type", "veth", "peer", "name", "eth0", "netns",
           self.space)
        ip("-n", lan.space, "link", "set", self.port, "master", "bridge", "up")
        ip("-n", self.space, "addr", "add", address + "/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            ip("-n", self.space, "link", "set", link, "up")

    def start(self, *argv, log, env=None, cwd=None):
        """A process on this host; both outputs are appended to the file `log`."""
        with open(log, "ab") as out:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.space, *map(str, argv)], stdout=out, stderr=out, cwd=cwd,
                env={**os.environ, **(env or {})}, preexec_fn=processes.die_with_parent)
        self.processes.append(process)
        return process

    def cut(self):
        """The cable is out: what is sent is lost without a word."""
        ip("-n", self.lan.space, "link", "set", self.port, "down")

    def heal(self):
        ip("-n", self.lan.space, "link", "set", self.port, "up")

    def stop(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        ip("netns", "del", self.space)


class Lan:
    """with Lan() as lan: lan.host("a"), lan.host("b") ..."""

    def __init__(self):
        self.name = "mr%d-%d" % (os.getpid(), next(_numbers))
        self.space = self.name + "-lan"
        self.hosts = []

    def __enter__(self):
        ip("netns", "add", self.space)
        ip("-n", self.space, "link", "add", "bridge", "type", "bridge")
        ip("-n", self.space, "link", "set", "bridge", "up")
        return self

    def host(self, name):
        host = Host(self, name, NETWORK + str(len(self.hosts) + 1))
        self.hosts.append(host)
        return host

    def __exit__(self, *_):
        for host in self.hosts:
            host.stop()
        ip("netns", "del", self.space)
