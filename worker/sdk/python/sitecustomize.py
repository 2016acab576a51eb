"""Loaded by every Python handler at its start (PYTHONPATH, set by the agent).

Two modules of runpod are changed once they have been loaded; nothing else is touched. Whatever goes
wrong with that, the handler runs, and says so in one line.

worker_state: runpod 1.7.11 to 1.10.0 keep the list of jobs in work in a file of the current folder,
made for one worker to a container. Handlers of one endpoint share their folder: they would see each
other's jobs as their own, and one that was killed leaves a list that keeps all later ones from ever
asking for a job. So each process gets a folder of its own for that file.

rp_http: millrace_stream.py, unless MILLRACE_SDK_STREAM=off."""

import importlib.machinery
import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
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


def _own_job_list(module):
    jobs = getattr(module, "JobsProgress", None)
    if hasattr(jobs, "_STATE_FILE"):
        jobs._STATE_DIR = _private_folder()
        jobs._STATE_FILE = os.path.join(jobs._STATE_DIR, os.path.basename(jobs._STATE_FILE))


def _quick_chunks(module):
    wanted = os.environ.get("MILLRACE_SDK_STREAM", "on")
    if wanted == "off":
        return
    if wanted != "on":
        sys.stderr.write("millrace: MILLRACE_SDK_STREAM is on or off, not '%s'; taken as on\n" % wanted)
    import millrace_stream
    millrace_stream.install(module)


PATCHES = {
    "runpod.serverless.modules.worker_state": (_own_job_list, "the list of jobs stays shared"),
    "runpod.serverless.modules.rp_http": (_quick_chunks, "each chunk is posted by itself"),
}


def _patched(spec, patch, otherwise):
    load = spec.loader.exec_module

    def exec_module(module):
        load(module)
        try:
            patch(module)
        except Exception as error:  # the handler runs, whatever becomes of this
            sys.stderr.write("millrace: %s: %s\n" % (otherwise, error))
    spec.loader.exec_module = exec_module
    return spec


class _Finder(object):
    """Finds nothing itself; has the modules of PATCHES changed once they have been loaded."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name not in PATCHES:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find and finder is not cls else None
            if spec is not None:
                return _patched(spec, *PATCHES[name]) if hasattr(spec.loader, "exec_module") else spec
        return None


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
