"""Redis by its protocol, over a unix socket: commands as bytes, replies read. For what must be fast:
redis-py costs more than most of our commands. Standard library only."""

import hashlib
import socket


def command(*args):
    parts = [arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


def answers(path):
    """Does a server listen there?"""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


class RedisError(Exception):
    pass


class Client:
    """One connection; sends prepared bytes."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.kept = b""

    def ask(self, text, replies):
        """Sends the commands in `text` and returns their replies; strings are bytes."""
        self.socket.sendall(text)
        return [self.reply() for _ in range(replies)]

    def line(self):
        while b"\r\n" not in self.kept:
            self.more()
        line, _, self.kept = self.kept.partition(b"\r\n")
        return line

    def more(self):
        got = self.socket.recv(1 << 18)
        if not got:
            raise RedisError("the connection was closed")
        self.kept += got

    def reply(self):
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"*":
            return [self.reply() for _ in range(max(int(rest), 0))]
        if kind == b"$":
            return self.bulk(int(rest))
        if kind == b"-":
            raise RedisError(rest.decode())
        return int(rest) if kind == b":" else rest

    def bulk(self, size):
        if size < 0:
            return None
        while len(self.kept) < size + 2:
            self.more()
        value, self.kept = self.kept[:size], self.kept[size + 2:]
        return value

    def close(self):
        self.socket.close()


def text_of(value):
    if isinstance(value, list):
        return [text_of(one) for one in value]
    return value.decode() if isinstance(value, bytes) else value


def pairs_of(values):
    return dict(zip(values[::2], values[1::2]))


class FastRedis:
    """As much of redis-py's interface as the transitions use: any command as a method; texts."""

    SHAPES = {"hgetall": pairs_of, "zscore": lambda value: value and float(value),
              "time": lambda values: [int(value) for value in values]}

    def __init__(self, path):
        self.client = Client(path)

    def __getattr__(self, name):
        shape = self.SHAPES.get(name, lambda value: value)
        return lambda *args: shape(text_of(self.client.ask(command(name.upper(), *args), 1)[0]))

    def register_script(self, text):
        sha = hashlib.sha1(text.encode()).hexdigest()
        self.client.ask(command("SCRIPT", "LOAD", text), 1)
        return lambda keys, args: self.evalsha(sha, len(keys), *keys, *args)

    def pipeline(self, transaction):
        assert not transaction
        return Pipeline(self.client)

    def close(self):
        self.client.close()


class Pipeline:
    def __init__(self, client):
        self.client, self.commands = client, []

    def __getattr__(self, name):
        return lambda *args: self.commands.append(command(name.upper(), *args))

    def execute(self):
        commands, self.commands = self.commands, []
        return text_of(self.client.ask(b"".join(commands), len(commands)))
