"""What the tests of image handlers run in: a runtime that is fake, or podman with a storage of its
own, and an image made from nothing but one static program."""

import json
import os
import pathlib
import shutil
import subprocess

from millrace_up import Up

LIB = pathlib.Path(__file__).parent
# crun refuses the mixture of cgroup v1 and v2 that some virtual machines have, and limits may not be
# raised in a machine that lacks CAP_SYS_RESOURCE.
OWN_CGROUPS = ("mount --make-rprivate / && umount -R /sys/fs/cgroup"
               " && mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\"")
CONTAINERS_CONF = """[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
"""


def build_tiny_worker(folder):
    """The static program, None when the compiler cannot link one."""
    program = folder / "tiny"
    made = subprocess.run(["gcc", "-static", "-O1", "-o", program, LIB / "tiny_worker.c"],
                          capture_output=True, check=False)
    return program if made.returncode == 0 else None


class FakeRuntime:
    """fake_runtime.py and its folder."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("local", "registry", "containers"):
            (folder / name).mkdir(parents=True)

    @property
    def env(self):
        return {"MILLRACE_CONTAINER_RUNTIME": str(LIB / "fake_runtime.py"),
                "FAKE_RUNTIME": str(self.folder)}

    def add(self, place, name, number):
        """An image; its id is 64 times the digit, the digest in its registry the digit after it."""
        digest = name.rsplit(":", 1)[0] + "@sha256:" + str(number + 1) * 64
        path = self.folder / place / name.replace("/", "+")
        path.write_text(str(number) * 64 + "\n" + digest)
        return str(number) * 64

    def calls(self, verb):
        """The arguments of each call that began with verb."""
        lines = (self.folder / "calls").read_text().splitlines()
        return [call for call in map(json.loads, lines) if call[0] == verb]

    def containers(self):
        """Name: pid of the process in it."""
        found = {}
        for path in (self.folder / "containers").iterdir():
            try:
                name, pid = path.read_text().split("\n")[:2]
            except (FileNotFoundError, ValueError):  # removed, or not written yet
                continue
            found[name] = int(pid)
        return found


class Podman:
    """podman with a storage of its own. problem says why it cannot run here; else None."""

    def __init__(self, folder, program):
        self.folder = folder
        (folder / "storage.conf").write_text(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"%s/root\"\nrunroot = \"%s/run\"\n"
            % (folder, folder))
        (folder / "containers.conf").write_text(CONTAINERS_CONF)
        self.env = {"MILLRACE_CONTAINER_RUNTIME": "podman",
                    "MILLRACE_CONTAINER_ARG": "--cgroups=disabled",
                    "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
                    "CONTAINERS_CONF": str(folder / "containers.conf")}
        self.prefix = []
        self.problem = self._prepare(program)

    def _prepare(self, program):
        if shutil.which("podman") is None:
            return "podman is not installed"
        if program is None:
            return "the compiler cannot link a static program"
        problems = []
        for prefix in ([], ["unshare", "--mount", "sh", "-c", OWN_CGROUPS, "sh"]):
            self.prefix = prefix
            tried = self._import(program)
            if tried is None:
                return None
            problems.append(tried)
        return "podman cannot run a container here: " + " | ".join(problems)

    def _import(self, program):
        """Makes the image and runs it once: without a job to take it ends with status 2."""
        archive = self.folder / "image.tar"
        subprocess.run(["tar", "-C", program.parent, "-cf", archive, program.name], check=True)
        made = self.run("import", archive, "localhost/tiny:1")
        if made.returncode != 0:
            return made.stderr.strip()
        ran = self.run("run", "--rm", "--network", "host", "--cgroups=disabled", "--pull", "never",
                       "localhost/tiny:1", "/tiny")
        return None if ran.returncode == 2 else ran.stderr.strip()

    def run(self, *arguments):
        return subprocess.run([*self.prefix, "podman", *map(str, arguments)], text=True,
                              capture_output=True, env=dict(os.environ, **self.env), timeout=60,
                              check=False)

    def containers(self):
        """Names."""
        listed = self.run("ps", "--all", "--format", "{{.Names}}")
        assert listed.returncode == 0, listed.stderr
        return listed.stdout.split()

    def pid(self, name):
        """Of its main process, as the machine sees it."""
        return int(self.run("container", "inspect", "--format", "{{.State.Pid}}", name).stdout)

    def up(self, *args):
        return PrefixedUp(self.prefix, *args, env=self.env)


class PrefixedUp(Up):
    """`millrace up` behind a command that executes it."""

    def __init__(self, prefix, *args, **options):
        super().__init__(*args, **options)
        self.prefix = prefix

    def command(self):
        return [*self.prefix, *super().command()]

