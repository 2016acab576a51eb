"""Redis servers on hosts: a master with replicas and Sentinels, or a cluster of shards."""

import pathlib
import subprocess

from fleet import until

PORT, SENTINEL_PORT = 7000, 7001


def cli(host, *words, port=PORT):
    """Output of redis-cli, run on the host against its own server."""
    done = subprocess.run(["ip", "netns", "exec", host.space, "timeout", "60", "redis-cli", "-h",
                           host.address, "-p", str(port), *map(str, words)],
                          capture_output=True, text=True)
    return done.stdout.strip()


def server(host, folder, *settings):
    """A redis-server that keeps an append-only file, as the sample configuration does."""
    home = pathlib.Path(folder) / ("redis-" + host.name)
    home.mkdir(exist_ok=True)
    process = host.start(
        "redis-server", "--port", PORT, "--bind", host.address, "--protected-mode", "no", "--dir",
        home, "--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy",
        "noeviction", *settings, log=home / "log")
    until(lambda: cli(host, "PING") == "PONG", 20, "redis on " + host.name)
    return process


def sentinel(host, folder, master):
    home = pathlib.Path(folder) / ("sentinel-" + host.name)
    home.mkdir()
    conf = home / "sentinel.conf"
    conf.write_text("\n".join([
        "port %d" % SENTINEL_PORT, "bind " + host.address, "dir %s" % home, "protected-mode no",
        "sentinel monitor jobs %s %d 2" % (master.address, PORT),
        "sentinel down-after-milliseconds jobs 2000", "sentinel failover-timeout jobs 10000",
        "sentinel parallel-syncs jobs 1", ""]))
    return host.start("redis-server", conf, "--sentinel", log=home / "log")


def with_sentinels(hosts, folder):
    """The first host is the master, the others are its replicas; a Sentinel on each. Returns the
    URL and the servers' processes by host name."""
    master = hosts[0]
    # A master that is alone must not go on by itself: both sides would run the same jobs.
    settings = ["--min-replicas-to-write", 1, "--min-replicas-max-lag", 3]
    servers = {master.name: server(master, folder, *settings)}
    for host in hosts[1:]:
        servers[host.name] = server(host, folder, *settings, "--replicaof",
                                    "%s %d" % (master.address, PORT))
    for host in hosts:
        sentinel(host, folder, master)
    until(lambda: cli(master, "INFO", "replication").count("state=online") == len(hosts) - 1, 60,
          "the replicas")
    until(lambda: all(words_of(host, "num-other-sentinels") == str(len(hosts) - 1)
                      and words_of(host, "num-slaves") == str(len(hosts) - 1) for host in hosts),
          30, "the Sentinels to know each other")
    names = ",".join("%s:%d" % (host.address, SENTINEL_PORT) for host in hosts)
    return "redis+sentinel://%s/jobs" % names, servers


def words_of(host, name):
    """One field of what a Sentinel tells about the master."""
    words = cli(host, "SENTINEL", "MASTER", "jobs", port=SENTINEL_PORT).splitlines()
    return words[words.index(name) + 1] if name in words else None


def cluster(hosts, folder):
    """One shard on each host, the slots spread evenly. Returns the URL."""
    for host in hosts:
        server(host, folder, "--cluster-enabled", "yes", "--cluster-node-timeout", 2000)
    nodes = ["%s:%d" % (host.address, PORT) for host in hosts]
    said = cli(hosts[0], "--cluster", "create", *nodes, "--cluster-yes")
    assert "All 16384 slots covered" in said, said
    until(lambda: all("cluster_state:ok" in cli(host, "CLUSTER", "INFO") for host in hosts), 30,
          "the cluster")
    return "redis+cluster://" + ",".join(nodes)


def slot_of(host, key):
    return int(cli(host, "CLUSTER", "KEYSLOT", key))


def owner(hosts, slot):
    """The host whose shard has the slot."""
    for line in cli(hosts[0], "CLUSTER", "NODES").splitlines():
        words = line.split()
        for part in words[8:]:
            first, _, last = part.partition("-")
            if first.isdigit() and int(first) <= slot <= int(last or first):
                return next(host for host in hosts if words[1].startswith(host.address + ":"))
    raise AssertionError("nobody has slot %d" % slot)


def move_slot(hosts, slot, batch=100):
    """From its shard to the next one, as redis-cli's own resharding does it. Returns the number of
    keys moved."""
    source = owner(hosts, slot)
    target = hosts[(hosts.index(source) + 1) % len(hosts)]
    ids = {host: cli(host, "CLUSTER", "MYID") for host in (source, target)}
    assert cli(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source]) == "OK"
    assert cli(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target]) == "OK"
    moved = 0
    while keys := cli(source, "CLUSTER", "GETKEYSINSLOT", slot, batch).splitlines():
        said = cli(source, "MIGRATE", target.address, PORT, "", 0, 5000, "KEYS", *keys)
        assert said in ("OK", "NOKEY"), said
        moved += len(keys)
    for host in [target, source, *hosts]:
        assert cli(host, "CLUSTER", "SETSLOT", slot, "NODE", ids[target]) == "OK"
    return moved
