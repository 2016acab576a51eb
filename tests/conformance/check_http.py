"""1-12: keys, refusals, and what every reply looks like."""

import time

from stage import JSON_TYPE, assert_error, body_of, read_reply
from table import check


def health_with(stage, **headers):
    path = stage.parked().path("health")
    return stage.raw("GET", path, headers=headers, key=False)


@check(1, "a key after Bearer is accepted")
def c1(stage):
    assert health_with(stage, Authorization="Bearer " + stage.up.key).status_code == 200


@check(2, "a bare key is accepted")
def c2(stage):
    assert health_with(stage, Authorization=stage.up.key).status_code == 200


@check(3, "the header's name and the scheme may be in lower case")
def c3(stage):
    assert health_with(stage, authorization="bearer " + stage.up.key).status_code == 200


@check(4, "without a key: 401, and JSON says why")
def c4(stage):
    assert_error(health_with(stage), 401)


@check(5, "a wrong key: 401")
def c5(stage):
    assert_error(health_with(stage, Authorization="Bearer wrong"), 401)


@check(6, "an unknown endpoint: 404 in JSON")
def c6(stage):
    assert_error(stage.raw("GET", "/v2/no-such-endpoint/health"), 404)
    assert_error(stage.raw("POST", "/v2/no-such-endpoint/run", '{"input":1}'), 404)


@check(7, "an unknown job: 404 in JSON, for each operation on a job")
def c7(stage):
    endpoint = stage.parked()
    for method, operation in (("GET", "status"), ("GET", "stream"), ("GET", "status-sync"),
                              ("POST", "status"), ("POST", "cancel"), ("POST", "retry")):
        assert_error(stage.raw(method, endpoint.path(operation, "no-such-job")), 404)


@check(8, "the wrong method: 405, and Allow names the right one")
def c8(stage):
    reply = stage.raw("GET", stage.parked().path("run"))
    assert_error(reply, 405)
    assert "POST" in reply.headers["Allow"]


@check(9, "every reply is application/json")
def c9(stage):
    endpoint = stage.parked(payload={"runBytes": 1024})
    job_id = endpoint.run({})
    path = endpoint.path
    replies = [stage.raw("POST", path("run"), '{"input":1}'), stage.raw("GET", path("health")),
               stage.raw("GET", path("status", job_id)), stage.raw("GET", path("requests")),
               stage.raw("POST", path("cancel", job_id)), stage.raw("POST", path("purge-queue")),
               stage.raw("GET", path("stream", job_id)), stage.raw("GET", "/nothing/here"),
               stage.raw("POST", path("run"), "{"), stage.raw("POST", path("run"), body_of(1025)),
               stage.raw("DELETE", path("run")), stage.raw("GET", "/v2/none/health"),
               stage.raw("POST", path("retry", job_id)), stage.raw("GET", path("status", "x")),
               stage.raw("GET", path("health"), key=False), stage.raw("POST", path("runsync?wait=1"),
                                                                      '{"input":1}')]
    assert {reply.status_code for reply in replies} >= {200, 400, 401, 404, 405, 413}
    assert {reply.headers["Content-Type"].split(";")[0] for reply in replies} == \
        {"application/json"}
    for reply in replies:
        reply.json()


@check(10, "a cancel with the media type of JSON and no body works")
def c10(stage):
    endpoint = stage.parked()
    for headers in (JSON_TYPE, {}):
        job_id = endpoint.run({})
        reply = stage.raw("POST", endpoint.path("cancel", job_id), headers=headers)
        assert (reply.status_code, reply.json()["status"]) == (200, "CANCELLED")


@check(11, "an upload that waits for 100 Continue gets it, and works")
def c11(stage):
    endpoint = stage.parked()
    body = body_of(1 << 20)
    one = stage.connect(stage.head("POST", endpoint.path("run"), Expect="100-continue",
                                   Content_Length=len(body)))
    assert one.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
    one.sendall(body.encode())
    assert read_reply(one)[0] == 200


@check(12, "one connection serves several requests, also after a minute of silence", is_slow=True)
def c12(stage):
    request = stage.head("GET", stage.parked().path("health"))
    one = stage.connect()
    for pause in (0, 0, 61):
        time.sleep(pause)
        one.sendall(request.encode())
        assert read_reply(one)[0] == 200
