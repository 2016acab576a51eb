"""Which image a release of a document runs: the first proposal stands."""

import pytest

ONE, OTHER = "sha256:" + "1" * 64, "id:sha256:" + "2" * 64


@pytest.fixture
def version(queue):
    return queue.configure('{"id":"ep"}')


def test_nothing_is_pinned_at_first(queue, version):
    assert queue.pin(version) == ""
    assert queue.redis.hget(queue.key("conf"), "pin") is None


def test_the_first_proposal_stands(queue, version):
    assert queue.pin(version, ONE) == ONE
    assert queue.pin(version, OTHER) == ONE
    assert queue.pin(version) == ONE


def test_another_release_is_pinned_anew(queue, version):
    queue.pin(version, ONE)
    later = queue.configure('{"id":"ep","name":"x"}')
    assert queue.pin(later, release=78) == ""
    assert queue.pin(later, OTHER, release=78) == OTHER


def test_another_version_of_the_same_release_runs_what_is_pinned(queue, version):
    queue.pin(version, ONE)
    later = queue.configure('{"id":"ep","name":"x"}')
    assert queue.pin(later, OTHER) == ONE


def test_an_endpoint_made_anew_is_pinned_anew(queue, version):
    queue.pin(version, ONE)
    queue.configure("")
    assert queue.pin(queue.configure('{"id":"ep"}'), OTHER) == OTHER


def test_who_comes_with_an_old_version_learns_nothing_and_changes_nothing(queue, version):
    later = queue.configure('{"id":"ep","name":"x"}')
    queue.pin(later, ONE)
    assert queue.pin(version, OTHER) is None
    assert queue.pin(later) == ONE


def test_a_deleted_endpoint_pins_nothing(queue, version):
    queue.configure("")
    assert queue.pin(version, ONE) is None
