"""The three sides of the comparison: RegistryLite, Debian's docker-registry, and nginx with the same bytes as files."""
import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import subprocess

from processes import Process, free_port, wait_for

USER, PASSWORD = "admin", "bench-password-1"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


class Side:
    """One registry under test."""

    def __init__(self, name, port, process, repository):
        self.name, self.port, self.process, self.repository = name, port, process, repository
        self.headers = {"Accept": MANIFEST_TYPE}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def request(self, method, path, body=None, headers=None):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        link.request(method, path, body=body, headers={**self.headers, **(headers or {})})
        answer = link.getresponse()
        return answer, answer.read()

    def push(self, data):
        """Pushes a blob as docker does: POST, one PATCH, PUT. Answers its digest."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        answer, text = self.request("POST", f"/v2/{self.repository}/blobs/uploads/")
        assert answer.status == 202, (self.name, answer.status, text)
        answer, text = self.request(
            "PATCH", self.path(answer), body=data, headers={"Content-Type": "application/octet-stream"})
        assert answer.status == 202, (self.name, answer.status, text)
        place = self.path(answer)
        answer, text = self.request("PUT", place + ("&" if "?" in place else "?") + f"digest={digest}", body=b"")
        assert answer.status == 201, (self.name, answer.status, text)
        return digest

    @staticmethod
    def path(answer):
        return re.sub(r"^https?://[^/]+", "", answer.getheader("Location"))

    def put_manifest(self, config, layer, tag="latest"):
        """Tags an image of one layer; `config` and `layer` are (digest, bytes). Answers the manifest's digest."""
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config[0], "size": config[1]},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer[0], "size": layer[1]}],
        }).encode()
        answer, text = self.request(
            "PUT", f"/v2/{self.repository}/manifests/{tag}", body=manifest, headers={"Content-Type": MANIFEST_TYPE})
        assert answer.status == 201, (self.name, answer.status, text)
        return "sha256:" + hashlib.sha256(manifest).hexdigest(), manifest

    def blob_path(self, digest):
        return f"/v2/{self.repository}/blobs/{digest}"

    def manifest_path(self, reference):
        return f"/v2/{self.repository}/manifests/{reference}"


class StaticSide(Side):
    """nginx: whatever is "pushed" becomes a file; nothing is asked before it is sent."""

    def __init__(self, port, process, root):
        super().__init__("nginx", port, process, "bench")
        self.root = root
        self.write("v2.json", b"{}")

    def write(self, name, data):
        with open(os.path.join(self.root, name), "wb") as file:
            file.write(data)

    def push(self, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.write(digest, data)
        return digest

    def blob_path(self, digest):
        return f"/{digest}"

    def manifest_path(self, reference):
        return f"/{reference}"


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


def start_nginx(folder):
    port = free_port()
    root = os.path.join(folder, "nginx")
    os.makedirs(root)
    os.chmod(folder, 0o755)
    config = os.path.join(folder, "nginx.conf")
    with open(config, "w") as file:
        file.write(
            "daemon off; worker_processes auto; pid {0}/nginx.pid; error_log {0}/nginx.log crit;\n"
            "events {{ worker_connections 2048; }}\n"
            "http {{ access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_requests 1000000000;\n"
            " keepalive_timeout 600; client_body_temp_path {0}/t1; proxy_temp_path {0}/t2; fastcgi_temp_path {0}/t3;\n"
            " uwsgi_temp_path {0}/t4; scgi_temp_path {0}/t5; open_file_cache max=1000;\n"
            " server {{ listen 127.0.0.1:{1} backlog=1024; root {0}/nginx; location = /v2/ {{ try_files /v2.json =404; }} }} }}\n"
            .format(folder, port))
    if os.geteuid() == 0:
        with open(config, "a") as file:
            file.write("user root;\n")
    process = Process(["nginx", "-c", config, "-p", folder], os.path.join(folder, "nginx.out"))
    side = StaticSide(port, process, root)
    wait_for(port, "/v2/")
    return side


def start_ours(folder, binaries, database=None, name="data", without_sync=False, again=False, settings=""):
    """RegistryLite alone. `database` is a DB_URI, SQLite in the data folder without one; `without_sync` takes its syncs away,
    for a comparison at the durability of a registry that has none; `again` opens a folder that was used before; `settings`
    are further lines of its configuration."""
    port = free_port()
    data = os.path.join(folder, name)
    os.makedirs(data, mode=0o700, exist_ok=again)
    command = [f"{binaries}/RegistryLite", "serve", "--listen", f"127.0.0.1:{port}", "--data-dir", data]
    if database or settings:
        config = os.path.join(folder, f"{name}.yaml")
        with open(config, "w") as file:
            file.write(f"DB_URI: {database or f'sqlite:///{data}/registry.db'}\nFEATURE_USER_INITIALIZE: true\n{settings}")
        command += ["--config", config]
    environment = dict(os.environ)
    if without_sync:
        environment["LD_PRELOAD"] = "libeatmydata.so"
    process = Process(command, os.path.join(folder, f"{name}.log"), env=environment)
    wait_for(port, "/health/instance")
    side = Side("RegistryLite" + (" (no sync)" if without_sync else ""), port, process, f"{USER}/image")
    side.data = data
    return side


def registry_token(side, *scopes):
    basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    query = "".join(f"&scope={scope}" for scope in scopes)
    answer, token = side.request(
        "GET", f"/v2/auth?service=127.0.0.1:{side.port}{query}", headers={"Authorization": f"Basic {basic}"})
    assert answer.status == 200, (answer.status, token)
    return json.loads(token)["token"]


def sign_in(side):
    """Makes the first user; the side then carries a registry token for its repository. Answers an API token."""
    body = json.dumps({"username": USER, "password": PASSWORD, "email": "bench@example.com", "access_token": True})
    answer, text = side.request(
        "POST", "/api/v1/user/initialize", body=body, headers={"Content-Type": "application/json"})
    assert answer.status == 200, (answer.status, text)
    side.headers["Authorization"] = "Bearer " + registry_token(side, f"repository:{side.repository}:pull,push")
    return json.loads(text)["access_token"]


def start_postgres(folder):
    """A PostgreSQL of its own in `folder`; answers its process and a DB_URI. Its durability is the default: full."""
    binaries = sorted(os.listdir("/usr/lib/postgresql"))[-1]
    tools = f"/usr/lib/postgresql/{binaries}/bin"
    data, port = os.path.join(folder, "postgres"), free_port()
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    os.makedirs(data)
    os.chmod(folder, 0o755)
    if as_user:
        shutil.chown(data, "postgres", "postgres")
    subprocess.run(
        [*as_user, f"{tools}/initdb", "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8"], check=True,
        stdout=subprocess.DEVNULL)
    process = Process(
        [*as_user, f"{tools}/postgres", "-D", data, "-p", str(port), "-k", "", "-c", "listen_addresses=127.0.0.1"],
        os.path.join(folder, "postgres.log"))
    address = f"postgresql://bench@127.0.0.1:{port}"
    for _ in range(100):
        made = subprocess.run(["psql", "-q", f"{address}/postgres", "-c", "CREATE DATABASE registry"], capture_output=True)
        if made.returncode == 0:
            return process, f"{address}/registry"
        subprocess.run(["sleep", "0.1"])
    raise SystemExit(f"PostgreSQL did not start: see {folder}/postgres.log")
