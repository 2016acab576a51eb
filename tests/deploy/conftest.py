"""What the tests of deploy/ share: the sources installed under a prefix, the programs' own flags."""

import re
import subprocess

import pytest

from millrace_up import BUILD

PROGRAMS = ("millrace-api", "millrace-scheduler", "millrace-worker")


@pytest.fixture(scope="session")
def prefix(tmp_path_factory):
    """`cmake --install` of the build, under a folder of its own."""
    if not (BUILD / "cmake_install.cmake").exists():
        pytest.skip("%s is not built" % BUILD)
    folder = tmp_path_factory.mktemp("prefix")
    done = subprocess.run(["cmake", "--install", str(BUILD), "--prefix", str(folder)],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def defaults():
    """defaults[PROGRAM][FLAG]: the default or None, as its --help tells it."""
    if not (BUILD / "millrace").exists():
        pytest.skip("%s is not built" % BUILD)
    texts = {name: subprocess.run([str(BUILD / name), "--help"], capture_output=True, text=True,
                                  check=True).stdout for name in PROGRAMS}
    return {name: {flag: (re.search(r"\[default=([^\]]*)\]", rest) or [None, None])[1]
                   for flag, rest in re.findall(r"^  (--[a-z-]+)(.*?)(?=^  --|\Z)", text, re.M | re.S)}
            for name, text in texts.items()}


@pytest.fixture(scope="session")
def flags(defaults):
    return {name: set(found) for name, found in defaults.items()}
