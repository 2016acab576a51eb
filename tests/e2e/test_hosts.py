"""Several hosts: the runs of tests/hosts with few jobs. By hand they take thousands."""

import pathlib
import subprocess
import sys

import pytest

import hosts

RUN = pathlib.Path(__file__).resolve().parents[1] / "hosts" / "run"
WHY_NOT = hosts.problem()

pytestmark = pytest.mark.skipif(WHY_NOT != "", reason=WHY_NOT)


def nothing_wrong(*words):
    done = subprocess.run([sys.executable, str(RUN), *words], capture_output=True, text=True,
                          timeout=400)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "nothing wrong" in done.stdout


def test_each_host_is_cut_off_for_a_while():
    nothing_wrong("links", "--jobs", "300", "--outage", "3")


def test_the_master_dies_and_what_two_servers_had_is_kept():
    nothing_wrong("sentinel", "--jobs", "300", "--durability", "replica")


def test_the_master_is_cut_off_and_what_two_servers_had_is_kept():
    nothing_wrong("isolated", "--jobs", "300", "--durability", "replica", "--outage", "8")


def test_slots_move_between_shards():
    nothing_wrong("cluster", "--jobs", "300", "--endpoints", "6")
