"""API nodes that are told to stop: what they have in hand goes on, a successor serves the rest."""

import os
import signal
import threading
import time

import openai
import pytest

import processes
from documents import document, python_handler, server_handler
from millrace_up import wait_for

WORDS = 12


class Generation(threading.Thread):
    """A stream of words through OpenAI's client, one each `pause` seconds."""

    def __init__(self, endpoint, pause=0.4):
        super().__init__(daemon=True)
        self.client = openai.OpenAI(base_url=endpoint.up.base + "/" + endpoint.id + "/openai/v1",
                                    api_key=endpoint.up.key, max_retries=0)
        self.pause, self.words, self.problem = pause, [], None
        self.start()

    def run(self):
        message = {"role": "user", "content": " ".join(map(str, range(WORDS)))}
        try:
            for part in self.client.chat.completions.create(
                    model="tiny", messages=[message], stream=True,
                    extra_body={"pause": self.pause, "batch": 1}):
                self.words += (part.choices[0].delta.content or "").split()
        except Exception as error:  # noqa: BLE001 - whatever a client sees is the finding
            self.problem = repr(error)

    def wait_words(self, count):
        wait_for(lambda: len(self.words) >= count or self.problem, 60, "%d words" % count)


def stop_node(up, name="api-0"):
    old = up.pid(name)
    os.kill(old, signal.SIGTERM)
    up.wait_restarted(name, old, 10)
    return old


@pytest.mark.parametrize("handler", [server_handler("model_server.py"),
                                     python_handler("vllm_like.py")], ids=["server", "worker"])
def test_generations_outlive_the_restart_of_their_node(fresh_up, handler):
    up = fresh_up("--slots", 1)
    endpoint = up.apply(document("llm", handler))
    first = Generation(endpoint)
    first.wait_words(2)
    begin = time.monotonic()
    old = stop_node(up)
    second = Generation(endpoint, pause=0)
    assert len(first.words) < WORDS, "the successor serves before the stream has ended"
    assert processes.alive(old)
    second.join(60)
    first.join(60)
    expected = [str(n) for n in range(WORDS)]
    assert (first.problem, first.words) == (None, expected)
    assert (second.problem, second.words) == (None, expected)
    assert processes.wait_gone([old], 5) == []
    assert time.monotonic() - begin < 30


def test_the_drain_timeout_bounds_it(fresh_up):
    up = fresh_up("--slots", 1, env={"MILLRACE_DRAIN_TIMEOUT_MS": "500"})
    endpoint = up.apply(document("llm", server_handler("model_server.py")))
    cut = Generation(endpoint, pause=5)
    cut.wait_words(1)
    old = stop_node(up)
    assert processes.wait_gone([old], 8) == []
    cut.join(20)
    assert cut.problem and len(cut.words) < WORDS
    assert "event=drain.cut" in up.log("api-0")
    # nobody hears the rest of it, a minute of it: the job is cancelled, the worker is free
    wait_for(lambda: endpoint.health()["jobs"]["inProgress"] == 0, 20, "the end of the job")


def test_an_idle_node_restarts_at_once(fresh_up):
    up = fresh_up("--slots", 0, "--agents", 0)
    up.session.close()
    old = stop_node(up)
    assert processes.wait_gone([old], 5) == []
    assert up.healthy()


def test_up_stops_while_a_node_drains(fresh_up):
    up = fresh_up("--slots", 1)
    endpoint = up.apply(document("llm", server_handler("model_server.py")))
    cut = Generation(endpoint, pause=0.5)
    cut.wait_words(1)
    stop_node(up)
    begin = time.monotonic()
    assert up.stop() == 0
    assert time.monotonic() - begin < 25
