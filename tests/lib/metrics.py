"""What GET /metrics says, and where the Redis is that it is compared with."""

import re

import requests

LINE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'([a-z]+)="((?:[^"\\]|\\.)*)"')


class Metrics:
    """One reading: metrics("name", label="value") is the sum of the values that match."""

    def __init__(self, port):
        reply = requests.get("http://127.0.0.1:%d/metrics" % port, timeout=10)
        assert reply.status_code == 200, reply.text
        assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        self.values = []
        for line in reply.text.splitlines():
            if not line.startswith("#"):
                name, labels, value = LINE.fullmatch(line).groups()
                self.values.append((name, dict(LABEL.findall(labels or "")), float(value)))

    def __call__(self, name, **labels):
        found = [value for one, its, value in self.values
                 if one == name and labels.items() <= its.items()]
        return sum(found) if found else None


def redis_socket(up):
    path, = (up.data / "redis").glob("*.sock")
    return path
