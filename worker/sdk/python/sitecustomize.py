"""Loaded by every Python handler at its start (PYTHONPATH, set by the agent).

runpod 1.7.11 to 1.10.0 keep the list of jobs in work in a file of the current folder, made for one
worker to a container. Handlers of one endpoint share their folder: they would see each other's jobs
as their own, and one that was killed leaves a list that keeps all later ones from ever asking for a
job. So each process gets a folder of its own for that file. Nothing else is touched, other versions
not at all."""

import importlib.machinery
import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MODULE = "runpod.serverless.modules.worker_state"
PREFIX = "runpod-jobs-"


def _remove(folder):
    import shutil
    shutil.rmtree(folder, ignore_errors=True)


def _private_folder():
    """A new one, named by our pid; those of processes that are gone are removed."""
    import atexit
    import tempfile
    root = tempfile.gettempdir()
    for name in os.listdir(root):
        pid = name[len(PREFIX):].split("-")[0]
        if name.startswith(PREFIX) and pid.isdigit() and not os.path.exists("/proc/" + pid):
            _remove(os.path.join(root, name))
    folder = tempfile.mkdtemp(prefix="%s%d-" % (PREFIX, os.getpid()))
    owner = os.getpid()
    atexit.register(lambda: os.getpid() == owner and _remove(folder))
    return folder


def _patch(module):
    jobs = getattr(module, "JobsProgress", None)
    if hasattr(jobs, "_STATE_FILE"):
        jobs._STATE_DIR = _private_folder()
        jobs._STATE_FILE = os.path.join(jobs._STATE_DIR, os.path.basename(jobs._STATE_FILE))


class _Finder(object):
    """Finds nothing itself; patches MODULE once it has been loaded."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != MODULE:
            return None
        sys.meta_path.remove(cls)
        spec = importlib.util.find_spec(name)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            load = spec.loader.exec_module

            def exec_module(module):
                load(module)
                try:
                    _patch(module)
                except Exception as error:  # the handler runs, whatever becomes of this
                    sys.stderr.write("millrace: the list of jobs stays shared: %s\n" % error)
            spec.loader.exec_module = exec_module
        return spec


def _load_the_hidden():
    """The sitecustomize that would have been loaded without ours."""
    rest = [part for part in sys.path if os.path.abspath(part or ".") != HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


sys.meta_path.insert(0, _Finder)
_load_the_hidden()
