"""One `millrace up` for all tests of a session, one endpoint for each test.

Tests that stop or break programs take `fresh_up` and start their own."""

import itertools
import os

import pytest

import millrace_up
from documents import document, library_handler, python_handler
from millrace_up import Up

SLOTS = 6
_numbers = itertools.count()


def pytest_collection_modifyitems(items):
    if not (millrace_up.BUILD / "millrace").exists():
        skip = pytest.mark.skip(reason="%s is not built" % (millrace_up.BUILD / "millrace"))
        for item in items:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared_up():
    up = Up("--slots", SLOTS).start()
    yield up
    up.stop()
    up.remove()


@pytest.fixture
def up(shared_up):
    """The shared one; fails early when an earlier test broke it."""
    assert shared_up.process.poll() is None, shared_up.tail()
    yield shared_up
    assert shared_up.reports() == ""


@pytest.fixture
def fresh_up():
    """fresh_up(args...) starts one of its own; all are ended and checked afterwards."""
    with millrace_up.starter() as start:
        yield start


@pytest.fixture
def unique_id(request):
    def make():
        name = request.node.originalname.lower().replace("_", "-")[5:40].strip("-")
        return "%s-%d" % (name, next(_numbers))
    return make


@pytest.fixture
def make_endpoint(up, unique_id):
    """make_endpoint(handler, setting=value...): an endpoint of the shared up, deleted afterwards."""
    made = []

    def make(handler, on=up, **settings):
        endpoint = on.apply(document(unique_id(), handler, **settings))
        if on is up:
            made.append(endpoint)
        return endpoint
    yield make
    for endpoint in made:
        endpoint.delete()


@pytest.fixture
def parked(make_endpoint):
    """An endpoint without workers: its jobs wait."""
    return make_endpoint({"command": ["true"]}, workersMax=0)


@pytest.fixture
def noop(make_endpoint):
    return make_endpoint(library_handler("noop.so"))


@pytest.fixture
def plain(make_endpoint):
    return make_endpoint(python_handler("plain.py"))


@pytest.fixture
def runpod(up):
    """The real package, pointed at the shared up."""
    os.environ["RUNPOD_ENDPOINT_BASE_URL"] = up.base
    import runpod as package
    package.endpoint_url_base = up.base
    package.api_key = up.key
    return package
