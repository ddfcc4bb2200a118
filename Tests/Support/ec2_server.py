"""An EC2 service for tests: moto behind a gate that is as strict as EC2 where moto is not, and can be told to fail.

usage: ec2_server.py PORT ACCESS_KEY SECRET_KEY
The gate checks signatures, keeps the promise of client tokens, limits user data, and shows new instances late when told.
POST /_gate?fail=N&code=CODE&status=503[&action=NAME][&after=1]   the next N calls that fit fail with that code; with
                                                                  `after` they are carried out all the same
POST /_gate?hide=N                                                the next N DescribeInstances don't show new instances
POST /_gate?drop=1                                                the next RunInstances is carried out, the answer lost
GET /_gate                                                        one line for each call so far: its parameters
GET /_gate/instances?NAME=VALUE                                   one line for each instance with that tag: id and state
GET /_gate/streams/stable.json                                    the description of a stream of Fedora CoreOS
"""
import io
import json
import logging
import os
import re
import sys
import tempfile
import threading
from base64 import b64decode
from urllib.parse import parse_qs
from xml.etree import ElementTree

IMAGE = "ami-0c05e5c05e5c05e50"
with tempfile.NamedTemporaryFile("w", suffix=".json") as images:
    json.dump([{"ami_id": IMAGE, "name": "fedora-coreos", "description": "of a test", "owner_id": "125523088429",
                "architecture": "x86_64", "root_device_name": "/dev/xvda", "root_device_type": "ebs", "public": True,
                "virtualization_type": "hvm", "hypervisor": "xen"}], images)
    images.flush()
    # Read when the module is imported: the many images that moto knows by itself cost seconds.
    os.environ["MOTO_AMIS_PATH"] = images.name
    import moto.ec2.models

from aws_gate import Handler, Refused, check
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

PORT, ACCESS_KEY, SECRET_KEY = int(sys.argv[1]), sys.argv[2], sys.argv[3]


class Gate:
    def __init__(self, inner):
        self.inner = inner
        self.lock = threading.RLock()
        self.orders = []
        self.hidden = 0
        self.drops = 0
        self.tokens = {}
        self.calls = []
        self.fresh = set()

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"].startswith("/_gate"):
            return self.gate(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            check(environ, body, ACCESS_KEY, SECRET_KEY)
        except Refused as refused:
            code = {"SignatureDoesNotMatch": "AuthFailure"}.get(refused.args[0], refused.args[0])
            return self.refuse(start_response, 401, code, refused.args[1])
        values = {name: value[0] for name, value in parse_qs(body.decode(), keep_blank_values=True).items()}
        with self.lock:
            return self.call(environ, start_response, body, values)

    def call(self, environ, start_response, body, values):
        action = values.get("Action", "")
        self.calls.append(values)
        for order in self.orders:
            if order["left"] > 0 and order["action"] in ("", action):
                order["left"] -= 1
                if order["after"]:
                    self.forward(environ, body, values)
                return self.refuse(start_response, order["status"], order["code"], "as told")
        if values.get("Version") != "2016-11-15":
            return self.refuse(start_response, 400, "InvalidParameterValue", "the version is not 2016-11-15")
        if len(b64decode(values.get("UserData", ""))) > 16384:
            return self.refuse(start_response, 400, "InvalidParameterValue", "User data is limited to 16384 bytes")
        status, headers, answer = self.forward(environ, body, values)
        if action == "RunInstances" and self.drops > 0:
            self.drops -= 1
            raise ConnectionError("the answer is lost, as told")
        start_response(status, headers)
        return answer

    def forward(self, environ, body, values):
        action, token = values.get("Action", ""), values.get("ClientToken")
        if action == "RunInstances" and token in self.tokens:
            known, result = self.tokens[token]
            if known != values:
                return self.error(400, "IdempotentParameterMismatch", "the token was used for another launch")
            return result
        environ["wsgi.input"] = io.BytesIO(body)
        head = []
        answer = b"".join(self.inner(environ, lambda status, headers, info=None: head.extend((status, headers))))
        result = (head[0], head[1], [answer])
        if action == "RunInstances" and head[0].startswith("200"):
            self.fresh.update(re.findall(r"<instanceId>([^<]*)", answer.decode()))
            if token:
                self.tokens[token] = (values, result)
        if action == "DescribeInstances":
            if self.hidden > 0:
                self.hidden -= 1
                answer = self.without(self.fresh, answer)
                return head[0], [("Content-Type", "text/xml"), ("Content-Length", str(len(answer)))], [answer]
            self.fresh.clear()
        return result

    @staticmethod
    def without(ids, answer):
        tree = ElementTree.fromstring(answer)
        for instances in tree.iter():
            for item in [item for item in instances if item.findtext("{*}instanceId") in ids]:
                instances.remove(item)
        return ElementTree.tostring(tree)

    def gate(self, environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/_gate/streams/stable.json":
            regions = {"eu-west-1": {"release": "1", "image": IMAGE}}
            text = json.dumps({"stream": "stable", "architectures": {
                "x86_64": {"artifacts": {}, "images": {"aws": {"regions": regions}}}, "s390x": {"images": {}}}})
        elif path == "/_gate/instances":
            tags = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
            backend = moto.ec2.models.ec2_backends["123456789012"]["eu-west-1"]
            found = [instance for instance in backend.all_instances()
                     if tags.items() <= {tag["key"]: tag["value"] for tag in instance.get_tags()}.items()]
            text = "\n".join(f"{instance.id} {instance.state}" for instance in found)
        elif path.startswith("/_gate/"):
            start_response("404 Not Found", [])
            return [b""]
        elif environ["REQUEST_METHOD"] == "GET":
            with self.lock:
                text = "\n".join(json.dumps(call, sort_keys=True) for call in self.calls)
        else:
            text = ""
            query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
            with self.lock:
                if "fail" in query:
                    self.orders = [{
                        "left": int(query["fail"]), "status": int(query.get("status", "503")),
                        "code": query.get("code", "Unavailable"), "action": query.get("action", ""),
                        "after": "after" in query,
                    }]
                self.hidden = int(query.get("hide", self.hidden))
                self.drops = int(query.get("drop", self.drops))
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text.encode())))])
        return [text.encode()]

    def refuse(self, start_response, status, code, message):
        status, headers, answer = self.error(status, code, message)
        start_response(status, headers)
        return answer

    @staticmethod
    def error(status, code, message):
        body = (f"<?xml version='1.0' encoding='UTF-8'?><Response><Errors><Error><Code>{code}</Code>"
                f"<Message>{message}</Message></Error></Errors><RequestID>1</RequestID></Response>").encode()
        return f"{status} Refused", [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))], [body]


logging.getLogger("werkzeug").setLevel(logging.INFO)
run_simple("127.0.0.1", PORT, Gate(DomainDispatcherApplication(create_backend_app)), threaded=True,
           request_handler=Handler)
