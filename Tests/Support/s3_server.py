"""An S3 service for tests: moto behind a gate that checks signatures, which moto does not, and can be told to fail.

usage: s3_server.py PORT ACCESS_KEY SECRET_KEY
PUT /_gate/NAME, GET /_gate/NAME?…                             makes a bucket, or lists it, without a signature
POST /_gate?fail=N&status=503[&method=PUT][&containing=TEXT]   the next N requests that fit fail with that status
GET /_gate                                                     how many requests came, by method, since the last GET
"""
import hashlib
import hmac
import io
import logging
import sys
import threading
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, unquote

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple

PORT, ACCESS_KEY, SECRET_KEY = int(sys.argv[1]), sys.argv[2], sys.argv[3]


class Refused(Exception):
    pass


def keyed(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def check(environ, body):
    """Recomputes the signature of a request from what came over the wire."""
    path, _, query = environ["RAW_URI"].partition("?")
    pairs = [pair.partition("=")[::2] for pair in query.split("&")] if query else []
    values = {unquote(name): unquote(value) for name, value in pairs}
    if "X-Amz-Signature" in values:
        credential, names, signature = (values["X-Amz-" + n] for n in ("Credential", "SignedHeaders", "Signature"))
        time, payload = values["X-Amz-Date"], "UNSIGNED-PAYLOAD"
        pairs = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
        end = datetime.strptime(time, "%Y%m%dT%H%M%SZ") + timedelta(seconds=int(values["X-Amz-Expires"]))
        if end.replace(tzinfo=timezone.utc) < datetime.now(timezone.utc):
            raise Refused("AccessDenied", "Request has expired")
        if "HTTP_AUTHORIZATION" in environ:
            raise Refused("InvalidArgument", "Only one auth mechanism allowed")
    else:
        header = environ.get("HTTP_AUTHORIZATION", "")
        if not header.startswith("AWS4-HMAC-SHA256 "):
            raise Refused("AccessDenied", "Access Denied")
        parts = dict(part.strip().split("=", 1) for part in header.split(" ", 1)[1].split(","))
        credential, names, signature = parts["Credential"], parts["SignedHeaders"], parts["Signature"]
        time, payload = environ["HTTP_X_AMZ_DATE"], environ["HTTP_X_AMZ_CONTENT_SHA256"]
        if payload != "UNSIGNED-PAYLOAD" and payload != hashlib.sha256(body).hexdigest():
            raise Refused("XAmzContentSHA256Mismatch", "The payload is another one")
    key, _, scope = credential.partition("/")
    if key != ACCESS_KEY:
        raise Refused("InvalidAccessKeyId", "The access key does not exist")
    headers = []
    for name in names.split(";"):
        value = environ.get("HTTP_" + name.upper().replace("-", "_")) or environ.get(name.upper().replace("-", "_"))
        headers.append(f"{name}:{' '.join((value or '').split())}\n")
    canonical = "\n".join([
        environ["REQUEST_METHOD"], path, "&".join("=".join(pair) for pair in sorted(pairs)), "".join(headers), names,
        payload,
    ])
    secret = ("AWS4" + SECRET_KEY).encode()
    for part in scope.split("/"):
        secret = keyed(secret, part)
    text = "\n".join(["AWS4-HMAC-SHA256", time, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    if not hmac.compare_digest(keyed(secret, text).hex(), signature):
        raise Refused("SignatureDoesNotMatch", "The signature does not match")


class Gate:
    def __init__(self, inner):
        self.inner = inner
        self.lock = threading.Lock()
        self.orders = []
        self.counts = {}

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"].startswith("/_gate/"):
            path = environ["PATH_INFO"][len("/_gate"):]
            environ.update(PATH_INFO=path, RAW_URI=path, REQUEST_URI=path)
            return self.inner(environ, start_response)
        if environ["PATH_INFO"] == "/_gate":
            return self.order(environ, start_response)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        method = environ["REQUEST_METHOD"]
        with self.lock:
            self.counts[method] = self.counts.get(method, 0) + 1
            for order in self.orders:
                if order["left"] > 0 and order["method"] in ("", method) and order["containing"] in environ["RAW_URI"]:
                    order["left"] -= 1
                    return self.refuse(start_response, order["status"], "SlowDown", "Please reduce your request rate.")
        try:
            check(environ, body)
        except Refused as refused:
            return self.refuse(start_response, 403, *refused.args)
        except (KeyError, ValueError) as error:
            return self.refuse(start_response, 400, "InvalidArgument", repr(error))
        environ["wsgi.input"] = io.BytesIO(body)
        return self.inner(environ, start_response)

    def order(self, environ, start_response):
        if environ["REQUEST_METHOD"] == "GET":
            with self.lock:
                text = " ".join(f"{method}={count}" for method, count in sorted(self.counts.items()))
                self.counts = {}
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [text.encode()]
        query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
        with self.lock:
            self.orders = [{
                "left": int(query["fail"]), "status": int(query.get("status", "503")),
                "method": query.get("method", ""), "containing": query.get("containing", ""),
            }]
        start_response("204 No Content", [])
        return [b""]

    @staticmethod
    def refuse(start_response, status, code, message):
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        start_response(f"{status} Refused", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body]


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"


logging.getLogger("werkzeug").setLevel(logging.INFO)
run_simple("127.0.0.1", PORT, Gate(DomainDispatcherApplication(create_backend_app)), threaded=True,
           request_handler=Handler)
