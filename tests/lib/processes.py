"""What runs on this machine, read from /proc: descendants, CPU time, listening sockets."""

import contextlib
import os
import signal
import socket
import time

TICKS = os.sysconf("SC_CLK_TCK")


def stat(pid):
    """(name, parent, state, start time, CPU seconds) of a process, None when it is gone."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    name = text[text.index("(") + 1:text.rindex(")")]
    fields = text[text.rindex(")") + 2:].split()
    return (name, int(fields[1]), fields[0], int(fields[19]),
            (int(fields[11]) + int(fields[12])) / TICKS)


def alive(pid):
    found = stat(pid)
    return found is not None and found[2] not in "ZX"


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def descendants(root):
    """Pids below root, whatever process group they are in."""
    parents = {pid: found[1] for pid in all_pids() if (found := stat(pid))}
    found, frontier = [], [root]
    while frontier:
        frontier = [pid for pid, parent in parents.items() if parent in frontier]
        found += frontier
    return found


def with_mark(mark):
    """Pids whose environment holds the text `mark`: also orphans that left the tree."""
    found = []
    for pid in all_pids():
        try:
            with open("/proc/%d/environ" % pid, "rb") as file:
                if mark.encode() in file.read() and alive(pid):
                    found.append(pid)
        except OSError:
            continue
    return found


def cpu_seconds(pids):
    return sum(found[4] for pid in pids if (found := stat(pid)))


def resident_mb(pid):
    with open("/proc/%d/statm" % pid) as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def command_line(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def listening_ports():
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as file:
            rows = file.read().splitlines()[1:]
        ports |= {int(row.split()[1].rsplit(":", 1)[1], 16) for row in rows if row.split()[3] == "0A"}
    return ports


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def wait_gone(pids, timeout=10):
    """Waits until none of pids lives; returns those that still do."""
    deadline = time.monotonic() + timeout
    while (left := [pid for pid in pids if alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def die_with_parent():
    """Linux: the kernel ends this child when the test process goes away."""
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def free_ports(count):
    """The first of `count` ports in a row that nobody listens on."""
    while True:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                for i in range(1, count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port + i))
                return port
            except (OSError, OverflowError):
                continue


def peak_mib(pid):
    """The most memory it has had."""
    with open("/proc/%d/status" % pid) as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024
