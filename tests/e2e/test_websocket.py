"""WebSockets through /lb with a real server and a real client: bytes both ways, bounded, counted,
and cut when they have to be."""

import json
import os
import signal
import threading
import time
from socket import SHUT_RDWR

import pytest
import websockets
from websockets.sync.client import connect

from documents import document, server_handler
from millrace_up import wait_for


class Sockets:
    def __init__(self, endpoint):
        self.endpoint, self.up = endpoint, endpoint.up

    def open(self, path="/echo", key=None, **options):
        headers = {"Authorization": "Bearer " + (key or self.up.key), **options.pop("headers", {})}
        return connect("ws://127.0.0.1:%d/lb/%s%s" % (self.up.port, self.endpoint.id, path),
                       additional_headers=headers, max_size=None, open_timeout=60,
                       ping_interval=None, **options)

    def counts(self):
        reply = self.up.get("/lb/%s/counts" % self.endpoint.id)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def workers(self):
        return self.endpoint.health()["workers"]


def settings(**more):
    return {"type": "LOAD_BALANCER", "workersMin": 1, "workersMax": 1, **more}


@pytest.fixture
def sockets(make_endpoint):
    return Sockets(make_endpoint(server_handler("socket_server.py"), **settings()))


def test_messages_go_both_ways_in_order(sockets):
    with sockets.open("/echo?a=b%20c", headers={"X-Mine": "1"}, subprotocols=["chat"]) as socket:
        seen = json.loads(socket.recv())
        assert seen["path"] == "/echo?a=b%20c" and seen["subprotocol"] == socket.subprotocol == "chat"
        assert seen["headers"]["x-mine"] == "1" and "authorization" not in seen["headers"]
        assert not [name for name in seen["headers"] if "millrace" in name]
        assert socket.response.headers["X-Runpod-Worker-Id"].startswith("agent-0-")
        for number in range(300):
            socket.send(str(number))
        assert [socket.recv() for _ in range(300)] == [str(number) for number in range(300)]
        large = os.urandom(8 << 20)
        socket.send(large)
        assert socket.recv(timeout=60) == large


def test_the_end_of_one_side_is_the_end_of_the_other(sockets):
    with sockets.open() as socket:
        socket.recv()
        assert sockets.counts()["open"] == 1
    wait_for(lambda: sockets.counts()["open"] == 0, 10, "closed cleanly")
    socket = sockets.open()
    wait_for(lambda: sockets.counts()["open"] == 1, 10, "open")
    socket.socket.shutdown(SHUT_RDWR)
    wait_for(lambda: sockets.counts()["open"] == 0, 10, "closed by a reset")
    with sockets.open() as socket:
        os.kill(json.loads(socket.recv())["pid"], signal.SIGKILL)
        with pytest.raises(websockets.ConnectionClosed):
            socket.recv(timeout=20)


def test_an_open_one_counts_as_a_request(sockets):
    with sockets.open() as socket:
        socket.recv()
        wait_for(lambda: sockets.workers()["running"] == 1, 10, "running")
    wait_for(lambda: sockets.workers()["idle"] == 1, 10, "idle")


def test_a_client_that_does_not_read_slows_the_server(sockets):
    with sockets.open("/flood", max_queue=1, compression=None) as socket:
        last = []

        def is_still():
            last.append(sockets.counts()["flooded"])
            return len(last) > 20 and last[-1] == last[-20] > 0
        wait_for(is_still, 40, "the flood stands still")
        assert last[-1] < 3000  # of 4096: what sockets, two bounded backlogs and the client hold
        for _ in range(200):
            assert len(socket.recv(timeout=30)) == 65536
        wait_for(lambda: sockets.counts()["flooded"] > last[-1], 10, "it goes on")


def test_a_server_that_does_not_read_slows_the_client(sockets):
    with sockets.open("/quiet", compression=None) as socket:
        sent = []

        def send():
            try:
                for _ in range(4096):
                    socket.send(bytes(65536))
                    sent.append(65536)
            except websockets.ConnectionClosed:
                pass
        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        seen = []

        def is_still():
            seen.append(len(sent))
            time.sleep(0.05)
            return len(seen) > 20 and seen[-1] == seen[-20] > 0
        wait_for(is_still, 40, "the client stands still")
        assert len(sent) < 3000
        os.kill(sockets.counts()["pid"], signal.SIGKILL)  # it would never notice the end
    thread.join(10)


def test_refusals(sockets, parked_balancer):
    def status(**options):
        with pytest.raises(websockets.InvalidStatus) as refusal:
            sockets.open(**options)
        return refusal.value.response.status_code, refusal.value.response.body
    assert status(path="/refused") == (403, b"not this one\n")
    assert status(key="wrong")[0] == 401
    with pytest.raises(websockets.InvalidStatus) as refusal:
        parked_balancer.open()
    assert refusal.value.response.status_code == 503


@pytest.fixture
def parked_balancer(make_endpoint):
    return Sockets(make_endpoint(server_handler("socket_server.py"),
                                 **settings(workersMin=0, workersMax=0)))


def test_a_worker_that_is_to_go_cuts_them_after_the_grace(fresh_up):
    up = fresh_up("--slots", 2, env={"MILLRACE_LB_GRACE_MS": "1500"})
    sockets = Sockets(up.apply(document("ws", server_handler("socket_server.py"), **settings())))
    with sockets.open() as socket:
        old = json.loads(socket.recv())["pid"]
        up.apply(document("ws", server_handler("socket_server.py", NEW=1), **settings()))
        begin = time.monotonic()
        with pytest.raises(websockets.ConnectionClosed):
            while True:
                socket.send("still there")
                assert socket.recv(timeout=10) == "still there"
                time.sleep(0.1)
        assert 1 < time.monotonic() - begin < 10
    wait_for(lambda: sockets.counts()["pid"] != old, 20, "the new worker")
