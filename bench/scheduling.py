"""How soon an idle Buildman starts a build that somebody queues, on both engines; and what it costs to do nothing: idle, with every
place taken, and with an executor that fails. Prints, and asserts nothing. Builders only sleep.

usage: python3 bench/scheduling.py --binaries .build/release
"""
import argparse
import http.client
import os
import re
import shutil
import tempfile
import time

from builds import Client, Manager
from processes import Process, free_port, machine, stop_all, wait_for
from sides import USER, sign_in, start_ours, start_postgres


class Farm(Manager):
    """A Buildman with one local executor; `builder` is the program that it starts."""

    def __init__(self, folder, binaries, side, database, builder, places, name):
        config = os.path.join(folder, f"{name}.yaml")
        with open(config, "w") as file:
            file.write(
                f"SERVER_HOSTNAME: 127.0.0.1:{side.port}\nPREFERRED_URL_SCHEME: http\nFEATURE_MAILING: false\n"
                f"DB_URI: {database or f'sqlite:///{side.data}/registry.db'}\n"
                "BUILD_MANAGER:\n  - ephemeral\n"
                f"  - ALLOWED_WORKER_COUNT: {places}\n    ORCHESTRATOR: {{MEM_CONFIG: {{}}}}\n"
                f"    EXECUTORS: [{{EXECUTOR: popen, NAME: local, BUILDER_BINARY_LOCATION: {builder}}}]\n")
        self.metrics_port = free_port()
        self.process = Process(
            [f"{binaries}/Buildman", "serve", "--config", config, "--listen", f"127.0.0.1:{free_port()}", "--metrics",
             f"127.0.0.1:{self.metrics_port}", "--data-dir", side.data], os.path.join(folder, f"{name}.log"))
        wait_for(self.metrics_port, "/metrics")

    def cost(self, seconds):
        """CPU milliseconds a second, of Buildman alone."""
        own = self.process.child.pid

        def used():
            fields = open(f"/proc/{own}/stat").read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        before = used()
        time.sleep(seconds)
        return (used() - before) / seconds * 1000


def queue(client, name):
    client.call("POST", "/api/v1/repository", {
        "repository": name, "namespace": USER, "visibility": "public", "description": ""})
    client.call("POST", f"/api/v1/repository/{USER}/{name}/build/", {
        "archive_url": "https://example.com/a.tar.gz", "docker_tags": ["latest"]})


def measure(engine, binaries, rounds):
    folder = tempfile.mkdtemp(prefix="buildman-bench-")
    os.chmod(folder, 0o755)
    try:
        database = start_postgres(folder)[1] if engine == "PostgreSQL" else None
        side = start_ours(folder, binaries, database, settings="BUILD_MANAGER: [external, {}]\nFEATURE_MAILING: false\n")
        client = Client(side, sign_in(side))
        builder = os.path.join(folder, "builder")
        with open(builder, "w") as file:
            file.write("#!/bin/sh\nexec sleep 3600\n")
        os.chmod(builder, 0o755)
        farm = Farm(folder, binaries, side, database, builder, rounds, "good")
        time.sleep(2)
        print(f"{engine}: idle, {farm.cost(5):.1f} ms of CPU a second")
        waits = []
        for number in range(rounds):
            before = [farm.seconds(f"quay_build_{part}_duration_seconds") for part in ("queue", "start")]
            queue(client, f"r{number}")
            while farm.seconds("quay_build_start_duration_seconds")[1] == before[1][1]:
                time.sleep(0.02)
            after = [farm.seconds(f"quay_build_{part}_duration_seconds") for part in ("queue", "start")]
            waits.append(((after[0][0] - before[0][0]) - (after[1][0] - before[1][0])) * 1000)
            time.sleep(0.3)
        print(f"{engine}: from a request to the start call: {', '.join(f'{wait:.0f}' for wait in sorted(waits))} ms")
        queue(client, "waiting")
        print(f"{engine}: every place taken, {farm.cost(5):.1f} ms of CPU a second")
        farm.process.stop()
        os.chmod(builder, 0o644)
        for number in range(20):
            queue(client, f"more{number}")
        farm = Farm(folder, binaries, side, database, builder, 2 * rounds, "broken")
        time.sleep(2)
        print(f"{engine}: an executor that fails and {rounds + 21} builds that wait, {farm.cost(15):.1f} ms of CPU a second, "
              f"{failures(farm):.0f} start calls")
    finally:
        stop_all()
        shutil.rmtree(folder, ignore_errors=True)


def failures(farm):
    """How many start calls have failed."""
    link = http.client.HTTPConnection("127.0.0.1", farm.metrics_port, timeout=10)
    link.request("GET", "/metrics")
    text = link.getresponse().read().decode()
    return sum(float(value) for value in re.findall(r"^quay_build_start_failures_total{[^}]*} (\S+)$", text, re.M))


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--binaries", required=True, help="the folder with the programs")
    arguments.add_argument("--rounds", type=int, default=10)
    options = arguments.parse_args()
    print(machine())
    for engine in ("SQLite", "PostgreSQL"):
        measure(engine, options.binaries, options.rounds)


if __name__ == "__main__":
    main()
