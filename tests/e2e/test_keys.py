"""API keys: told once, kept as SHA-256, limited by scopes, dead everywhere once revoked."""

import hashlib
import re
import time

import pytest
import redis
import requests

from documents import document
from transitions import wait_for

ALL = ["run", "read", "cancel", "purge", "admin"]


def caller(up, key, port=None):
    """call(method, path, json) with that key."""
    session = requests.Session()
    session.headers["Authorization"] = "Bearer " + key

    def call(method, path, json=None):
        url = "http://127.0.0.1:%d%s" % (port or up.port, path)
        return session.request(method, url, json=json, timeout=60)
    return call


@pytest.fixture
def make_key(up):
    """make_key(scopes, ...): the record of a new key with the key itself; revoked afterwards."""
    made = []

    def make(scopes, name="test", **more):
        reply = up.post("/v1/keys", {"name": name, "scopes": scopes, **more})
        assert reply.status_code == 200, reply.text
        made.append(reply.json()["id"])
        return reply.json()
    yield make
    for key_id in made:
        up.request("DELETE", "/v1/keys/" + key_id)


@pytest.fixture
def store(up):
    return redis.Redis(unix_socket_path=str(next((up.data / "redis").glob("*.sock"))),
                       decode_responses=True)


def test_a_key_is_told_once(up, make_key, store):
    made = make_key({"*": ["read"]}, name="once")
    assert re.fullmatch(r"mr_[a-z0-9]{40,}", made["key"])
    shown = up.get("/v1/keys/" + made["id"])
    assert shown.status_code == 200
    assert shown.json() == {field: made[field] for field in ("id", "name", "scopes", "createdAt")}
    assert abs(shown.json()["createdAt"] - time.time() * 1000) < 60000
    listed = up.get("/v1/keys")
    assert made["id"] in [key["id"] for key in listed.json()]
    digest = hashlib.sha256(made["key"].encode()).hexdigest()
    for text in (shown.text, listed.text, *up.logs().values()):
        assert made["key"] not in text and digest not in text
    assert store.hexists("mr:{sys}:keys", digest)
    assert made["key"] not in str(store.hgetall("mr:{sys}:keys"))


def test_keys_are_listed_by_age(up, make_key):
    ids = [make_key({"*": ["read"]})["id"] for _ in range(3)]
    ours = [key for key in up.get("/v1/keys").json() if key["id"] in ids]
    assert {key["id"] for key in ours} == set(ids)
    ages = [key["createdAt"] for key in ours]  # of one millisecond, some may be
    assert ages == sorted(ages)


@pytest.mark.parametrize("body, words", [
    ({"scopes": {"*": ["read"]}}, ["name"]),
    ({"name": "", "scopes": {"*": ["read"]}}, ["name"]),
    ({"name": "n"}, ["scopes"]),
    ({"name": "n", "scopes": {}}, ["scopes"]),
    ({"name": "n", "scopes": {"*": ["fly"]}}, ["scopes.*", '"fly"', '"run"']),
    ({"name": "n", "scopes": {"No": ["run"]}}, ["scopes", "No"]),
    ({"name": "n", "scopes": {"*": ["run"]}, "expiresAt": 1000}, ["expiresAt", "1000", "time to come"]),
    ({"name": "n", "scopes": {"*": ["run"]}, "expiresAt": "soon"}, ["expiresAt", "soon", "1970"]),
    ({"name": "n", "scopes": {"*": ["run"]}, "colour": 1}, ["colour", "expiresAt"]),
    ([], ["object"]),
])
def test_refusals_name_field_value_and_what_is_allowed(up, body, words):
    reply = up.post("/v1/keys", body)
    assert reply.status_code == 400
    for word in words:
        assert word in reply.json()["error"], reply.text


def test_unknown_key_ids(up):
    assert up.get("/v1/keys/nobody").status_code == 404
    assert up.request("DELETE", "/v1/keys/nobody").status_code == 404


def calls_of(endpoint, job="none"):
    """One call for each permission of the data plane, and the status of one that is allowed."""
    return {
        "run": ("POST", endpoint.path("run"), {"input": {}}, 200),
        "read": ("GET", endpoint.path("health"), None, 200),
        "cancel": ("POST", endpoint.path("cancel", job), None, 404),
        "purge": ("POST", endpoint.path("purge-queue"), None, 200),
        "admin": ("GET", "/v1/endpoints/" + endpoint.id, None, 200),
    }


@pytest.mark.parametrize("scope", ALL)
def test_a_scope_allows_its_own_calls_only(up, parked, make_key, scope):
    call = caller(up, make_key({parked.id: [scope]})["key"])
    for needed, (method, path, json, status) in calls_of(parked).items():
        reply = call(method, path, json)
        assert reply.status_code == (status if needed == scope else 403), (needed, reply.text)
        if needed != scope:
            assert '"%s"' % needed in reply.json()["error"]


def test_reading_covers_all_reading_calls(up, parked, make_key):
    call = caller(up, make_key({parked.id: ["read"]})["key"])
    job = parked.run({})
    for path in ("status/" + job, "requests", "health"):
        assert call("GET", parked.path(path)).status_code == 200
    assert call("POST", parked.path("retry", job)).status_code == 403
    assert call("GET", parked.path("status", "nobody")).status_code == 404


def test_scopes_of_one_endpoint_end_there(up, make_endpoint, make_key):
    mine, other = [make_endpoint({"command": ["true"]}, workersMax=0) for _ in range(2)]
    call = caller(up, make_key({mine.id: ALL})["key"])
    assert call("POST", mine.path("run"), {"input": {}}).status_code == 200
    assert call("POST", other.path("run"), {"input": {}}).status_code == 403
    assert call("PATCH", "/v1/endpoints/" + mine.id, {"workersMax": 0}).status_code == 200
    assert call("PATCH", "/v1/endpoints/" + other.id, {"workersMax": 0}).status_code == 403
    for method, path in (("GET", "/v1/endpoints"), ("POST", "/v1/endpoints"), ("GET", "/v1/keys"),
                         ("POST", "/v1/keys"), ("DELETE", "/v1/keys/x")):
        reply = call(method, path, document(mine.id, {"command": ["true"]}))
        assert reply.status_code == 403, path


def test_the_star_holds_everywhere_and_its_admin_is_everything(up, parked, make_key):
    reader = caller(up, make_key({"*": ["read"]})["key"])
    assert reader("GET", parked.path("health")).status_code == 200
    assert reader("GET", "/v1/endpoints").status_code == 403
    admin = caller(up, make_key({"*": ["admin"]})["key"])
    assert admin("POST", parked.path("run"), {"input": {}}).status_code == 200
    assert admin("GET", "/v1/endpoints").status_code == 200
    assert admin("GET", "/v1/keys").status_code == 200


def test_order_of_checks(up, make_endpoint, make_key):
    """auth 401, endpoint 404, permission 403, rate 429, body 413 and 400, job 404"""
    limited = make_endpoint({"command": ["true"]}, workersMax=0,
                            limits={"run": {"per10s": 1}}, payload={"runBytes": 1024})
    reader = caller(up, make_key({limited.id: ["read"]})["key"])
    runner = caller(up, make_key({limited.id: ["run"]})["key"])
    nobody = caller(up, "mr_unknown")
    large = {"input": "x" * 2000}
    assert nobody("POST", "/v2/no-such/run", large).status_code == 401
    assert nobody("POST", limited.path("run"), large).status_code == 401
    assert reader("POST", "/v2/no-such/run", large).status_code == 404
    assert reader("POST", limited.path("run"), large).status_code == 403
    assert runner("POST", limited.path("run"), large).status_code == 413
    assert runner("POST", limited.path("run"), {}).status_code == 400
    assert runner("POST", limited.path("status", "none")).status_code == 403
    assert reader("GET", limited.path("status", "none")).status_code == 404


def test_no_key_and_wrong_forms(up, parked):
    url = "http://127.0.0.1:%d%s" % (up.port, parked.path("health"))
    for header in (None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic eDp5", "x" * 600):
        headers = {} if header is None else {"Authorization": header}
        assert requests.get(url, headers=headers, timeout=30).status_code == 401, header


def test_bare_keys_are_keys(up, parked, make_key):
    key = make_key({parked.id: ["read"]})["key"]
    url = "http://127.0.0.1:%d%s" % (up.port, parked.path("health"))
    for header in (key, "Bearer " + key, "bearer " + key):
        assert requests.get(url, headers={"authorization": header}, timeout=30).status_code == 200


def test_an_end_by_date_is_kept(up, make_key):
    made = make_key({"*": ["read"]}, expiresAt="2099-01-01T00:00:00Z")
    assert made["expiresAt"] == 4070908800000
    assert up.get("/v1/keys/" + made["id"]).json()["expiresAt"] == 4070908800000


def test_a_key_ends_at_its_time(up, parked, make_key):
    made = make_key({parked.id: ["read"]}, expiresAt=int(time.time() * 1000) + 1500)
    call = caller(up, made["key"])
    assert call("GET", parked.path("health")).status_code == 200
    wait_for(lambda: call("GET", parked.path("health")).status_code == 401, 10, "the key's end")
    assert time.time() * 1000 >= made["expiresAt"]


def test_a_revoked_key_is_dead_on_every_node(fresh_up):
    up = fresh_up("--slots", 0, "--agents", 0, "--api-nodes", 2)
    endpoint = up.apply(document("one", {"command": ["true"]}, workersMax=0))
    made = up.post("/v1/keys", {"name": "n", "scopes": {"one": ["read"]}}).json()
    nodes = [caller(up, made["key"], up.port + node) for node in range(2)]
    for call in nodes:
        assert call("GET", endpoint.path("health")).status_code == 200
    assert up.request("DELETE", "/v1/keys/" + made["id"]).status_code == 204
    begun = time.monotonic()
    for call in nodes:
        wait_for(lambda: call("GET", endpoint.path("health")).status_code == 401, 5, "the end")
    assert time.monotonic() - begun < 5
    assert up.request("DELETE", "/v1/keys/" + made["id"]).status_code == 404


def test_a_revocation_that_no_node_hears_counts_within_five_seconds(fresh_up):
    up = fresh_up("--slots", 0, "--agents", 0)
    endpoint = up.apply(document("one", {"command": ["true"]}, workersMax=0))
    made = up.post("/v1/keys", {"name": "n", "scopes": {"one": ["read"]}}).json()
    call = caller(up, made["key"])
    assert call("GET", endpoint.path("health")).status_code == 200
    path = next((up.data / "redis").glob("*.sock"))
    redis.Redis(unix_socket_path=str(path)).delete("mr:{sys}:keys")
    begun = time.monotonic()
    wait_for(lambda: call("GET", endpoint.path("health")).status_code == 401, 6, "the end")
    assert time.monotonic() - begun < 5


def test_keys_survive_a_restart(fresh_up):
    up = fresh_up("--slots", 0, "--agents", 0)
    endpoint = up.apply(document("one", {"command": ["true"]}, workersMax=0))
    made = up.post("/v1/keys", {"name": "n", "scopes": {"one": ["read"]}}).json()
    up.stop()
    up.start()
    assert caller(up, made["key"])("GET", endpoint.path("health")).status_code == 200
