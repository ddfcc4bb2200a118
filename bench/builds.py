"""A build's way: from the API call to its first step, and from the API call to the executor's start call."""
import http.client
import json
import os
import re
import subprocess
import sys
import time

from processes import Process, free_port, wait_for
from sides import PASSWORD, USER


class Manager:
    """A Buildman on the data folder of a RegistryLite."""

    def __init__(self, folder, binaries, data):
        self.metrics_port = free_port()
        self.process = Process(
            [f"{binaries}/Buildman", "serve", "--listen", f"127.0.0.1:{free_port()}", "--metrics",
             f"127.0.0.1:{self.metrics_port}", "--data-dir", data], os.path.join(folder, "buildman.log"))
        wait_for(self.metrics_port, "/metrics")

    def seconds(self, metric):
        """The sum and the count of a timer over all its labels."""
        link = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=10)
        link.request("GET", "/metrics")
        text = link.getresponse().read().decode()
        return tuple(
            sum(float(value) for value in re.findall(rf"^{metric}_{part}(?:{{[^}}]*}})? (\S+)$", text, re.M))
            for part in ("sum", "count"))


class Client:
    def __init__(self, side, token):
        self.link = http.client.HTTPConnection("127.0.0.1", side.port, timeout=60)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, method, path, body=None):
        self.link.request(method, path, body=json.dumps(body) if body is not None else None, headers=self.headers)
        answer = self.link.getresponse()
        text = answer.read()
        assert answer.status < 300, (path, answer.status, text)
        return json.loads(text)

    def put(self, url, body):
        subprocess.run(
            ["curl", "-sS", "--fail", "-X", "PUT", "-H", "Content-Type: application/octet-stream", "--data-binary", "@-", url],
            input=body, check=True, stdout=subprocess.DEVNULL)


def first_step(client, host):
    """Seconds from the API call that starts a build to the first build step in its log."""
    drop = client.call("POST", "/api/v1/filedrop/", {"mimeType": "application/octet-stream"})
    client.put(drop["url"], f"FROM {host}/{USER}/busybox\nRUN true\n".encode())
    start = time.time()
    path = f"/api/v1/repository/{USER}/bench/build/"
    build = client.call("POST", path, {"file_id": drop["file_id"]})["id"]
    entries = []
    while time.time() - start < 60:
        entries = client.call("GET", f"{path}{build}/logs?start=0")["logs"]
        if any(entry.get("type") == "command" for entry in entries):
            break
        time.sleep(0.01)
    else:
        sys.exit(f"The build {build} has not begun within 60 s: {entries}")
    seconds = time.time() - start
    while client.call("GET", f"{path}{build}")["phase"] not in ("complete", "error"):
        time.sleep(0.1)
    return seconds


def measure(side, token, folder, binaries, rounds):
    client, host = Client(side, token), f"127.0.0.1:{side.port}"
    manager = Manager(folder, binaries, side.data)
    try:
        for repository in ("busybox", "bench"):
            client.call("POST", "/api/v1/repository", {
                "repository": repository, "namespace": USER, "visibility": "public", "description": ""})
        subprocess.run(
            ["scripts/make-base-image", os.path.join(folder, "base"), f"{host}/{USER}/busybox:latest"], check=True,
            env={**os.environ, "CREDENTIALS": f"{USER}:{PASSWORD}"}, stdout=subprocess.DEVNULL)
        waits, decisions = [], []
        for _ in range(rounds):
            queue = manager.seconds("quay_build_queue_duration_seconds")
            start = manager.seconds("quay_build_start_duration_seconds")
            waits.append(first_step(client, host))
            now = manager.seconds("quay_build_queue_duration_seconds"), manager.seconds("quay_build_start_duration_seconds")
            # The queue's time ends when the start call has returned: without that call it is the way to the decision.
            decisions.append(((now[0][0] - queue[0]) - (now[1][0] - start[0])) * 1000)
        print(f"API call to the executor's start call: {', '.join(f'{one:.0f}' for one in decisions)} ms")
        print(f"API call to first build step: {', '.join(f'{wait:.2f}' for wait in waits)} s", flush=True)
    finally:
        manager.process.stop()
