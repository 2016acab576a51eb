"""Virtual environments with old and new versions of the real SDK, made when first needed and kept."""

import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig

import pytest

from millrace_up import ROOT

VERSIONS = ("1.6.2", "1.7.9", "1.7.12", "1.9.1", "1.12.0")
FOLDER = pathlib.Path(os.environ.get("MILLRACE_SDKS", ROOT / "build-test"))
INSTALL_S = 600


def _run(*command):
    """None, or the last line of what went wrong."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=INSTALL_S)
    lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
    return lines[-1] if done.returncode else None


def _borrow(folder, version):
    """Only the package itself; what it needs comes from the environment that runs the tests."""
    site = sysconfig.get_path("purelib", vars={"base": str(folder)})
    problem = (_run(sys.executable, "-m", "venv", "--without-pip", folder) or
               _run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps",
                    "--disable-pip-version-check", "--target", site, "runpod==" + version, "filelock"))
    (pathlib.Path(site) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return problem


def _install_all(folder, version):
    """With all that it asks for, which takes minutes."""
    return (_run(sys.executable, "-m", "venv", "--clear", folder) or
            _run(folder / "bin/python", "-m", "pip", "install", "--quiet",
                 "--disable-pip-version-check", "runpod==" + version))


def _install(folder, version):
    problem = None
    for install in (_borrow, _install_all):
        problem = (install(folder, version) or
                   _run(folder / "bin/python", "-c", "import runpod.serverless as s, runpod; "
                        "assert runpod.__version__ == %r, runpod.__version__" % version))
        if problem is None:
            break
    return problem


def sdk_python(version):
    """The interpreter that has this version; skips the test, with the reason, when there is none."""
    folder = FOLDER / ("sdk-" + version)
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        try:
            problem = _install(folder, version)
        except (OSError, subprocess.TimeoutExpired) as error:
            problem = str(error)
        if problem:
            shutil.rmtree(folder, ignore_errors=True)
            pytest.skip("runpod %s cannot be installed: %s" % (version, problem[:300]))
        (folder / "installed").touch()
    return str(folder / "bin/python")
