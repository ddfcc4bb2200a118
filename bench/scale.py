"""Lists in large databases: catalog, tag list and tag history, from a cold start, under a mix of pushes and pulls."""
import argparse
import os
import re
import shutil
import subprocess
import tempfile
import time

import seed
from blob_transfer import Layers, MEBI
from load import HERE, wrk
from processes import machine, stop_all
from sides import Side, registry_token, sign_in, start_ours, start_postgres

# Name, what lists.lua calls it, how many pages there are to choose from, whether it is asked over the API.
LISTS = [
    ("catalog", "catalog", 1000, False), ("tag list", "tags", 2000, False), ("tag history", "history", 200, True),
    ("one tag's history", "one history", 200_000, True),
]


def forget(folder):
    """Takes the database's files out of the kernel's memory: those alone, since others use the machine too."""
    for place, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(os.path.join(place, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def with_headers(side, headers):
    other = Side(side.name, side.port, side.process, side.repository)
    other.headers = headers
    return other


class Mix:
    """Pushes on two connections and pulls on four, as long as the measurement takes."""

    def __init__(self, side, seconds):
        self.layers = Layers(64, MEBI)
        headers = [part for key, value in side.headers.items() for part in ("-H", f"{key}: {value}")]
        self.pulls = subprocess.Popen(
            # Without a token: it would open only the repositories that it names, and these are public.
            ["wrk", "-t1", "-c4", f"-d{seconds}s", "-s", f"{HERE}/lists.lua", side.url, "--", "pulls", "50000"],
            stdout=subprocess.DEVNULL)
        self.pushes = subprocess.Popen(
            ["wrk", "-t2", "-c2", f"-d{seconds}s", *headers, "-s", f"{HERE}/push_image.lua", side.url, "--",
             self.layers.folder, side.repository, "64", "2"], stdout=subprocess.DEVNULL)

    def stop(self):
        for child in (self.pulls, self.pushes):
            child.terminate()
            child.wait()
        shutil.rmtree(self.layers.folder, ignore_errors=True)


def measure(engine, folder, binaries, counts, seconds):
    postgres, address = start_postgres(folder) if engine == "PostgreSQL" else (None, None)
    side = start_ours(folder, binaries, database=address)
    token = sign_in(side)
    side.request("POST", f"/v2/{side.repository}/blobs/uploads/")
    side.process.stop()
    path = os.path.join(side.data, "registry.db")
    seed.seed(seed.Postgres(address) if address else seed.SQLite(path), counts)
    for name, word, pages, over_api in LISTS:
        forget(os.path.join(folder, "postgres") if postgres else side.data)
        side = start_ours(folder, binaries, database=address, again=True)
        side.headers["Authorization"] = "Bearer " + registry_token(side, f"repository:{side.repository}:pull,push")
        mix = Mix(side, seconds + 5)
        # A token that names repositories lists only those: the catalog is asked with one that names none.
        scopes = [] if word == "catalog" else ["repository:admin/big:pull"]
        bearer = token if over_api else registry_token(side, *scopes)
        asking = with_headers(side, {"Authorization": f"Bearer {bearer}"})
        try:
            result = wrk(
                asking, "/", seconds, 16, script="lists.lua", threads=2,
                arguments=[word, str(min(pages, counts.big_tags))])
            p95, highest = re.search(r"p95 ([\d.]+) max ([\d.]+)", result["output"]).groups()
            print(f"{engine:11} {name:18} p95 {float(p95):8.2f} ms   max {float(highest):8.2f} ms   "
                  f"{result['req/s']:8.0f} req/s   {result['CPU us/req']:7.0f} CPU us/req", flush=True)
        except SystemExit as failure:
            print(f"{engine:11} {name:18} failed: {str(failure)[:300]}", flush=True)
        finally:
            mix.stop()
            side.process.stop()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--binaries", required=True)
    arguments.add_argument("--engine", action="append", choices=("SQLite", "PostgreSQL"))
    arguments.add_argument("--seconds", type=int, default=10)
    arguments.add_argument("--small", action="store_true", help="a hundredth of the rows, to try the measurement itself")
    options = arguments.parse_args()
    counts = seed.Counts(1000, 10, 2000, 10, 10) if options.small else seed.Counts()
    print(machine())
    for engine in options.engine or ("SQLite", "PostgreSQL"):
        folder = tempfile.mkdtemp(prefix="buildman-bench-")
        try:
            measure(engine, folder, options.binaries, counts, options.seconds)
        finally:
            stop_all()
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
