#!/usr/bin/env python3
"""A container runtime for tests: podman's command line, as far as the agent uses it. Its containers
are processes of this machine that, like real ones, outlive the client that started them.

The folder FAKE_RUNTIME holds
  calls              one JSON list for each call, its arguments
  local/NAME         images that are here: a line with the id, then repository digests
  registry/NAME      the same for those that can be pulled; a slash in NAME is written as '+'
  hold               while it exists a pull waits
  containers/ID      name, pid of the process, labels; gone when it has been removed
"""

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

FOLDER = pathlib.Path(os.environ["FAKE_RUNTIME"])
WITH_VALUE = ("--network", "--pull", "--log-driver", "--name", "--shm-size", "--label", "--workdir",
              "--mount", "--env", "--device")


def fail(code, text):
    print("Error: " + text, file=sys.stderr)
    sys.exit(code)


def find(place, reference):
    """(id, digests) by name, by repository@digest or by id; None when there is none."""
    for path in sorted((FOLDER / place).iterdir()):
        identity, *digests = path.read_text().split()
        if reference in (path.name.replace("+", "/"), identity, *digests):
            return identity, digests
    return None


def image_inspect(reference):
    found = find("local", reference)
    if not found:
        fail(125, "inspecting object: %s: image not known" % reference)
    print("millrace-image %s %s" % (found[0], json.dumps(found[1])))


def pull(reference):
    print("Trying to pull %s..." % reference, flush=True)
    while (FOLDER / "hold").exists():
        time.sleep(0.02)
    found = find("registry", reference)
    if not found:
        fail(125, "initializing source %s: manifest unknown" % reference)
    name = reference.split("@")[0].replace("/", "+")
    (FOLDER / "local" / name).write_text("\n".join([found[0], *found[1]]))
    print(found[0])


def parse_run(arguments):
    options, rest = [], list(arguments)
    while rest and rest[0].startswith("--"):
        name = rest.pop(0)
        options.append((name, rest.pop(0) if name in WITH_VALUE else ""))
    return options, rest[0], rest[1:]


def container(name):
    """Its file, by name or by id."""
    digest = name if len(name) == 64 else hashlib.sha256(name.encode()).hexdigest()
    return FOLDER / "containers" / digest


def run(*arguments):
    """The container's process leads a session of its own; only the client dies with the agent. It
    begins when its file is there, so who sees the work of a container sees the container."""
    options, image, command = parse_run(arguments)
    if not find("local", image):
        fail(125, "%s: image not known" % image)
    env = {"PATH": os.environ["PATH"]}
    for name, value in options:
        if name == "--env":
            key = value.split("=")[0]
            env[key] = value[len(key) + 1:] if "=" in value else os.environ[key]
    named = dict(options)
    child = subprocess.Popen(["/bin/sh", "-c", "read go; exec \"$@\"", "sh", *command], env=env,
                             cwd=named.get("--workdir"), stdin=subprocess.PIPE,
                             start_new_session=True)
    labels = [value for name, value in options if name == "--label"]
    container(named["--name"]).write_text("\n".join([named["--name"], str(child.pid), *labels]))
    child.stdin.write(b"\n")
    child.stdin.close()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: child.send_signal(number))
    code = child.wait()
    sys.exit(128 - code if code < 0 else code)


def kill(*names):
    for name in names:
        path = container(name)
        if path.exists():
            try:
                os.kill(int(path.read_text().split()[1]), signal.SIGKILL)
            except ProcessLookupError:
                pass


def rm(*arguments):
    names = [argument for argument in arguments[1:] if argument not in ("--time", "0")]
    kill(*names)
    for name in names:
        container(name).unlink(missing_ok=True)


def ps(*arguments):
    label = arguments[-1].split("=", 1)[1]
    for path in (FOLDER / "containers").iterdir():
        if label in path.read_text().splitlines():
            print(path.name)


def main(arguments):
    with open(FOLDER / "calls", "a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    verb, rest = arguments[0], arguments[1:]
    if verb == "--version":
        print("podman version 4.3.1")
    elif verb == "image":
        image_inspect(rest[-1])
    elif verb == "container":
        print("millrace-oom false")
    else:
        {"pull": pull, "run": run, "kill": kill, "rm": rm, "ps": ps}[verb](*rest)


if __name__ == "__main__":
    main(sys.argv[1:])
