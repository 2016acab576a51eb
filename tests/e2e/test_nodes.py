"""The whole on more than one Redis: a master that dies behind its sentinels, a cluster one of whose
slots moves under load, jobs that count only when a replica has them."""

import json
import socket
import threading

import pytest
import requests

from documents import document, library_handler, server_handler
from private_redis import Cluster, Replicated
from transitions import wait_for

SENTINEL_PASSWORD = "sent-1nel"


def endpoint_on(up, name, **settings):
    settings = {"workersMin": 1, "workersMax": 1, **settings}
    return up.apply(document(name, library_handler("noop.so"), **settings))


class Clients(threading.Thread):
    """runs jobs on endpoints by turns until end(); each answer must be 200, or say `unless`."""

    def __init__(self, up, endpoints, unless=None):
        super().__init__(daemon=True)
        self.up, self.endpoints, self.unless = up, endpoints, unless
        self.ids, self.refused = [], []
        self.over = threading.Event()
        self.start()

    def run(self):
        session = requests.Session()
        session.headers.update(self.up.session.headers)
        while not self.over.is_set():
            for endpoint in self.endpoints:
                reply = session.post("http://127.0.0.1:%d/v2/%s/run" % (self.up.port, endpoint.id),
                                     json={"input": {"n": len(self.ids)}}, timeout=60)
                if reply.status_code == 200:
                    self.ids.append((endpoint, reply.json()["id"]))
                elif not self.unless or self.unless not in reply.text:
                    self.refused.append(reply.text)

    def wait_more(self, count=40):
        before = len(self.ids)
        wait_for(lambda: len(self.ids) >= before + count, 40, "further jobs")

    def end(self):
        self.over.set()
        self.join(60)
        assert self.refused == []
        for endpoint, job in self.ids:
            wait_for(lambda e=endpoint, j=job: e.get("status", j).json().get("status")
                     == "COMPLETED", 60, "job %s of %s" % (job, endpoint.id))
        return self


def assert_no_password(up, *passwords):
    for name, text in up.logs().items():
        for password in passwords:
            assert password not in text, name
    assert all(password not in up.tail(1000) for password in passwords)


def test_up_follows_the_master_behind_its_sentinels(fresh_up):
    with Replicated(replicas=1, password="s3cret", sentinel_password=SENTINEL_PASSWORD) as group:
        up = fresh_up("--slots", 2, "--redis", group.url)
        clients = Clients(up, [endpoint_on(up, "follow", durability="replica")],
                          unless="no replica of Redis has confirmed")
        clients.wait_more()
        # a durable endpoint loses nothing even now; without a replica it answers 503 from here on
        group.servers[0].kill()
        group.master(other_than=group.servers[0])
        up.apply(document("follow", library_handler("noop.so"), workersMin=1, workersMax=1,
                          durability="local"))
        clients.wait_more()
        clients.end()
        assert_no_password(up, "s3cret", SENTINEL_PASSWORD)


def test_up_on_a_cluster_while_a_slot_moves(fresh_up):
    with Cluster(3, password="s3cret") as cluster:
        up = fresh_up("--slots", 4, "--redis", cluster.url)
        endpoints = [endpoint_on(up, name) for name in ("east", "west", "north", "south")]
        owners = {cluster.owner(cluster.slot(one.id)).port for one in endpoints}
        assert len(owners) > 1, "choose other names"
        clients = Clients(up, endpoints)
        clients.wait_more()
        slot = cluster.slot("east")
        target = next(one for one in cluster.masters if one is not cluster.owner(slot))
        cluster.move(slot, target)
        clients.wait_more()
        clients.end()
        assert target.client().exists("mr:{east}:conf")
        assert_no_password(up, "s3cret")


@pytest.mark.parametrize("path", ["run", "runsync"])
def test_a_durable_endpoint_answers_only_with_a_replica(fresh_up, path):
    with Replicated(replicas=1, sentinels=0) as group:
        up = fresh_up("--slots", 1, "--redis", "redis://%s/0" % group.servers[0].address)
        durable = endpoint_on(up, "safe", durability="replica")
        body = {"input": {"n": 1}}
        assert durable.post(path, json=body).status_code == 200
        group.servers[1].pause()
        try:
            headers = {"Idempotency-Key": "once"}
            reply = durable.post(path, json=body, headers=headers)
            assert reply.status_code == 503 and reply.headers["Retry-After"]
            assert "no replica" in reply.text and "stored" in reply.text
        finally:
            group.servers[1].resume()
        reply = wait_for(lambda: (lambda r: r if r.status_code == 200 else None)(
            durable.post(path, json=body, headers=headers)), 20, "the replica again")
        job = reply.json()["id"]
        assert job in durable.get("status", job).json()["id"]
        wait_for(lambda: durable.get("status", job).json()["status"] == "COMPLETED", 20, "its end")
        completed = durable.get("health").json()["jobs"]["completed"]
        assert completed == 2, "the repetition ran again"


CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "a b"}]}


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_of_openai_needs_a_replica_too(fresh_up, stream):
    with Replicated(replicas=1, sentinels=0) as group:
        up = fresh_up("--slots", 1, "--redis", "redis://%s/0" % group.servers[0].address)
        durable = up.apply(document("safe", server_handler("model_server.py"), workersMin=1,
                                    durability="replica"))
        parked = up.apply(document("parked", {"command": ["true"]}, workersMax=0,
                                   durability="replica"))

        def ask(endpoint):
            return up.post("/v2/%s/openai/v1/chat/completions" % endpoint.id,
                           dict(CHAT, stream=stream))
        assert ask(durable).status_code == 200
        group.servers[1].pause()
        try:
            for endpoint in (durable, parked):
                reply = ask(endpoint)
                assert reply.status_code == 503 and reply.headers["Retry-After"]
                assert "X-Should-Retry" not in reply.headers
                assert "no replica" in reply.json()["error"]["message"]
            # nobody could read its answer: it does not wait for a worker
            wait_for(lambda: parked.health()["jobs"]["inQueue"] == 0, 20, "the job cancelled")
        finally:
            group.servers[1].resume()
        wait_for(lambda: ask(durable).status_code == 200, 20, "the replica again")


def test_a_client_that_goes_before_its_job_is_stored_leaves_none(fresh_up):
    """The first job that waits for a replica waits for a connection before that."""
    with Replicated(replicas=1, sentinels=0) as group:
        up = fresh_up("--slots", 0, "--redis", "redis://%s/0" % group.servers[0].address)
        parked = up.apply(document("parked", {"command": ["true"]}, workersMax=0,
                                   durability="replica"))
        parked.health()  # the node knows the document and the key
        body = json.dumps(CHAT).encode()
        group.servers[0].pause()
        try:
            with socket.create_connection(("127.0.0.1", up.port)) as client:
                client.sendall(b"POST /v2/parked/openai/v1/chat/completions HTTP/1.1\r\n"
                               b"Host: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n"
                               b"\r\n%s" % (up.key.encode(), len(body), body))
            assert up.get("/no-such").status_code == 404  # so the node has seen the client go
        finally:
            group.servers[0].resume()
        wait_for(lambda: parked.get("requests").json()["requests"], 20, "the job")
        wait_for(lambda: parked.health()["jobs"]["inQueue"] == 0, 20, "the job cancelled")
