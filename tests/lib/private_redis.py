"""Redis servers of our own, gone with the test run.

  PrivateRedis   one, on a unix socket in a temporary folder, no TCP port
  Replicated     a master, replicas and sentinels on TCP
  Cluster        a Redis Cluster on TCP

The last two stand on `hosts`: one address, or one for each server in turn, and with `prefixes` each
server is started behind words of its own, for example `ip netns exec NAME`. Every server is a Node
that can be killed, paused and started again on the same port and data.
The machine's Redis (port 6379), if there is one, is never touched.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import redis

import processes
from transitions import wait_for


class _Server:
    """What is done to `process`."""

    def kill(self):
        """As a crash: what was not saved is lost; start() loads the last SAVE."""
        self.process.kill()
        self.process.wait(10)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)


class PrivateRedis(_Server):
    """One redis-server process that belongs to the caller."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="mr-redis-", dir="/tmp")
        self.socket = os.path.join(self.folder, "redis.sock")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "",
             "--appendonly", "no", "--dir", self.folder, "--maxmemory-policy", "noeviction"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=processes.die_with_parent)
        _wait_for_answer(self.client(), self.process)
        return self

    def client(self, **options):
        options.setdefault("decode_responses", True)
        return redis.Redis(unix_socket_path=self.socket, **options)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.resume()
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


def free_port(host="127.0.0.1"):
    """A port that is free now, and whose cluster bus port (10000 above) is; below those that the
    kernel gives to clients."""
    while True:
        port = random.randrange(12000, 22000)
        try:
            for number in (port, port + 10000):
                with socket.socket() as probe:
                    probe.bind((host, number))
            return port
        except OSError:
            continue


class Node(_Server):
    """One redis-server or sentinel on TCP. `words`: its command line behind the common part."""

    def __init__(self, *words, host="127.0.0.1", port=None, password=None, tls=None, prefix=()):
        self.host, self.port, self.password = host, port or free_port(), password
        self.words, self.tls, self.prefix = words, tls, tuple(prefix)
        self.folder = tempfile.mkdtemp(prefix="mr-node-", dir="/tmp")
        self.process = None

    @property
    def address(self):
        return "%s:%d" % (self.host, self.port)

    def command(self):
        port = ["--port", str(self.port)]
        if self.tls:
            port = ["--port", "0", "--tls-port", str(self.port), "--tls-replication", "yes",
                    "--tls-cluster", "yes", *self.tls.server_words()]
        login = ["--requirepass", self.password, "--masterauth", self.password] \
            if self.password else []
        return ["redis-server", *port, "--bind", self.host, "--dir", self.folder, "--save", "",
                "--appendonly", "no", "--maxmemory-policy", "noeviction",
                "--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", *login,
                *self.words]

    def start(self, wait=True):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen([*self.prefix, *self.command()], stdout=log,
                                            stderr=log, preexec_fn=processes.die_with_parent)
        if wait:
            _wait_for_answer(self.client(), self.process)
        return self

    def client(self, **options):
        options.setdefault("decode_responses", True)
        options.setdefault("socket_timeout", 10)
        if self.tls:
            options.update(ssl=True, ssl_ca_certs=self.tls.cacert, ssl_check_hostname=False,
                           ssl_certfile=self.tls.cert, ssl_keyfile=self.tls.key)
        return redis.Redis(host=self.host, port=self.port, password=self.password, **options)

    def role(self):
        """"master", "slave", or None when it does not answer."""
        try:
            return self.client(socket_timeout=1).role()[0]
        except redis.RedisError:
            return None

    def stop(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class _Nodes:
    """What Replicated and Cluster have in common."""

    def _place(self, hosts, prefixes):
        self._hosts = [hosts] if isinstance(hosts, str) else list(hosts)
        self._prefixes, self._next, self.nodes = list(prefixes), 0, []

    def _node(self, *words, **options):
        options.setdefault("host", self._hosts[self._next % len(self._hosts)])
        if self._prefixes:
            options["prefix"] = self._prefixes[self._next % len(self._prefixes)]
        self._next += 1
        node = Node(*words, **options)
        self.nodes.append(node)
        return node

    def stop(self):
        for node in self.nodes:
            node.stop()

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()


class Sentinel(Node):
    """Knows its master by `name`; down after 500 ms, one fail-over a second."""

    def __init__(self, master, name, quorum, sentinel_password=None, **options):
        super().__init__(**options)
        self.master, self.name, self.quorum = master, name, quorum
        self.login, self.password = master.password, sentinel_password

    def command(self):
        path = os.path.join(self.folder, "sentinel.conf")
        if not os.path.exists(path):
            lines = ["port %d" % self.port, "bind %s" % self.host, "dir %s" % self.folder,
                     "sentinel monitor %s %s %d %d" % (self.name, self.master.host,
                                                       self.master.port, self.quorum),
                     "sentinel down-after-milliseconds %s 500" % self.name,
                     "sentinel failover-timeout %s 3000" % self.name]
            if self.login:
                lines.append("sentinel auth-pass %s %s" % (self.name, self.login))
            if self.password:
                lines.append("requirepass %s" % self.password)
                lines.append("sentinel sentinel-pass %s" % self.password)
            with open(path, "w") as file:
                file.write("\n".join(lines) + "\n")
        return ["redis-server", path, "--sentinel"]


class Replicated(_Nodes):
    """A master, its replicas, and sentinels that watch them."""

    def __init__(self, replicas=2, sentinels=3, hosts="127.0.0.1", prefixes=(), name="prime",
                 password=None, sentinel_password=None, words=()):
        self._place(hosts, prefixes)
        self.name, self.password, self.sentinel_password = name, password, sentinel_password
        first = self._node(*words, password=password)
        self.servers = [first]
        for _ in range(replicas):
            self.servers.append(self._node(*words, "--replicaof", first.host, str(first.port),
                                           password=password))
        self.sentinels = []
        for _ in range(sentinels):
            options = {"host": self._hosts[self._next % len(self._hosts)]}
            if self._prefixes:
                options["prefix"] = self._prefixes[self._next % len(self._prefixes)]
            self._next += 1
            self.sentinels.append(Sentinel(first, name, sentinels // 2 + 1,
                                           sentinel_password=sentinel_password, **options))
        self.nodes += self.sentinels

    def start(self):
        for server in self.servers:
            server.start()
        master = self.servers[0].client()
        wait_for(lambda: self.online(master) == len(self.servers) - 1, 20, "replicas in sync")
        for sentinel in self.sentinels:
            sentinel.start()
        for sentinel in self.sentinels:
            wait_for(lambda s=sentinel: self._knows_all(s), 20, "sentinels to know each other")
        return self

    @staticmethod
    def online(client):
        return sum(1 for name, value in client.info("replication").items()
                   if name.startswith("slave") and isinstance(value, dict)
                   and value["state"] == "online")

    def _knows_all(self, sentinel):
        state = sentinel.client().sentinel_master(self.name)
        return state["num-other-sentinels"] == len(self.sentinels) - 1 and \
            state["num-slaves"] == len(self.servers) - 1

    @property
    def url(self):
        login = ":%s@" % self.password if self.password else ""
        after = "?sentinel-password=" + self.sentinel_password if self.sentinel_password else ""
        hosts = ",".join(one.address for one in self.sentinels)
        return "redis+sentinel://%s%s/%s%s" % (login, hosts, self.name, after)

    def master(self, other_than=None):
        """The server that is master, waited for; not that one."""
        return wait_for(lambda: next((one for one in self.servers if one is not other_than
                                      and one.process.poll() is None
                                      and one.role() == "master"), None), 30, "a master")


class Cluster(_Nodes):
    """Masters with equal shares of the slots, and replicas for each."""

    def __init__(self, masters=3, replicas=0, hosts="127.0.0.1", prefixes=(), password=None,
                 tls=None, node_timeout_ms=1500, words=()):
        self._place(hosts, prefixes)
        self.password, self.tls = password, tls
        words = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(node_timeout_ms),
                 "--cluster-require-full-coverage", "no", *words)
        self.masters = [self._node(*words, password=password, tls=tls) for _ in range(masters)]
        self.replicas = [[self._node(*words, password=password, tls=tls) for _ in range(replicas)]
                         for _ in range(masters)]

    def start(self):
        for node in self.nodes:
            node.start()
        count = len(self.masters)
        for number, node in enumerate(self.masters):
            first, after = 16384 * number // count, 16384 * (number + 1) // count
            node.client().execute_command("CLUSTER", "ADDSLOTS", *range(first, after))
            node.client().execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            node.client().execute_command("CLUSTER", "MEET", self.nodes[0].host,
                                          self.nodes[0].port)
        wait_for(lambda: all(self._knows(one, len(self.nodes)) for one in self.nodes), 30,
                 "nodes of the cluster to know each other")
        for master, replicas in zip(self.masters, self.replicas):
            for replica in replicas:
                replica.client().execute_command("CLUSTER", "REPLICATE", self.id_of(master))
            wait_for(lambda m=master, r=replicas: Replicated.online(m.client()) == len(r), 20,
                     "replicas in sync")
        wait_for(lambda: all(one.client().cluster("info")["cluster_state"] == "ok"
                             for one in self.nodes), 30, "the cluster")
        return self

    @staticmethod
    def _knows(node, count):
        return node.client().cluster("info")["cluster_known_nodes"] == str(count)

    @staticmethod
    def id_of(node):
        return node.client().execute_command("CLUSTER", "MYID")

    @property
    def url(self):
        login = ":%s@" % self.password if self.password else ""
        hosts = ",".join(one.address for one in self.masters)
        if self.tls:
            return "rediss+cluster://%s%s?%s" % (login, hosts, self.tls.url_words())
        return "redis+cluster://%s%s" % (login, hosts)

    def slot(self, endpoint):
        return self.nodes[0].client().execute_command("CLUSTER", "KEYSLOT", "{%s}" % endpoint)

    def owner(self, slot):
        """The node that serves a slot, as the first living node sees it."""
        alive = next(one for one in self.nodes if one.role())
        for first, last, primary, *_ in alive.client().execute_command("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(one for one in self.nodes if one.port == primary[1])
        return None

    def move(self, slot, target, between=None):
        """Moves one slot as redis-cli --cluster reshard does; between() runs after each part of its
        keys has moved, while the slot is on two nodes."""
        source = self.owner(slot)
        here, there = source.client(), target.client()
        there.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", self.id_of(source))
        here.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", self.id_of(target))
        login = ["AUTH", self.password] if self.password else []
        while True:
            keys = here.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 10)
            if not keys:
                break
            here.execute_command("MIGRATE", target.host, target.port, "", 0, 5000, *login, "KEYS",
                                 *keys)
            if between:
                between()
        for node in (target, source, *self.masters):
            node.client().execute_command("CLUSTER", "SETSLOT", slot, "NODE", self.id_of(target))


class Tls:
    """An authority of our own and one certificate that all use, made with openssl.
    host: the address it is for, where clients check that."""

    def __init__(self, host="127.0.0.1"):
        self.folder = tempfile.mkdtemp(prefix="mr-tls-", dir="/tmp")
        self.cacert, self.cert, self.key = (os.path.join(self.folder, name)
                                            for name in ("ca.pem", "cert.pem", "key.pem"))
        ca_key, request = (os.path.join(self.folder, name) for name in ("ca.key", "request.pem"))
        names = os.path.join(self.folder, "names")
        with open(names, "w") as file:
            file.write("subjectAltName=IP:%s\nauthorityKeyIdentifier=keyid\n"
                       "keyUsage=digitalSignature,keyEncipherment\n" % host)
        for words in (
                ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                 "/CN=Test authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout",
                 ca_key, "-out", self.cacert],
                ["req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=redis", "-keyout", self.key,
                 "-out", request],
                ["x509", "-req", "-in", request, "-CA", self.cacert, "-CAkey", ca_key,
                 "-CAcreateserial", "-days", "2", "-extfile", names, "-out", self.cert]):
            subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)

    def server_words(self):
        return ["--tls-ca-cert-file", self.cacert, "--tls-cert-file", self.cert, "--tls-key-file",
                self.key, "--tls-auth-clients", "yes"]

    def url_words(self):
        return "cacert=%s&cert=%s&key=%s" % (self.cacert, self.cert, self.key)

    def stop(self):
        shutil.rmtree(self.folder, ignore_errors=True)
