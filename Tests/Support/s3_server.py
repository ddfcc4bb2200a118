"""An S3 service for tests: moto behind a gate that checks signatures, which moto does not, and can be told to fail.

usage: s3_server.py PORT ACCESS_KEY SECRET_KEY
PUT /_gate/NAME, GET /_gate/NAME?…                             makes a bucket, or lists it, without a signature
POST /_gate?fail=N&status=503[&method=PUT][&containing=TEXT]   the next N requests that fit fail with that status
GET /_gate                                                     how many requests came, by method, since the last GET
"""
import io
import logging
import sys
import threading
from urllib.parse import parse_qs

from aws_gate import Handler, Refused, check
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

PORT, ACCESS_KEY, SECRET_KEY = int(sys.argv[1]), sys.argv[2], sys.argv[3]


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
            check(environ, body, ACCESS_KEY, SECRET_KEY)
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


logging.getLogger("werkzeug").setLevel(logging.INFO)
run_simple("127.0.0.1", PORT, Gate(DomainDispatcherApplication(create_backend_app)), threaded=True,
           request_handler=Handler)
