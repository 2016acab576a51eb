"""One `millrace up` for all checks, and a pool of threads that runs them side by side: those that
mostly wait begin first, so that the suite lasts about as long as its longest check."""

import concurrent.futures
import inspect
import pathlib
import sys

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

from table import MODULES  # noqa: E402

pytest.register_assert_rewrite("stage", *MODULES)

import millrace_up  # noqa: E402
from millrace_up import Up  # noqa: E402
from stage import Stage  # noqa: E402

SLOTS = 64       # parked workers cost nothing but a process
FAST_AT_ONCE = 4


def pytest_collection_modifyitems(items):
    if not (millrace_up.BUILD / "millrace").exists():
        skip = pytest.mark.skip(reason="%s is not built" % (millrace_up.BUILD / "millrace"))
        for item in items:
            item.add_marker(skip)


def numbers_of(items):
    return {item.callspec.params["one"].number: item.callspec.params["one"] for item in items
            if "one" in getattr(getattr(item, "callspec", None), "params", {})
            and not item.get_closest_marker("skip")}


def perform(up, one):
    stage = Stage(up, "c%d" % one.number)
    try:
        arguments = {"stage": stage} if "stage" in inspect.signature(one.run).parameters else {}
        one.run(**arguments)
    finally:
        stage.close()


@pytest.fixture(scope="session")
def shared_up():
    up = Up("--slots", SLOTS).start()
    yield up
    up.stop()
    up.remove()


@pytest.fixture(scope="session")
def outcomes(request, shared_up):
    """Number: the future of its check. All that were asked for are started here."""
    wanted = numbers_of(request.session.items)
    slow = [one for one in wanted.values() if one.is_slow]
    fast = [one for one in wanted.values() if not one.is_slow]
    with concurrent.futures.ThreadPoolExecutor(max(len(slow), 1)) as waiting, \
            concurrent.futures.ThreadPoolExecutor(FAST_AT_ONCE) as working:
        yield {one.number: pool.submit(perform, shared_up, one)
               for pool, checks in ((waiting, slow), (working, fast)) for one in checks}
