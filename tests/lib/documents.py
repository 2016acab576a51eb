"""Endpoint documents of the tests."""

import sys

from millrace_up import BUILD, ROOT

HANDLERS = ROOT / "tests/e2e/handlers"


def document(endpoint_id, handler, **settings):
    """Rate limits are off, because tests ask more often than people; their tests turn them on."""
    return {"id": endpoint_id, "name": endpoint_id, "workersMin": 0, "workersMax": 1,
            "idleTimeout": 2, "limits": "off", "handler": handler, **settings}


def python_handler(name, *args, **env):
    """A handler of tests/e2e/handlers, run by the interpreter that runs the tests."""
    return {"command": [sys.executable, str(HANDLERS / name), *map(str, args)],
            "env": {"PYTHONUNBUFFERED": "1", **{key: str(value) for key, value in env.items()}}}


def library_handler(name, **env):
    handler = {"library": str(BUILD / "handlers" / name)}
    return dict(handler, env=env) if env else handler


def server_handler(name, *args, concurrency=None, **env):
    """An HTTP server of tests/e2e/handlers."""
    handler = python_handler(name, *args, **env)
    server = {"command": handler.pop("command")}
    if concurrency:
        server["concurrency"] = concurrency
    return {"server": server, **handler}
