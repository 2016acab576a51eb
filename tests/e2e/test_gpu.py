"""Graphics cards that are lines in a file: given, checked, ill and well again."""

import json
import os
import re
import subprocess

import pytest
import redis

import processes
from documents import document, library_handler, python_handler
from transitions import wait_for

CARD = "NVIDIA Fake"


class Cards:
    """The file that an agent takes for its cards; set(UUID=words...) replaces it in one step."""

    def __init__(self, path):
        self.path = path

    def set(self, **cards):
        new = self.path.with_suffix(".new")
        new.write_text("".join("GPU-%s %s 16384 %s\n" % (uuid, CARD, words)
                               for uuid, words in cards.items()))
        os.replace(new, self.path)


@pytest.fixture
def cards(tmp_path):
    return Cards(tmp_path / "cards")


@pytest.fixture
def fleet(fresh_up, cards):
    """fleet(settings...) starts an `up` whose one agent has these cards."""
    def start(*args, **settings):
        env = {"MILLRACE_FAKE_GPUS": str(cards.path), "MILLRACE_GPU_RETRY_S": "1"}
        env.update({"MILLRACE_" + key: str(value) for key, value in settings.items()})
        return fresh_up(*args, env=env)
    return start


def described(up):
    path, = (up.data / "redis").glob("*.sock")
    with redis.Redis(unix_socket_path=str(path), decode_responses=True) as client:
        texts = client.hgetall("mr:{sys}:agents")
    return json.loads(texts.get("agent-0", "{}"))


def state_of(up, uuid):
    cards = {one["uuid"]: one for one in described(up).get("gpus", [])}
    card = cards.get("GPU-" + uuid, {})
    return card.get("state"), card.get("reason", "")


def wait_state(up, uuid, state, reason=""):
    wait_for(lambda: state_of(up, uuid)[0] == state and reason in state_of(up, uuid)[1], 20,
             "%s is %s" % (uuid, state))


def visible(endpoint):
    return endpoint.runsync({"do": "env"})["output"]["CUDA_VISIBLE_DEVICES"]


def test_a_worker_sees_its_cards_and_no_others(fleet, cards, unique_id):
    cards.set(a="", b="", c="check=fail")
    up = fleet("--slots", 3)
    endpoint = up.apply(document(unique_id(), python_handler("plain.py"), gpuCount=2))
    assert sorted(visible(endpoint).split(",")) == ["GPU-a", "GPU-b"]
    for uuid, state in zip("abc", ("given", "given", "out")):
        wait_state(up, uuid, state)


def test_cards_out_of_the_pool_are_no_room(fleet, cards, unique_id):
    cards.set(a="check=fail", b="check=crash", c="check=hang")
    up = fleet("--slots", 3, GPU_CHECK_S=1)
    wait_state(up, "a", "out", "3 words were not as written")
    wait_state(up, "b", "out", "the check ended with")
    wait_state(up, "c", "out", "did not end within 1 s")
    endpoint = up.apply(document(unique_id(), library_handler("noop.so"), gpuCount=1))
    job = endpoint.run({})
    wait_for(lambda: endpoint.status(job).get("reason") == "NO_COMPATIBLE_GPU", 20, "the reason")
    cards.set(a="check=none", b="check=fail", c="check=fail")
    assert endpoint.wait(job)["status"] == "COMPLETED"
    wait_state(up, "a", "given")


def test_an_ill_card_comes_back_when_it_is_well(fleet, cards, unique_id):
    cards.set(a="", b="")
    up = fleet("--slots", 2)
    wait_state(up, "a", "free")
    cards.set(a="xid=48", b="ecc=2")
    wait_state(up, "a", "out", "Xid 48")
    wait_state(up, "b", "out", "2 memory errors")
    wait_state(up, "a", "free")
    wait_state(up, "b", "free")
    cards.set(a="xid=48 held=4000", b="xid=31 ecc=2")
    wait_state(up, "a", "out", "4000 MB of its memory are held by nobody")
    cards.set(a="xid=48 held=4000 processes=1")
    wait_state(up, "b", "out", "does not answer")
    wait_state(up, "a", "free")
    cards.set(a="xid=48", b="xid=31 ecc=2")
    wait_state(up, "b", "free")


def test_a_worker_leaves_a_card_only_when_its_type_is_no_longer_wanted(fleet, cards, unique_id):
    cards.set(a="")
    up = fleet("--slots", 1)
    endpoint = up.apply(document(unique_id(), python_handler("pod.py"), gpuCount=1, workersMin=1))

    def run_with(*types):
        reply = up.request("PATCH", "/v1/endpoints/" + endpoint.id, json={"gpuTypeIds": types})
        read = "event=endpoint.read ep=%s version=%d " % (endpoint.id, reply.json()["version"])
        wait_for(lambda: read in up.log("agent-0"), 10, "the document is read")
        return endpoint.run({})
    pid = endpoint.runsync({})["output"]["pid"]
    for types in (["NVIDIA Dream 1", CARD.upper()], [CARD], []):
        assert endpoint.wait(run_with(*types))["output"]["pid"] == pid
    waits = run_with("NVIDIA Dream 1")
    assert processes.wait_gone([pid], 10) == []
    endpoint.cancel(waits)
    assert endpoint.wait(run_with(CARD))["output"]["pid"] != pid


def test_a_worker_leaves_a_card_that_falls_ill(fleet, cards, unique_id):
    cards.set(a="", b="")
    up = fleet("--slots", 2)
    endpoint = up.apply(document(unique_id(), python_handler("plain.py"), gpuCount=1, workersMax=1))
    first = visible(endpoint).removeprefix("GPU-")
    other = "b" if first == "a" else "a"
    busy = endpoint.run({"do": "sleep", "seconds": 3})
    endpoint.wait(busy, "IN_PROGRESS")
    cards.set(**{first: "check=fail xid=79", other: ""})
    wait_state(up, first, "out", "Xid 79")
    assert endpoint.wait(busy)["status"] == "COMPLETED"
    wait_for(lambda: visible(endpoint) == "GPU-" + other, 20, "the other card")


def test_a_card_is_given_again_only_when_its_memory_is_free(fleet, cards, unique_id):
    cards.set(a="held=100")
    up = fleet("--slots", 1)
    endpoint = up.apply(document(unique_id(), python_handler("plain.py"), gpuCount=1, retries=0,
                                 idleTimeout=60))
    assert endpoint.runsync({"do": "echo"})["status"] == "COMPLETED"
    cards.set(a="held=4000")  # what the process holds, told too late to count it
    dying = endpoint.runsync({"do": "exits", "says": "x", "code": 3})
    assert dying["status"] == "FAILED"
    job = endpoint.run({"do": "echo"})
    wait_state(up, "a", "out", "held by nobody")
    assert endpoint.status(job)["status"] == "IN_QUEUE"
    cards.set(a="held=100")
    assert endpoint.wait(job)["status"] == "COMPLETED"


def test_without_the_check_cards_are_taken_as_they_are(fleet, cards):
    cards.set(a="check=fail")
    up = fleet("--slots", 1, GPU_CHECK="off")
    wait_state(up, "a", "free")


# ---- the roster

def agents_of(up):
    reply = up.get("/v1/agents")
    assert reply.status_code == 200, reply.text
    return {one["id"]: one for one in reply.json()}


def test_the_roster_tells_cards_labels_and_cache_but_no_secret(fleet, cards, unique_id):
    cards.set(a="driver=580.1 cuda=13.0 capability=9.0")
    up = fleet("--slots", 2, LABEL="zone=a,disk=fast")
    endpoint = up.apply(document(unique_id(), library_handler("noop.so"), labels={"zone": "a"}))
    elsewhere = up.apply(document(unique_id(), library_handler("noop.so"), labels={"zone": "b"}))
    assert endpoint.runsync({})["status"] == "COMPLETED"
    release = r"event=worker.start ep=%s .* release=(\w+)" % endpoint.id
    warm = "endpoint:%s@%d" % (endpoint.id, int(re.search(release, up.log("agent-0"))[1], 16))
    wait_for(lambda: agents_of(up)["agent-0"]["cache"] == [warm], 10, "warm")
    wait_state(up, "a", "free")
    agent = agents_of(up)["agent-0"]
    assert agent["live"] and agent["slots"] == 2 and len(agent["machine"]) == 16
    assert agent["labels"] == {"zone": "a", "disk": "fast"}
    assert (agent["driver"], agent["cuda"]) == ("580.1", "13.0")
    assert agent["gpus"] == [{"uuid": "GPU-a", "name": CARD, "memory": 16384 << 20,
                              "capability": "9.0", "state": "free"}]
    assert not {"lb", "pid"} & set(agent)
    printed = subprocess.run([up.build / "millrace", "workers", "--agents", "--url", up.base,
                              "--api-key", up.key], capture_output=True, env=up.environment())
    assert [one["id"] for one in json.loads(printed.stdout)] == ["agent-0"], printed.stderr
    job = elsewhere.run({})
    wait_for(lambda: elsewhere.status(job).get("reason") == "NO_CAPACITY", 20, "no such machine")


def test_a_slice_is_given_by_its_own_uuid(fleet, cards, unique_id):
    name = "NVIDIA A100 MIG 1g.5gb"
    cards.path.write_text("".join("MIG-%s %s 4864 parent=GPU-x\n" % (one, name) for one in "ab"))
    up = fleet("--slots", 2)
    endpoint = up.apply(document(unique_id(), python_handler("plain.py"), gpuCount=1,
                                 gpuTypeIds=[name]))
    assert visible(endpoint) in ("MIG-a", "MIG-b")
    pair = up.apply(document(unique_id(), library_handler("noop.so"), gpuCount=2))
    job = pair.run({})
    wait_for(lambda: pair.status(job).get("reason") == "NO_COMPATIBLE_GPU", 20, "no two slices")
