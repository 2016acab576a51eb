"""Each test gets an empty private Redis and the transitions of one endpoint."""

import pytest

from private_redis import PrivateRedis
from transitions import Transitions


@pytest.fixture(scope="session")
def server():
    server = PrivateRedis().start()
    yield server
    server.stop()


@pytest.fixture
def client(server):
    client = server.client()
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def queue(client):
    return Transitions(client)


@pytest.fixture
def system(client):
    return Transitions(client, "sys")


@pytest.fixture
def heard(client):
    """Subscribes to channels; heard(...) returns a function that gives the messages so far."""
    subscriptions = []

    def subscribe(*channels):
        feed = client.pubsub()
        feed.subscribe(*channels)
        subscriptions.append(feed)
        for _ in channels:
            feed.get_message(timeout=2)

        def messages():
            found = []
            while True:
                message = feed.get_message(timeout=0.05)
                if message is None:
                    return found
                found.append((message["channel"], message["data"]))
        return messages

    yield subscribe
    for feed in subscriptions:
        feed.close()
