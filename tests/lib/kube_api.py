"""A Kubernetes API server in a few hundred lines: list, watch, create, merge-patch and delete of
Deployments and pods, with resource versions, conflicts, preconditions, 410, and faults on demand.

Its objects live in Objects; kube_node.py plays the controllers and the kubelet on them."""

import collections
import copy
import http.server
import json
import re
import shutil
import ssl
import subprocess
import threading
import time
import urllib.parse
import uuid

KINDS = {"pods": ("v1", "Pod"), "deployments": ("apps/v1", "Deployment")}
PATH = re.compile(r"/(?:api/v1|apis/apps/v1)/namespaces/([^/]+)/(pods|deployments)(?:/([^/]+))?$")


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.message = code, message


def merge(into, patch):
    """RFC 7386."""
    for key, value in patch.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


def fits(labels, selector):
    wanted = dict(part.split("=") for part in selector.split(",") if part)
    return all(labels.get(key) == value for key, value in wanted.items())


class Objects:
    """All objects and the history of their changes."""

    def __init__(self):
        self.changed = threading.Condition(threading.RLock())
        self.version, self.forgotten = 100, 0
        self.items = {kind: {} for kind in KINDS}
        self.history = []  # (version, kind, event type, object)
        self.log = []      # what clients have written: (method, kind, name, body)

    def put(self, kind, item, event):
        with self.changed:
            self.version += 1
            item["metadata"]["resourceVersion"] = str(self.version)
            name = item["metadata"]["name"]
            if event == "DELETED":
                self.items[kind].pop(name, None)
            else:
                self.items[kind][name] = item
            self.history.append((self.version, kind, event, copy.deepcopy(item)))
            self.changed.notify_all()
            return copy.deepcopy(item)

    def all(self, kind):
        with self.changed:
            return copy.deepcopy(list(self.items[kind].values()))

    def get(self, kind, name):
        with self.changed:
            if name not in self.items[kind]:
                raise Refused(404, '%s "%s" not found' % (kind, name))
            return copy.deepcopy(self.items[kind][name])

    def create(self, kind, item):
        with self.changed:
            meta = item["metadata"]
            if "name" not in meta:
                meta["name"] = meta.pop("generateName")[:58] + uuid.uuid4().hex[:5]
            if meta["name"] in self.items[kind]:
                raise Refused(409, '%s "%s" already exists' % (kind, meta["name"]))
            meta["uid"] = str(uuid.uuid4())
            meta["creationTimestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            item["apiVersion"], item["kind"] = KINDS[kind]
            item.setdefault("status", {})
            return self.put(kind, item, "ADDED")

    def patch(self, kind, name, patch):
        with self.changed:
            item, meta = self.get(kind, name), patch.get("metadata", {})
            for key, code in (("resourceVersion", 409), ("uid", 422)):
                if key in meta and meta[key] != item["metadata"][key]:
                    raise Refused(code, "the object has another %s" % key)
            merge(item, patch)
            return self.put(kind, item, "MODIFIED")

    def delete(self, kind, name, options):
        with self.changed:
            item = self.get(kind, name)
            uid = options.get("preconditions", {}).get("uid")
            if uid not in (None, item["metadata"]["uid"]):
                raise Refused(409, "the UID in the precondition does not match")
            if kind == "pods":  # it goes when its containers have ended
                stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                item["metadata"].setdefault("deletionTimestamp", stamp)
                return self.put(kind, item, "MODIFIED")
            return self.put(kind, item, "DELETED")

    # ---- the kubelet
    def report(self, name, uid, status, node):
        with self.changed:
            item = self.items["pods"].get(name)
            if item and item["metadata"]["uid"] == uid and item["status"] != status:
                item = copy.deepcopy(item)
                item["status"] = status
                if node:
                    item["spec"]["nodeName"] = node
                self.put("pods", item, "MODIFIED")

    def gone(self, name, uid):
        with self.changed:
            item = self.items["pods"].get(name)
            if item and item["metadata"]["uid"] == uid:
                self.put("pods", copy.deepcopy(item), "DELETED")

    def forget(self):
        """The history so far: whoever watches from an older version gets 410."""
        with self.changed:
            self.forgotten = self.version
            self.history.clear()

    def since(self, version, kind):
        if version < self.forgotten:
            raise Refused(410, "too old resource version: %d (%d)" % (version, self.forgotten))
        return [entry for entry in self.history if entry[0] > version and entry[1] == kind]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the second part of each answer waits for 40 ms

    def log_message(self, *_):
        pass

    def reply(self, code, body, headers=()):
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def status(self, code, message, headers=()):
        self.reply(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                          "message": message}, headers)

    def serve(self):
        api, parts = self.server.api, urllib.parse.urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        query = {key: value[0] for key, value in urllib.parse.parse_qs(parts.query).items()}
        if self.headers.get("Authorization") != "Bearer " + api.token:
            api.unauthorized += 1
            self.status(401, "Unauthorized")
            return
        time.sleep(api.delay)
        fault = api.next_fault(self.command, "watch" in query)
        if fault:
            self.status(fault, "by order of the test", [("Retry-After", "1")] if fault == 429 else ())
            return
        found = PATH.match(parts.path)
        try:
            if not found or found.group(1) != api.namespace:
                raise Refused(403, "forbidden: " + parts.path)
            self.operate(api, found.group(2), found.group(3), query, body)
        except Refused as refused:
            self.status(refused.code, refused.message)

    do_GET = do_POST = do_PATCH = do_DELETE = serve

    def operate(self, api, kind, name, query, body):
        objects = api.objects
        verb = {"GET": "get" if name else "watch" if "watch" in query else "list", "POST": "create",
                "PATCH": "patch", "DELETE": "delete"}[self.command]
        api.verbs[kind].add(verb)
        if verb == "watch":
            self.watch(api, kind, query)
        elif verb == "list":
            with objects.changed:
                items = [item for item in objects.all(kind)
                         if fits(item["metadata"].get("labels", {}), query["labelSelector"])]
                version = str(objects.version)
            self.reply(200, {"kind": KINDS[kind][1] + "List", "items": items,
                             "metadata": {"resourceVersion": version}})
        elif verb == "get":
            self.reply(200, objects.get(kind, name))
        else:
            objects.log.append((verb, kind, name or body["metadata"]["name"], copy.deepcopy(body)))
            if verb == "create":
                self.reply(201, objects.create(kind, body))
            elif verb == "patch":
                assert self.headers["Content-Type"] == "application/merge-patch+json"
                self.reply(200, objects.patch(kind, name, body))
            else:
                self.reply(200, objects.delete(kind, name, body))

    def send_event(self, event, item):
        data = json.dumps({"type": event, "object": item}).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def watch(self, api, kind, query):
        version, objects = int(query["resourceVersion"]), api.objects
        generation, end = api.watch_generation, time.monotonic() + float(query["timeoutSeconds"])
        with objects.changed:
            objects.since(version, kind)  # 410 as a status when it is too old already
            api.watches[kind] += 1
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        while generation == api.watch_generation and time.monotonic() < end:
            try:
                with objects.changed:
                    entries = objects.since(version, kind)
                    if not entries:
                        objects.changed.wait(0.2)
                        entries = objects.since(version, kind)
                    newest = objects.version
            except Refused as refused:
                self.send_event("ERROR", {"kind": "Status", "code": refused.code,
                                          "message": refused.message})
                break
            for _, _, event, item in entries:
                if fits(item["metadata"].get("labels", {}), query["labelSelector"]):
                    self.send_event(event, item)
            if not entries and newest > version + 20:
                self.send_event("BOOKMARK", {"kind": KINDS[kind][1], "metadata": {
                    "resourceVersion": str(newest)}})
                version = newest
            version = max([version, *(entry[0] for entry in entries)])
        if generation == api.watch_generation:
            self.wfile.write(b"0\r\n\r\n")  # else it just breaks off

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


class KubeApi:
    def __init__(self, folder, namespace="millrace"):
        self.namespace, self.objects = namespace, Objects()
        self.token_file = folder / "token"
        self.verbs = collections.defaultdict(set)
        self.watches = collections.Counter()  # by kind, begun
        self.faults, self.delay, self.watch_generation, self.unauthorized = [], 0, 0, 0
        self.port, self.ca_file, self.key_file = 0, folder / "ca.crt", folder / "ca.key"
        self.tls = self.make_certificate() if shutil.which("openssl") else None
        self.rotate_token()
        self.start()

    def start(self):
        self.server = Server(("127.0.0.1", self.port), Handler)
        if self.tls:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True,
                                                      do_handshake_on_connect=False)
        self.server.api, self.port = self, self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def make_certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=kube",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(self.key_file),
                        "-out", str(self.ca_file)], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_file, self.key_file)
        return context

    def settings(self):
        """Of the scheduler."""
        found = {"MILLRACE_KUBERNETES_URL": self.url,
                 "MILLRACE_KUBERNETES_TOKEN_FILE": str(self.token_file),
                 "MILLRACE_KUBERNETES_NAMESPACE": self.namespace}
        return {**found, "MILLRACE_KUBERNETES_CA": str(self.ca_file)} if self.tls else found

    def stop(self):
        """As when it is restarted: what it knows stays, connections do not."""
        self.server.shutdown()
        self.server.server_close()
        self.drop_watches()

    def rotate_token(self):
        self.token = uuid.uuid4().hex
        self.token_file.write_text(self.token + "\n")

    def writes(self):
        """(verb, kind, name, body) of what clients have written."""
        return list(self.objects.log)

    def drop_watches(self):
        self.watch_generation += 1

    def fail(self, *codes):
        """The next writes are answered so."""
        self.faults += codes

    def next_fault(self, method, is_watch):
        return self.faults.pop(0) if self.faults and method != "GET" and not is_watch else None

    @property
    def url(self):
        return "%s://127.0.0.1:%d" % ("https" if self.tls else "http", self.port)
