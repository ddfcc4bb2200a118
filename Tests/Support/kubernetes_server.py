"""The API server of a small cluster for tests, with the controllers that matter: Jobs make pods, owners take what they
own with them, a pod that ends ends its Job. Strict: what a real one would refuse, this one refuses too.

usage: kubernetes_server.py PORT ROLE [--token TOKEN] [--tls CERTIFICATE KEY CLIENT_AUTHORITY]
ROLE is the YAML file with the rights that holders of the token have in the namespace "builder", the only one there is.
A client certificate may do everything, and so may anybody where neither a token nor TLS is asked for.
POST /_control {"do": …}     plays kubelet, person or misfortune; see `Control`
GET /_control/requests       what was asked for so far
GET /_control/objects        everything there is
"""
import argparse
import json
import re
import ssl
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from kubernetes_cluster import KINDS, Cluster, Refused, check_job, check_metadata, check_secret, keys, selects


class Control:
    """Orders of a test: {"do": name, …}."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.faults = []
        self.denied = set()

    def perform(self, order):
        return getattr(self, "do_" + order.pop("do"))(**order)

    def do_settings(self, **settings):
        self.cluster.settings.update(settings)

    def do_pod(self, job, status=None, node=None):
        """Plays scheduler and kubelet for the Job's pods."""
        for pod in self.cluster.pods(job):
            if node:
                pod["spec"]["nodeName"] = node
            if status:
                pod["status"] = status
            self.cluster.note("MODIFIED", "pods", pod)
            if status and status.get("phase") == "Failed":
                self.cluster.finish(job, {
                    "type": "Failed", "reason": "BackoffLimitExceeded",
                    "message": "Job has reached the specified backoff limit"})
            if status and status.get("phase") == "Succeeded":
                self.cluster.finish(job, {"type": "Complete"})

    def do_finish(self, job, type, reason, message):
        for pod in self.cluster.pods(job):
            self.cluster.objects.pop(("pods", pod["metadata"]["name"]))
            self.cluster.note("DELETED", "pods", pod)
        self.cluster.finish(job, {"type": type, "reason": reason, "message": message})

    def do_event(self, job, reason, message, pod=True, type="Warning"):
        thing = self.cluster.pods(job)[0] if pod else self.cluster.objects["jobs", job]
        self.cluster.event(thing["metadata"]["uid"], type, reason, message)

    def do_delete(self, plural, name=None, job=None):
        for pod in self.cluster.pods(job) if job else []:
            self.cluster.delete("pods", pod["metadata"]["name"], {})
        if name:
            self.cluster.delete(plural, name, {"propagationPolicy": "Background"})

    def do_create(self, plural, object):
        self.cluster.create(plural, object)

    def do_compact(self):
        """What has happened so far can't be watched any more, but by those who watch already."""
        self.cluster.forgotten = self.cluster.version

    def do_cut(self):
        """Cuts every watch in the middle of a line."""
        self.cluster.cuts += 1
        self.cluster.lock.notify_all()

    def do_fault(self, **fault):
        """{"count", "method", "containing", and "status", "delay" (seconds), "drop": "before" | "after" it takes effect}"""
        self.faults.append(fault)

    def do_calm(self):
        """No more faults."""
        self.faults = []

    def do_deny(self, verb, resource):
        self.denied.add((verb, resource))


def rights_of(path):
    """The rules of a Role that is written with one rule a line."""
    rules = set()
    line = re.compile(r'\s*- \{apiGroups: \[(.*?)\], resources: \[(.*?)\], verbs: \[(.*?)\]\}')
    with open(path) as file:
        for match in filter(None, map(line.match, file)):
            groups, plurals, verbs = ([word.strip(' "') for word in part.split(",")] for part in match.groups())
            rules |= {(verb, plural) for verb in verbs for plural in plurals}
    return rules


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.answer()

    do_POST = do_DELETE = do_PATCH = do_PUT = do_GET

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        if url.path.startswith("/_control"):
            return self.control(url.path, body)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        record = {
            "method": self.command, "path": url.path, "query": query, "body": body.decode(),
            "authorization": self.headers.get("Authorization", ""),
        }
        requests.append(record)
        fault = self.fault()
        if fault.get("delay"):
            time.sleep(fault["delay"])
        if fault.get("drop") == "before":
            return self.hang_up()
        try:
            if "status" in fault:
                raise Refused(fault["status"], fault.get("reason", ""), fault.get("message", "told to fail"))
            result, code = self.perform(url.path, query, body)
        except Refused as refused:
            result, code = refused.status, refused.code
        except (KeyError, ValueError, TypeError) as error:
            result, code = Refused(400, "BadRequest", f"the object can't be read: {error!r}").status, 400
        record["status"] = code
        if fault.get("drop") == "after":
            return self.hang_up()
        if result is not None:
            self.reply(code, result)

    def fault(self):
        with cluster.lock:
            for fault in control.faults:
                fits = fault.get("method", self.command) == self.command and fault.get("containing", "") in self.path
                if fits and fault["count"] > 0:
                    fault["count"] -= 1
                    return fault
        return {}

    def hang_up(self):
        self.close_connection = True
        self.connection.shutdown(2)

    def reply(self, code, result):
        text = json.dumps(result).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def control(self, path, body):
        with cluster.lock:
            if self.command == "POST":
                control.perform(json.loads(body))
                return self.reply(200, {})
            if path == "/_control/requests":
                return self.reply(200, requests)
            return self.reply(200, [thing for _, thing in sorted(cluster.objects.items())])

    def user(self):
        """None: may do everything."""
        if not arguments.token and not arguments.tls:
            return None
        if arguments.tls and self.connection.getpeercert():
            return None
        if not arguments.token or self.headers.get("Authorization") != f"Bearer {arguments.token}":
            raise Refused(401, "Unauthorized", "Unauthorized")
        return "system:serviceaccount:builder:quay-builder"

    def perform(self, path, query, body):
        match = re.fullmatch(r"/(api|apis/batch)/v1/namespaces/([^/]+)/([a-z]+)(?:/([^/]+))?", path)
        if not match or KINDS.get(match[3], ("?",))[0] != ("batch" if "batch" in match[1] else ""):
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        namespace, plural, name = match[2], match[3], match[4]
        verb = {
            "GET": "get" if name else "watch" if query.get("watch") in ("true", "1") else "list", "POST": "create",
            "DELETE": "delete" if name else "deletecollection",
        }.get(self.command, self.command.lower())
        user = self.user()
        may = user is None or namespace == "builder" and (verb, plural) in rights
        if not may or (verb, plural) in control.denied:
            group = KINDS[plural][0]
            raise Refused(
                403, "Forbidden", f'{plural}{"." + group if group else ""} is forbidden: User "{user}" cannot {verb} '
                f'resource "{plural}" in API group "{group}" in the namespace "{namespace}"', {"kind": plural})
        if "application/json" not in self.headers.get("Accept", "*/*").replace("*/*", "application/json"):
            raise Refused(406, "NotAcceptable", "only JSON is served")
        if body and self.headers.get("Content-Type") != "application/json":
            raise Refused(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
        thing = json.loads(body) if body else {}
        allowed = {"list": "labelSelector fieldSelector limit continue resourceVersion",
                   "watch": "labelSelector watch allowWatchBookmarks resourceVersion timeoutSeconds",
                   "deletecollection": "labelSelector"}.get(verb, "")
        for key in query:
            if key not in allowed.split():
                raise Refused(400, "BadRequest", f"unknown parameter {key}")
        if verb == "watch":
            return self.watch(plural, query), 200
        with cluster.lock:
            return getattr(self, verb)(namespace, plural, name, query, thing)

    def create(self, namespace, plural, name, query, thing):
        if namespace != "builder":
            raise Refused(404, "NotFound", f'namespaces "{namespace}" not found', {"name": namespace, "kind": "namespaces"})
        group, kind = KINDS[plural]
        if (thing.get("apiVersion"), thing.get("kind")) != (f"{group}/v1" if group else "v1", kind):
            raise Refused(400, "BadRequest", "the API version or the kind does not match the path")
        check_metadata(thing["metadata"], namespace)
        {"jobs": check_job, "secrets": check_secret}[plural](thing)
        return cluster.create(plural, thing), 201

    def get(self, namespace, plural, name, query, thing):
        try:
            return cluster.objects[plural, name], 200
        except KeyError:
            raise Refused(404, "NotFound", f'{plural} "{name}" not found', {"name": name, "kind": plural})

    def chosen(self, plural, query):
        wanted = dict(part.split("=", 1) for part in filter(None, query.get("fieldSelector", "").split(",")))
        for key in wanted:
            if key != "involvedObject.uid" or plural != "events":
                raise Refused(400, "BadRequest", f"field label not supported: {key}")
        return [
            thing for (kind, _), thing in sorted(cluster.objects.items())
            if kind == plural and selects(query.get("labelSelector", ""), thing["metadata"].get("labels", {}))
            and wanted.get("involvedObject.uid", thing.get("involvedObject", {}).get("uid"))
            == thing.get("involvedObject", {}).get("uid")
        ]

    def list(self, namespace, plural, name, query, thing):
        things = self.chosen(plural, query) if namespace == "builder" else []
        begin = int(query.get("continue") or 0)
        size = min(int(query.get("limit") or 500), arguments.page)
        metadata = {"resourceVersion": str(cluster.version)}
        if begin + size < len(things):
            metadata["continue"] = str(begin + size)
        return {
            "kind": KINDS[plural][1] + "List", "apiVersion": "v1", "metadata": metadata,
            "items": [{k: v for k, v in thing.items() if k not in ("apiVersion", "kind")}
                      for thing in things[begin:begin + size]],
        }, 200

    def delete(self, namespace, plural, name, query, thing):
        keys(thing, "apiVersion kind propagationPolicy gracePeriodSeconds preconditions", "DeleteOptions")
        return cluster.delete(plural, name, thing), 200

    def deletecollection(self, namespace, plural, name, query, thing):
        keys(thing, "apiVersion kind propagationPolicy gracePeriodSeconds preconditions", "DeleteOptions")
        if not query.get("labelSelector"):
            raise Refused(400, "BadRequest", "a test that deletes everything is wrong")
        things = self.chosen(plural, query)
        for found in things:
            cluster.delete(plural, found["metadata"]["name"], thing)
        return {"kind": "List", "apiVersion": "v1", "metadata": {}, "items": things}, 200

    def watch(self, plural, query):
        """Streams until the time is over; the answer is written here."""
        version = int(query["resourceVersion"])
        end = time.monotonic() + int(query["timeoutSeconds"])
        gone = Refused(410, "Expired", "too old resource version").status
        with cluster.lock:
            is_gone, cuts = version < cluster.forgotten, cluster.cuts
        if is_gone and cluster.settings["gone"] == "status":
            raise Refused(410, "Expired", "too old resource version")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if is_gone:
            self.chunk({"type": "ERROR", "object": gone})
        quiet = time.monotonic()
        while not is_gone and time.monotonic() < end:
            with cluster.lock:
                cluster.lock.wait(min(0.2, cluster.settings["bookmarks"]))
                news = [entry for entry in cluster.history if entry[0] > version and entry[1] == plural]
                latest, is_cut = cluster.version, cluster.cuts != cuts
            if is_cut:
                half = b'{"type":"MODIFIED","obj'
                self.wfile.write(b"%x\r\n" % (len(half) + 10) + half)
                self.wfile.flush()
                return self.hang_up()
            for number, _, kind, thing in news:
                version = number
                if selects(query.get("labelSelector", ""), thing["metadata"].get("labels", {})):
                    self.chunk({"type": kind, "object": thing})
            if news:
                quiet = time.monotonic()
            elif query.get("allowWatchBookmarks") == "true" and time.monotonic() - quiet > cluster.settings["bookmarks"]:
                version, quiet = max(version, latest), time.monotonic()
                self.chunk({"type": "BOOKMARK", "object": {
                    "kind": KINDS[plural][1], "apiVersion": "v1", "metadata": {"resourceVersion": str(version)}}})
        self.wfile.write(b"0\r\n\r\n")

    def chunk(self, value):
        text = json.dumps(value).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.wfile.flush()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("role")
parser.add_argument("--token")
parser.add_argument("--page", type=int, default=500)
parser.add_argument("--tls", nargs=3)
arguments = parser.parse_args()
rights = rights_of(arguments.role)
cluster = Cluster()
control = Control(cluster)
requests = []
server = Server(("127.0.0.1", arguments.port), Handler)
if arguments.tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*arguments.tls[:2])
    context.load_verify_locations(arguments.tls[2])
    context.verify_mode = ssl.CERT_OPTIONAL
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(f"Serving on {arguments.port} with {len(rights)} rights", flush=True)
server.serve_forever()
