"""Measures RegistryLite against Debian's docker-registry in alternating rounds, then a build's way to its first step.

Both servers run here, on loopback, with their data in temporary folders. Machines are shared and noisy: the ratios of medians
and the CPU seconds count, not the absolute figures.
"""
import argparse
import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BLOB_BYTES = 64 * 1024 * 1024
USER, PASSWORD = "admin", "bench-password-1"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A server process: its CPU seconds and its peak memory are read from /proc."""

    def __init__(self, command, log, **options):
        self.log = log
        self.child = subprocess.Popen(command, stdout=open(log, "a"), stderr=subprocess.STDOUT, **options)

    def cpu_seconds(self):
        fields = open(f"/proc/{self.child.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mebibytes(self):
        status = open(f"/proc/{self.child.pid}/status").read()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.child.kill()


class Side:
    """One registry under test."""

    def __init__(self, name, port, process, repository):
        self.name, self.port, self.process, self.repository = name, port, process, repository
        self.headers = {"Accept": "application/vnd.oci.image.manifest.v1+json"}

    def request(self, method, path, body=None, headers=None, connection=None):
        link = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        link.request(method, path, body=body, headers={**self.headers, **(headers or {})})
        answer = link.getresponse()
        return answer, answer.read()

    def push(self, data):
        """Pushes a blob as docker does: POST, one PATCH, PUT."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        answer, text = self.request("POST", f"/v2/{self.repository}/blobs/uploads/")
        assert answer.status == 202, (self.name, answer.status, text)
        place = self.path(answer)
        answer, text = self.request("PATCH", place, body=data, headers={"Content-Type": "application/octet-stream"})
        assert answer.status == 202, (self.name, answer.status, text)
        place = self.path(answer)
        answer, text = self.request("PUT", place + ("&" if "?" in place else "?") + f"digest={digest}", body=b"")
        assert answer.status == 201, (self.name, answer.status, text)
        return digest

    @staticmethod
    def path(answer):
        return re.sub(r"^https?://[^/]+", "", answer.getheader("Location"))

    def put_manifest(self, config, layer):
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config[0], "size": config[1]},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer[0], "size": layer[1]}],
        }).encode()
        answer, text = self.request(
            "PUT", f"/v2/{self.repository}/manifests/latest", body=manifest,
            headers={"Content-Type": "application/vnd.oci.image.manifest.v1+json"})
        assert answer.status == 201, (self.name, answer.status, text)


def wait_for(port, path, seconds=30):
    deadline = time.time() + seconds
    while time.time() < deadline:
        try:
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            link.request("GET", path)
            if link.getresponse().status < 500:
                return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"Nothing answers on port {port} within {seconds} s.")


def start_docker_registry(folder):
    port = free_port()
    config = os.path.join(folder, "docker-registry.yml")
    with open(config, "w") as file:
        file.write(
            "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/docker-registry}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n")
    process = Process(["docker-registry", "serve", config], os.path.join(folder, "docker-registry.log"))
    wait_for(port, "/v2/")
    return Side("docker-registry", port, process, "bench/image")


def start_ours(folder, binaries):
    port, agent_port, metrics_port = free_port(), free_port(), free_port()
    data = os.path.join(folder, "data")
    os.makedirs(data, mode=0o700)
    registry = Process(
        [f"{binaries}/RegistryLite", "serve", "--listen", f"127.0.0.1:{port}", "--data-dir", data],
        os.path.join(folder, "registrylite.log"))
    buildman = Process(
        [f"{binaries}/Buildman", "serve", "--listen", f"127.0.0.1:{agent_port}", "--metrics",
         f"127.0.0.1:{metrics_port}", "--data-dir", data], os.path.join(folder, "buildman.log"))
    wait_for(port, "/health/instance")
    return Side("RegistryLite", port, registry, f"{USER}/image"), buildman


def sign_in(side):
    """The first user, and a registry token for the benched repository."""
    body = json.dumps({"username": USER, "password": PASSWORD, "email": "bench@example.com", "access_token": True})
    answer, text = side.request(
        "POST", "/api/v1/user/initialize", body=body, headers={"Content-Type": "application/json"})
    assert answer.status == 200, (answer.status, text)
    basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    answer, token = side.request(
        "GET", f"/v2/auth?service=127.0.0.1:{side.port}&scope=repository:{side.repository}:pull,push",
        headers={"Authorization": f"Basic {basic}"})
    assert answer.status == 200, (answer.status, token)
    side.headers["Authorization"] = "Bearer " + json.loads(token)["token"]
    return json.loads(text)["access_token"]


def hammer(side, path, seconds):
    """wrk on one path: requests a second, p99 in milliseconds, CPU microseconds of the server per request."""
    headers = [part for key, value in side.headers.items() for part in ("-H", f"{key}: {value}")]
    before = side.process.cpu_seconds()
    text = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{seconds}s", "--latency", *headers, f"http://127.0.0.1:{side.port}{path}"],
        capture_output=True, text=True, check=True).stdout
    spent = side.process.cpu_seconds() - before
    if "Non-2xx" in text:
        sys.exit(f"{side.name} {path}: {text}")
    requests = int(re.search(r"(\d+) requests in", text).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    return {"req/s": rate, "p99 ms": float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit],
            "CPU us/req": spent / requests * 1e6}


def transfer(side, action, size):
    before, start = side.process.cpu_seconds(), time.time()
    action()
    elapsed, spent = time.time() - start, side.process.cpu_seconds() - before
    return {"MB/s": size / 1e6 / elapsed, "CPU s/GB": spent / (size / 1e9)}


def pull_blob(side, digest):
    link = http.client.HTTPConnection("127.0.0.1", side.port, timeout=120)
    link.request("GET", f"/v2/{side.repository}/blobs/{digest}", headers=side.headers)
    answer = link.getresponse()
    assert answer.status == 200, (side.name, answer.status)
    buffer, total = bytearray(1 << 20), 0
    while count := answer.readinto(buffer):
        total += count
    assert total == BLOB_BYTES, total


def report(title, ours, theirs):
    for figure in ours[0]:
        a, b = statistics.median(r[figure] for r in ours), statistics.median(r[figure] for r in theirs)
        ratio = a / b if b else float("inf")
        print(f"{title:14} {figure:11} {a:12.2f} {b:16.2f} {ratio:8.2f}x")


def first_step(url, token, folder, host):
    """Seconds from the API call that starts a build to the first build step in its log."""
    script = (
        f'drop=$(curl -sS -X POST -H "Authorization: Bearer {token}" -H "Content-Type: application/json" '
        f'-d \'{{"mimeType":"application/octet-stream"}}\' {url}/api/v1/filedrop/); '
        f'printf "FROM {host}/admin/busybox\\nRUN true\\n" | curl -sS -X PUT -H "Content-Type: application/octet-stream" '
        '--data-binary @- "$(jq -r .url <<<"$drop")" >/dev/null; jq -r .file_id <<<"$drop"')
    file_id = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    host_name, port = host.split(":")
    link = http.client.HTTPConnection(host_name, int(port))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(method, path, body=None):
        link.request(method, path, body=json.dumps(body) if body else None, headers=headers)
        answer = link.getresponse()
        text = answer.read()
        assert answer.status < 300, (path, answer.status, text)
        return json.loads(text)

    start = time.time()
    build = call("POST", "/api/v1/repository/admin/bench/build/", {"file_id": file_id})["id"]
    while time.time() - start < 60:
        entries = call("GET", f"/api/v1/repository/admin/bench/build/{build}/logs?start=0")["logs"]
        if any(entry.get("type") == "command" for entry in entries):
            seconds = time.time() - start
            break
        time.sleep(0.01)
    else:
        sys.exit(f"The build {build} has not begun within 60 s: {entries}")
    while call("GET", f"/api/v1/repository/admin/bench/build/{build}")["phase"] not in ("complete", "error"):
        time.sleep(0.1)
    return seconds


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--binaries", required=True)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=int, default=3, help="of each measurement on small requests")
    options = arguments.parse_args()
    folder = tempfile.mkdtemp(prefix="buildman-bench-")
    theirs = start_docker_registry(folder)
    ours, buildman = start_ours(folder, options.binaries)
    try:
        token = sign_in(ours)
        for side in (ours, theirs):
            config = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
            layer = os.urandom(4096)
            side.put_manifest((side.push(config), len(config)), (side.push(layer), len(layer)))
        print(f"{'':14} {'':11} {'RegistryLite':>12} {'docker-registry':>16}    ratio   (medians of {options.rounds} rounds)")
        for title, path in (("GET /v2/", "/v2/"), ("manifest GET", "/v2/{}/manifests/latest")):
            results = {ours: [], theirs: []}
            for _ in range(options.rounds):
                for side in (ours, theirs):
                    results[side].append(hammer(side, path.format(side.repository), options.seconds))
            report(title, results[ours], results[theirs])
        pushes, pulls = {ours: [], theirs: []}, {ours: [], theirs: []}
        for _ in range(options.rounds):
            for side in (ours, theirs):
                data = os.urandom(BLOB_BYTES)
                digests = []
                pushes[side].append(transfer(side, lambda: digests.append(side.push(data)), BLOB_BYTES))
                pulls[side].append(transfer(side, lambda: pull_blob(side, digests[0]), BLOB_BYTES))
        report("blob push", pushes[ours], pushes[theirs])
        report("blob pull", pulls[ours], pulls[theirs])
        print(f"{'peak memory':14} {'MiB':11} {ours.process.peak_mebibytes():12.1f} {theirs.process.peak_mebibytes():16.1f}")

        host = f"127.0.0.1:{ours.port}"
        url = f"http://{host}"
        for repository in ("busybox", "bench"):
            body = {"repository": repository, "namespace": USER, "visibility": "public", "description": ""}
            link = http.client.HTTPConnection("127.0.0.1", ours.port)
            link.request("POST", "/api/v1/repository", body=json.dumps(body), headers={
                "Authorization": f"Bearer {token}", "Content-Type": "application/json"})
            assert link.getresponse().status == 201
        subprocess.run(
            ["scripts/make-base-image", os.path.join(folder, "base"), f"{host}/admin/busybox:latest"], check=True,
            env={**os.environ, "CREDENTIALS": f"{USER}:{PASSWORD}"}, stdout=subprocess.DEVNULL)
        waits = [first_step(url, token, folder, host) for _ in range(options.rounds)]
        print(f"API call to first build step: {', '.join(f'{wait:.2f}' for wait in waits)} s")
    finally:
        for process in (ours.process, buildman, theirs.process):
            process.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
