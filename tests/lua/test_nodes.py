"""The C store on more than one Redis, under load: Sentinel's fail-over, a cluster's slots on the move,
a node of a cluster that dies. What was answered as stored is there afterwards, each call ended, and
the order within an endpoint stayed."""

import collections
import os
import pathlib
import subprocess
import threading

import pytest

from private_redis import Cluster, Node, Replicated, Tls
from transitions import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOAD = pathlib.Path(os.environ.get("MILLRACE_BUILD", ROOT / "build-test")) / "tests/store_load"
pytestmark = pytest.mark.skipif(not LOAD.exists(), reason="%s is not built" % LOAD)


class Load:
    """store_load running; lines() is what it has said so far."""

    def __init__(self, url, seconds, *endpoints, wait_ms=30000):
        self.endpoints, self.said = endpoints, []
        self.process = subprocess.Popen([LOAD, url, str(seconds), *endpoints], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=dict(os.environ, STORE_LOAD_WAIT_MS=str(wait_ms)))
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.said.append(line.split())

    def count(self, word, endpoint=None):
        return sum(1 for line in list(self.said)
                   if line[0] == word and endpoint in (None, line[1]))

    def wait_more(self, word, endpoint=None, more=50):
        """Until that many further calls were answered so."""
        before = self.count(word, endpoint)
        wait_for(lambda: self.count(word, endpoint) >= before + more, 40,
                 "%d more %s, last: %s" % (more, word, self.said[-1:]))

    def end(self):
        try:
            self.process.wait(90)
        finally:
            self.process.kill()
        self.reader.join(10)
        assert self.process.returncode == 0, self.process.stderr.read()
        assert self.said[-1] == ["ended"], self.said[-1]
        return self

    def failures(self):
        return collections.Counter(line[2] for line in self.said if line[0] == "failed")

    def numbers(self, endpoint):
        return [int(line[2]) for line in self.said if line[0] == "pushed" and line[1] == endpoint]


def assert_nothing_lost(load, client_of):
    for endpoint in load.endpoints:
        client, prefix = client_of(endpoint), "mr:{%s}:" % endpoint
        stored = {line[2] for line in load.said if line[0] == "stored" and line[1] == endpoint}
        queued = client.lrange(prefix + "q", 0, -1)
        assert stored, "no load on " + endpoint
        assert stored <= set(queued)
        assert len(queued) == len(set(queued)) == int(client.hget(prefix + "stats", "inQueue"))
        order = [int(number) for number in client.lrange(prefix + "order", 0, -1)]
        assert set(load.numbers(endpoint)) <= set(order)
        first = list(dict.fromkeys(order))  # sent again after a break: not twice in the order
        assert first == sorted(first)


def test_a_master_that_dies_is_followed_to_its_successor():
    with Replicated(password="s3cret", sentinel_password="gu@rd") as group:
        url = group.url.replace("gu@rd", "gu%40rd")
        # what was answered shortly before the death may not have reached a replica: that is what
        # `durability` is for, so this load is still while the master dies
        before = Load(url, 0.5, "e", "f").end()
        wait_for(lambda: group.servers[0].client().wait(2, 1000) == 2, 10, "replicas up to date")
        during = Load(url, 4, "g", "h")
        during.wait_more("stored")
        group.servers[0].kill()
        successor = group.master(other_than=group.servers[0])
        heard = during.count("stored")
        during.wait_more("stored")
        during.end()
        assert during.failures() == {} and heard > 0
        assert_nothing_lost(before, lambda endpoint: successor.client())
        assert during.said[-2][0] == "heard" and int(during.said[-2][1]) > 0
        # for some seconds the old master, back again, believes that it still is one
        group.servers[0].start()
        assert Load(url, 0.3, "i").end().failures() == {}
        assert group.servers[0].client().exists("mr:{i}:stats") == 0
        assert successor.client().exists("mr:{i}:stats") == 1


def test_slots_move_under_load_and_nothing_is_lost():
    with Cluster(3) as cluster:
        load = Load(cluster.url, 5, *"abcdef")
        load.wait_more("stored", more=200)
        moved, asks = [], 0
        for endpoint in "abc":
            slot = cluster.slot(endpoint)
            source = cluster.owner(slot)
            target = next(one for one in cluster.masters if one is not source)
            waits = iter([lambda: load.wait_more("stored", "f")])  # which does not wait
            cluster.move(slot, target, between=lambda: next(waits, lambda: None)())
            load.wait_more("stored", endpoint)
            asks += source.client().info("errorstats").get("errorstat_ASK", {"count": 0})["count"]
            moved.append((endpoint, target))
        load.end()
        assert load.failures() == {} and asks > 0
        assert_nothing_lost(load, lambda name: cluster.owner(cluster.slot(name)).client())
        for endpoint, target in moved:
            assert cluster.owner(cluster.slot(endpoint)) is target
            order = target.client().lrange("mr:{%s}:order" % endpoint, 0, -1)
            assert [int(one) for one in order] == load.numbers(endpoint)  # no repetition either
        heard, published = int(load.said[-2][1]), max(load.numbers("f"))
        assert heard > published * 0.9  # over the bus of the cluster, whichever node it was


def test_a_node_of_a_cluster_that_dies_is_replaced_by_its_replica():
    with Cluster(3, replicas=1) as cluster:
        slots = {name: cluster.slot(name) for name in "abcdef"}
        victim = cluster.owner(slots["a"])
        alive = next(name for name in slots if cluster.owner(slots[name]) is not victim)
        load = Load(cluster.url, 4, *slots)
        load.wait_more("stored", "a")
        victim.kill()
        load.wait_more("stored", alive)  # the others do not wait
        load.wait_more("stored", "a")
        load.end()
        assert load.failures() == {}
        successor = cluster.replicas[cluster.masters.index(victim)][0]
        assert cluster.owner(slots["a"]) is successor


def test_a_slot_that_nobody_had_for_long_is_used_again():
    """Calls give up meanwhile, the one that asks whether the slot can be used among them."""
    with Cluster(3) as cluster:
        slot = cluster.slot("a")
        owner = cluster.owner(slot)
        load = Load(cluster.url, 6, "a", wait_ms=300)
        load.wait_more("stored")
        for node in cluster.nodes:
            node.client().execute_command("CLUSTER", "DELSLOTS", slot)
        load.wait_more("failed", more=1)
        owner.client().execute_command("CLUSTER", "ADDSLOTS", slot)
        load.wait_more("stored")
        load.end()
        assert set(load.failures()) == {"STORE_AWAY"}


@pytest.fixture(scope="module")
def tls():
    one = Tls()
    yield one
    one.stop()


def refusal(url):
    """What store_load says against a URL, None when it takes it."""
    done = subprocess.run([LOAD, url, "0", "e"], capture_output=True, text=True, timeout=60)
    return done.stderr if done.returncode == 2 else None


def test_tls_is_spoken_or_refused_clearly(tls):
    url = "rediss://:s3cret@127.0.0.1:1/0?" + tls.url_words()
    if refusal(url):
        assert "this build's hiredis has no TLS" in refusal(url)
        assert "s3cret" not in refusal(url)
        return
    for name in ("cacert", "cert", "key"):
        broken = url.replace(name + "=", name + "=/nowhere", 1)
        assert name in refusal(broken) and "/nowhere" in refusal(broken)
    node = Node(tls=tls, password="s3cret").start()
    try:
        url = "rediss://:s3cret@%s?%s" % (node.address, tls.url_words())
        assert_nothing_lost(Load(url, 0.5, "e").end(), lambda endpoint: node.client())
        # without the authority the certificate does not count, and nothing is sent
        strange = Load("rediss://:s3cret@%s" % node.address, 0.1, "f")
        wait_for(lambda: "certificate verify failed" in open(node.folder + "/log").read()
                 or "alert" in open(node.folder + "/log").read(), 20, "a refused handshake")
        strange.process.kill()
        assert node.client().exists("mr:{f}:stats") == 0
    finally:
        node.stop()


def test_a_cluster_over_tls(tls):
    if refusal("rediss+cluster://127.0.0.1:1?" + tls.url_words()):
        pytest.skip("this build's hiredis has no TLS")
    with Cluster(3, tls=tls, password="s3cret") as cluster:
        load = Load(cluster.url, 1, *"abcdef").end()
        assert load.failures() == {}
        assert_nothing_lost(load, lambda name: cluster.owner(cluster.slot(name)).client())
