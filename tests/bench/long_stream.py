#!/usr/bin/env python3
"""Long generations through /openai with the openai package: nothing on the way may cut them.

  tests/bench/long_stream.py [--seconds 630]

Six at once, by a worker like worker-vllm and by a `server` handler: a token each second, a token
each sixth of the time, and a whole answer at the end. Exit status 0 when each is whole. MILLRACE_BUILD
names the build (default: build-test)."""

import argparse
import pathlib
import sys
import threading
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "lib"), str(TESTS / "e2e" / "handlers")]

import openai  # noqa: E402

from documents import document, python_handler, server_handler  # noqa: E402
from millrace_up import Up  # noqa: E402

HANDLERS = {"server": server_handler("model_server.py"), "worker": python_handler("vllm_like.py")}
SPARE_S = 600


def generate(endpoint, words, pause, is_stream):
    """Seconds and text."""
    client = openai.OpenAI(base_url=endpoint.up.base + "/" + endpoint.id + "/openai/v1",
                           api_key=endpoint.up.key, max_retries=0, timeout=pause + SPARE_S)
    message = {"role": "user", "content": " ".join(map(str, range(words)))}
    begin = time.monotonic()
    reply = client.chat.completions.create(model="tiny", messages=[message], stream=is_stream,
                                           max_tokens=words, extra_body={"pause": pause})
    if is_stream:
        text = "".join(part.choices[0].delta.content or "" for part in reply)
    else:
        text = reply.choices[0].message.content
    return time.monotonic() - begin, text.split()


def check(name, endpoint, words, pause, is_stream, wrong):
    try:
        seconds, text = generate(endpoint, words, pause, is_stream)
        if text != [str(n) for n in range(words)]:
            wrong.append("%s: %d of %d tokens" % (name, len(text), words))
        print("%s: %d tokens in %.0f s" % (name, len(text), seconds), flush=True)
    except openai.OpenAIError as error:
        wrong.append("%s: %r" % (name, error))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=630)
    options = parser.parse_args()
    shapes = {"steady": (int(options.seconds), 1, True), "slow": (6, options.seconds / 6, True),
              "whole": (1, options.seconds, False)}
    wrong, threads = [], []
    up = Up("--slots", 2).start()
    try:
        for kind, handler in HANDLERS.items():
            endpoint = up.apply(document(
                kind, handler, executionTimeoutMs=int((options.seconds + SPARE_S) * 1000)))
            for shape, (words, pause, is_stream) in shapes.items():
                threads.append(threading.Thread(target=check, args=(
                    kind + " " + shape, endpoint, words, pause, is_stream, wrong)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        up.stop()
        up.remove()
    for text in wrong:
        print("WRONG " + text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
