"""A network namespace for one test: what it starts and whom it asks live in it, and packets between
them can be dropped by a firewall rule without touching the machine's own network."""

import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """Why there is none here."""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable("%s: %s" % (" ".join(command), done.stderr.strip()[-200:]))


def call(function, *args):
    if function(*args) != 0:
        raise Unavailable("a network namespace of its own: " + os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def private_net():
    """The calling thread, and all that it starts from now on, in a namespace with loopback alone."""
    if os.geteuid() != 0:
        raise Unavailable("network namespaces and firewall rules need root")
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        call(libc.unshare, CLONE_NEWNET)
        try:
            run("ip", "link", "set", "lo", "up")
            run("nft", "add table inet millrace; add chain inet millrace in "
                "{ type filter hook input priority 0; }")
            yield
        finally:
            call(libc.setns, before, CLONE_NEWNET)
    except FileNotFoundError as error:
        raise Unavailable("%s is not installed" % error.filename) from None
    finally:
        os.close(before)


def drop_port(port):
    """No packet reaches a TCP port any more, on connections old and new."""
    run("nft", "add rule inet millrace in tcp dport %d drop" % port)


def drop_nothing():
    run("nft", "flush chain inet millrace in")
