"""77-84: the rate table of the founding document, and the rule of the queue."""

import time

from stage import assert_error, read_reply
from table import check


def burst(stage, method, path, count):
    """Statuses of count requests, one after the other as fast as one connection can."""
    return [stage.up.request(method, path).status_code for _ in range(count)]


def assert_limit(stage, method, path, limit):
    """Exactly limit requests pass in a window. A burst that met the border of two is done again."""
    for _ in range(4):
        statuses = burst(stage, method, path, limit + 1)
        if statuses == [200] * limit + [429]:
            return
        reply = stage.up.request(method, path)
        if reply.status_code == 429:
            time.sleep(int(reply.headers["Retry-After"]))
    raise AssertionError("%d of %d passed, limit is %d" % (statuses.count(200), limit + 1, limit))


def hold(stage, endpoint, method, operation, count):
    """Requests whose body never comes: each is in flight until its connection is closed."""
    text = stage.head(method, endpoint.path(operation), Content_Length=11)
    return [stage.connect(text) for _ in range(count)]


def status_of(one):
    return read_reply(one)[0]


def assert_in_flight(stage, endpoint, method, operation, limit):
    """With limit requests in flight the next is refused; when they have gone it is not."""
    held = hold(stage, endpoint, method, operation, limit)
    time.sleep(0.5)  # until all heads are read
    assert status_of(hold(stage, endpoint, method, operation, 1)[0]) == 429
    for one in held:
        one.close()
    deadline = time.monotonic() + 10
    while True:
        one = hold(stage, endpoint, method, operation, 1)[0]
        one.sendall(b'{"input":1}')
        if (status := status_of(one)) == 200 or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert status == 200


@check(77, "the third purge within 10 s: 429", is_slow=True)
def c77(stage):
    endpoint = stage.parked(limits=None)
    assert_limit(stage, "POST", endpoint.path("purge-queue"), 2)


@check(78, "the 101st cancel within 10 s: 429", is_slow=True)
def c78(stage):
    endpoint = stage.parked(limits=None)
    assert_limit(stage, "POST", endpoint.path("cancel", endpoint.run({})), 100)


@check(79, "the eleventh requests within 10 s: 429; so is a third at the same time", is_slow=True)
def c79(stage):
    endpoint = stage.parked(limits=None)
    assert_limit(stage, "GET", endpoint.path("requests"), 10)
    assert_in_flight(stage, stage.parked(limits=None), "GET", "requests", 2)


@check(80, "more than 200 run at the same time: 429", is_slow=True)
def c80(stage):
    assert_in_flight(stage, stage.parked(limits=None), "POST", "run", 200)


@check(81, "without workers the queue takes 51 jobs, then 429")
def c81(stage):
    endpoint = stage.parked(limits=None)
    assert burst_run(endpoint, 52) == [200] * 51 + [429]
    assert_error(endpoint.post("runsync", json={"input": 1}), 429)
    assert endpoint.health()["jobs"]["inQueue"] == 51


def burst_run(endpoint, count):
    return [endpoint.post("run", json={"input": 1}).status_code for _ in range(count)]


@check(82, "with one worker a queue of 500 is fine; the 502nd is refused")
def c82(stage):
    endpoint = stage.endpoint({"command": ["sleep", "600"]}, workersMax=1)
    assert burst_run(endpoint, 502) == [200] * 501 + [429]
    endpoint.post("purge-queue")


@check(83, "limits count for each endpoint and each operation alone, and end with the window",
       is_slow=True)
def c83(stage):
    first, second = stage.parked(limits=None), stage.parked(limits=None)
    assert_limit(stage, "POST", first.path("purge-queue"), 2)
    assert second.post("purge-queue").status_code == 200
    assert first.get("requests").status_code == 200
    job_id = first.run({})
    assert first.cancel(job_id)["status"] == "CANCELLED"
    reply = first.post("purge-queue")
    if reply.status_code == 429:
        wait_s = int(reply.headers["Retry-After"])
        assert 1 <= wait_s <= 10
        time.sleep(wait_s)
        reply = first.post("purge-queue")
    assert reply.status_code == 200


@check(84, "a 429 is JSON and says in Retry-After when to come again", is_slow=True)
def c84(stage):
    endpoint = stage.parked(limits={"status": {"per10s": 1, "concurrent": 1}})
    for _ in range(51):
        endpoint.run({})
    replies = [endpoint.post("run", json={"input": 1})]
    job_path = endpoint.path("status", endpoint.started[0])
    assert_limit(stage, "GET", job_path, 1)
    replies += [reply for _ in range(3) if
                (reply := stage.up.get(job_path)).status_code == 429]
    hold(stage, endpoint, "POST", "status/" + endpoint.started[0], 1)
    time.sleep(0.3)
    replies.append(stage.raw("GET", job_path))
    for reply in replies:
        assert_error(reply, 429)
        assert 1 <= int(reply.headers["Retry-After"]) <= 10
