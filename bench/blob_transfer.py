"""Whole blobs: pulls against nginx's sendfile, pushes with their cost, memory under many pushes, small images."""
import hashlib
import os
import shutil
import subprocess
import tempfile
import time

from load import HERE, Table, alternating, wrk
from small_requests import CONFIG

MEBI = 1 << 20


def pulls(sides, rounds, seconds):
    table = Table(sides)
    for size, connections in ((1, 4), (10, 4), (100, 4)):
        data = os.urandom(size * MEBI)
        paths = {side: side.blob_path(side.push(data)) for side in sides}
        results = alternating(sides, rounds, lambda side: wrk(side, paths[side], seconds, connections))
        for result in [one for side in sides for one in results[side]]:
            result["CPU s/GB"] = result["CPU us/req"] / 1e6 / (size * MEBI / 1e9)
        for figure in ("MB/s", "CPU s/GB"):
            table.row(f"pull {size} MiB, c={connections}", figure, results)


class Layers:
    """Files with random bytes in memory, so that the client's disk is no part of the measurement."""

    def __init__(self, count, size):
        self.folder = tempfile.mkdtemp(prefix="buildman-bench-", dir="/dev/shm")
        self.files = []
        for number in range(1, count + 1):
            data = os.urandom(size)
            digest = "sha256:" + hashlib.sha256(data).hexdigest()
            path = os.path.join(self.folder, str(number))
            with open(path, "wb") as file:
                file.write(data)
            self.files.append((path, digest, size))
        with open(os.path.join(self.folder, "list"), "w") as file:
            for number, (_, digest, size) in enumerate(self.files, 1):
                config = CONFIG[:-1] + b',"author":"%d"}' % number
                self.write(f"{number}.config", config)
                file.write(f"{number} {digest} {size} sha256:{hashlib.sha256(config).hexdigest()} {len(config)}\n")

    def write(self, name, data):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)


def upload_command(side, file):
    """curl with the PATCH of one file into an upload that has begun, and the PUT that ends it, on one connection."""
    path, digest, _ = file
    answer, _ = side.request("POST", f"/v2/{side.repository}/blobs/uploads/")
    place = side.url + side.path(answer)
    headers = [part for key, value in side.headers.items() for part in ("-H", f"{key}: {value}")]
    separator = "&" if "?" in place else "?"
    # One PUT with the whole blob: docker-registry's next place is known only from the PATCH's answer.
    return ["curl", "-sS", "--fail", "-o", "/dev/null", "-X", "PUT", *headers, "-H",
            "Content-Type: application/octet-stream", "-T", path, f"{place}{separator}digest={digest}"]


def upload(side, files, parallel):
    """Pushes the files; answers MB/s and CPU seconds of the server per gigabyte, syncs included."""
    commands = [upload_command(side, file) for file in files]
    before, start = side.process.cpu_seconds(), time.time()
    running = []
    for command in commands:
        running.append(subprocess.Popen(command))
        if len(running) >= parallel:
            assert running.pop(0).wait() == 0, command
    for child in running:
        assert child.wait() == 0, side.name
    elapsed, spent = time.time() - start, side.process.cpu_seconds() - before
    gigabytes = sum(file[2] for file in files) / 1e9
    return {"MB/s": gigabytes * 1000 / elapsed, "CPU s/GB": spent / gigabytes}


def pushes(sides, rounds):
    registries = [side for side in sides if not hasattr(side, "root")]
    table = Table(registries)

    def once(side):
        with Layers(4, 64 * MEBI) as layers:
            return upload(side, layers.files, 1)

    results = alternating(registries, rounds, once)
    for figure in ("MB/s", "CPU s/GB"):
        table.row("push 64 MiB, c=1", figure, results)


def many_pushes(side):
    """50 pushes of 100 MiB at once: the peak of the server's memory."""
    side.process.forget_peak()
    idle = side.process.resident_mebibytes()
    with Layers(50, 100 * MEBI) as layers:
        result = upload(side, layers.files, 50)
    print(f"{side.name}: 50 pushes of 100 MiB at once: peak {side.process.peak_mebibytes():.0f} MiB "
          f"(before: {idle:.0f} MiB), {result['MB/s']:.0f} MB/s, {result['CPU s/GB']:.2f} CPU s/GB", flush=True)


def images(sides, rounds, count=200, connections=10):
    """Images of one layer of 1 MiB, each with its config and manifest, on ten connections."""
    table = Table(sides)

    def once(side):
        with Layers(count, MEBI) as layers:
            before, start = side.process.cpu_seconds(), time.time()
            arguments = [layers.folder, side.repository, str(count), str(connections)]
            wrk_until_done(side, arguments, connections)
            elapsed, spent = time.time() - start, side.process.cpu_seconds() - before
            missing = [
                number for number in range(1, count + 1)
                if side.request("HEAD", side.manifest_path(f"image-{number}"))[0].status != 200]
            assert not missing, (side.name, missing[:5])
            return {"images/s": count / elapsed, "CPU ms/img": spent / count * 1000}

    results = alternating(sides, rounds, once)
    for figure in ("images/s", "CPU ms/img"):
        table.row(f"push 1 MiB images, c={connections}", figure, results)


def wrk_until_done(side, arguments, connections, seconds=120):
    headers = [part for key, value in side.headers.items() for part in ("-H", f"{key}: {value}")]
    child = subprocess.Popen(
        ["wrk", f"-t{connections}", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", *headers, "-s",
         os.path.join(HERE, "push_image.lua"), side.url, "--", *arguments], stdout=subprocess.DEVNULL)
    names = [os.path.join(arguments[0], f"done-{number}") for number in range(connections)]
    while child.poll() is None and not all(os.path.exists(name) for name in names):
        time.sleep(0.002)
    child.terminate()
    child.wait()
