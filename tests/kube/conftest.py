"""What tests/kube takes from the end-to-end tests."""

import pytest

from kube_site import fake_site, kube_servers, millrace_account, real_site  # noqa: F401
from millrace_up import starter


@pytest.fixture
def fresh_up():
    with starter() as start:
        yield start
