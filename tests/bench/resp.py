"""Redis by its protocol, over a unix socket: bytes made before, replies read. Standard library only."""

import socket


def command(*args):
    parts = [str(arg).encode() for arg in args]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


class Client:
    """One connection; sends prepared bytes."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.kept = b""

    def ask(self, text, replies):
        """Sends the commands in `text` and returns their replies."""
        self.socket.sendall(text)
        return [self.reply() for _ in range(replies)]

    def line(self):
        while b"\r\n" not in self.kept:
            self.kept += self.socket.recv(1 << 18)
        line, _, self.kept = self.kept.partition(b"\r\n")
        return line

    def reply(self):
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"*":
            return [self.reply() for _ in range(max(int(rest), 0))]
        if kind == b"$":
            size = int(rest)
            if size < 0:
                return None
            while len(self.kept) < size + 2:
                self.kept += self.socket.recv(1 << 18)
            value, self.kept = self.kept[:size], self.kept[size + 2:]
            return value
        if kind == b"-":
            raise SystemExit("bench: redis says " + rest.decode())
        return int(rest) if kind == b":" else rest


def answers(path):
    try:
        socket.socket(socket.AF_UNIX).connect(path)
        return True
    except OSError:
        return False
