"""A farm under load: one namespace with 1,000 builds beside 19 with 10, and 500 agents that print at once.

Real are RegistryLite, Buildman, its database and its local executor with all its walls; what the executor starts is a script
of two lines that hands its registration token to FarmLoad, which plays the agents over gRPC. The walls keep processes and
files apart and share the network, so that nothing has to be switched off for it.
"""
import argparse
import http.client
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid

import processes
from processes import Process, free_port, machine, stop_all, wait_for
from seed import Postgres
from sides import sign_in, start_ours, start_postgres

LARGE, SMALL = 1, 19
START = 1_700_000_000_000


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


class Database:
    """Reads and seeds the farm's database, whichever engine it is on."""

    def __init__(self, side, address):
        self.path, self.server = os.path.join(side.data, "registry.db"), address and Postgres(address)

    def rows(self, sql):
        if self.server:
            text = self.server._psql("-c", sql)
            return [line.split("|") for line in text.splitlines()]
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as link:
            return [[str(cell) for cell in row] for row in link.execute(sql)]

    def number(self, sql):
        return int(self.rows(sql)[0][0])

    def insert(self, table, columns, rows):
        if self.server:
            self.server.write(table, columns, rows)
            return
        with sqlite3.connect(self.path, timeout=60) as link:
            marks = ", ".join("?" * len(columns))
            link.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)

    def seed(self, namespaces):
        """Organizations with that many repositories each, which `admin` may build in."""
        admin = self.number("SELECT id FROM account WHERE name = 'admin'")
        accounts = [(str(uuid.uuid4()), name, "organization", START) for name in namespaces]
        self.insert("account", ("uuid", "name", "kind", "created_ms"), accounts)
        ids = dict((name, int(number)) for number, name in self.rows("SELECT id, name FROM account"))
        self.insert(
            "repository", ("uuid", "namespace_id", "name", "visibility", "state", "badge_token", "created_ms"),
            [(str(uuid.uuid4()), ids[name], f"app{n:04d}", "private", 0, "b", START)
             for name, count in namespaces.items() for n in range(count)])
        known = self.number("SELECT COALESCE(MAX(repository_id), 0) FROM repository_permission WHERE account_id = %d" % admin)
        self.insert(
            "repository_permission", ("repository_id", "account_id", "role"),
            [(int(number), admin, "admin") for (number,) in self.rows(f"SELECT id FROM repository WHERE id > {known}")])


class Farm:
    def __init__(self, folder, binaries, name, slots, seconds, lines, engine):
        self.binaries, self.lines = binaries, lines
        self.postgres, address = start_postgres(folder) if engine == "postgres" else (None, None)
        self.agents_port, self.manager_port, self.metrics_port = free_port(), free_port(), free_port()
        builder = os.path.join(folder, "builder")
        with open(builder, "w") as file:
            file.write(
                "#!/bin/bash\n"
                f"exec 3<>/dev/tcp/127.0.0.1/{self.agents_port} && echo \"$SERVER $TOKEN $BUILD_UUID\" >&3 && read -r _ <&3\n")
        os.chmod(builder, 0o755)
        os.chmod(folder, 0o755)
        settings = (
            f"BUILDMAN_HOSTNAME: 127.0.0.1:{self.manager_port}\n"
            "BUILD_MANAGER:\n"
            f"  ALLOWED_WORKER_COUNT: {slots}\n"
            "  ORCHESTRATOR: {MEM_CONFIG: {}}\n"
            f"  EXECUTORS: [{{EXECUTOR: popen, NAME: local, BUILDER_BINARY_LOCATION: {builder}}}]\n")
        self.registry = start_ours(folder, binaries, database=address, name=name, settings=settings)
        self.token = sign_in(self.registry)
        self.database = Database(self.registry, address)
        self.agents_log = os.path.join(folder, f"{name}-agents.log")
        self.agents = Process(
            [f"{binaries}/FarmLoad", str(self.agents_port), str(seconds), str(lines)], self.agents_log)
        # A host name in the configuration is what RegistryLite listens on; Buildman reads the same file.
        self.manager_log = os.path.join(folder, f"{name}-buildman.log")
        self.command = [
            f"{binaries}/Buildman", "serve", "--config", os.path.join(folder, f"{name}.yaml"), "--listen",
            f"127.0.0.1:{self.manager_port}", "--metrics", f"127.0.0.1:{self.metrics_port}", "--data-dir", self.registry.data]
        self.manager = None

    def start_manager(self):
        self.manager = Process(self.command, self.manager_log)
        wait_for(self.metrics_port, "/metrics")

    def queue(self, builds):
        """Asks for a build in each of (namespace, repository); answers the moment of each by the build's id."""
        link = http.client.HTTPConnection("127.0.0.1", self.registry.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        body = json.dumps({"archive_url": "https://builds.example.com/source.tar.gz"})
        moments = {}
        for namespace, repository in builds:
            link.request("POST", f"/api/v1/repository/{namespace}/app{repository:04d}/build/", body=body, headers=headers)
            answer = link.getresponse()
            text = answer.read()
            if answer.status != 201:
                sys.exit(f"{namespace}/app{repository:04d}: {answer.status} {text}")
            moments[json.loads(text)["id"]] = time.time()
        return moments

    def reports(self):
        with open(self.agents_log) as file:
            return [json.loads(line) for line in file if line.startswith("{")]

    def wait(self, count, limit):
        deadline = time.time() + limit
        while len(self.reports()) < count:
            if time.time() > deadline:
                print(f"After {limit} s only {len(self.reports())} of {count} builds have ended.")
                return
            time.sleep(0.5)
        # The last end is stored before its agent hears of it; processes go a moment later.
        time.sleep(2)

    def metrics(self):
        link = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=10)
        link.request("GET", "/metrics")
        return link.getresponse().read().decode()

    def verdict(self, builds):
        """Builds lost and doubled, by the database: (lost, doubled, problems)."""
        marks = ", ".join(f"'{build}'" for build in builds)
        complete = self.database.number(f"SELECT COUNT(*) FROM build WHERE phase = 'complete' AND uuid IN ({marks})")
        doubled = self.database.number(
            "SELECT COUNT(*) FROM (SELECT build_id FROM build_attempt JOIN build ON build.id = build_attempt.build_id "
            f"WHERE build.uuid IN ({marks}) GROUP BY build_id HAVING COUNT(*) > 1) AS doubled")
        wrong_logs = self.database.number(
            "SELECT COUNT(*) FROM (SELECT build_id FROM build_log JOIN build ON build.id = build_log.build_id "
            f"WHERE build.uuid IN ({marks}) AND line IS NOT NULL GROUP BY build_id "
            f"HAVING COUNT(*) <> {self.lines} OR MAX(line) <> {self.lines} OR MIN(line) <> 1) AS wrong")
        left = self.database.number("SELECT COUNT(*) FROM queue_item WHERE root = 'dockerfilebuild'")
        problems = [report for report in self.reports() if report.get("problem")]
        for report in problems[:5]:
            print(f"  {report['build']}: {report['problem']}")
        return len(builds) - complete, doubled, wrong_logs, left, len(problems)

    def say_cost(self, seconds):
        print(f"Buildman: peak {self.manager.peak_mebibytes():.0f} MiB, {self.manager.cpu_seconds():.1f} s of processor time "
              f"in {seconds:.0f} s")
        print(self.decisions())

    def decisions(self):
        """The time from a claim's begin to the executor's start call, by the manager's own histogram if it has one."""
        name = "buildman_decision_duration_seconds"
        buckets = {}
        for bound, count in re.findall(rf'^{name}_bucket{{.*?le="([^"]+)".*?}} (\S+)$', self.metrics(), re.M):
            buckets[float(bound)] = buckets.get(float(bound), 0) + float(count)
        if not buckets:
            return "decisions: the manager counts none"
        total = buckets[max(buckets)]
        def at(share):
            return next(bound for bound in sorted(buckets) if buckets[bound] >= total * share)
        return f"decisions: {total:.0f}, p50 <= {at(0.5) * 1000:g} ms, p99 <= {at(0.99) * 1000:g} ms"

    def stop(self):
        for process in (self.manager, self.agents, self.registry.process, self.postgres):
            if process:
                process.stop()


def small_waits(farm, moments, small):
    started = {report["build"]: report["arrived"] for report in farm.reports()}
    return [started[build] - moments[build] for build in small if build in started]


def fairness(folder, binaries, engine, slots, large, seconds):
    """The small namespaces' waits, alone and beside a large one that came first."""
    print(f"Fair share on {engine}: {slots} builders, each build takes {seconds:g} s")
    p95 = []
    for name, first in (("alone", 0), ("beside", large)):
        farm = Farm(folder, binaries, f"{engine}-{name}", slots, seconds, 20, engine)
        small = {f"small{n:02d}": 10 for n in range(SMALL)}
        farm.database.seed({**small, **({"large": first} if first else {})})
        begin = time.time()
        # Everything is queued before the manager comes: the large namespace's builds are all older.
        queued = farm.queue([("large", n) for n in range(first)])
        small_moments = farm.queue([(name, n) for n in range(10) for name in small])
        farm.start_manager()
        ready = time.time()
        farm.wait(len(queued) + len(small_moments), 900)
        waits = small_waits(farm, {build: ready for build in small_moments}, small_moments)
        p95.append(percentile(waits, 0.95))
        lost, doubled, logs, left, problems = farm.verdict([*queued, *small_moments])
        print(f"{name}: {len(queued)} + {len(small_moments)} builds in {time.time() - ready:.0f} s; small ones wait p50 "
              f"{percentile(waits, 0.5):.1f} s, p95 {p95[-1]:.1f} s; lost {lost}, doubled {doubled}, logs with gaps or doubles "
              f"{logs}, left in the queue {left}, agents with trouble {problems}")
        farm.say_cost(time.time() - begin)
        farm.stop()
    print(f"small namespaces' p95: {p95[1] / p95[0]:.2f} times of alone (target: <= 2)", flush=True)


def sessions(folder, binaries, engine, count, seconds, lines):
    """As many agents at once, each printing."""
    print(f"{count} agents at once on {engine}, each {lines} lines in {seconds:g} s")
    farm = Farm(folder, binaries, f"{engine}-sessions", count, seconds, lines, engine)
    farm.database.seed({"many": count})
    moments = farm.queue([("many", n) for n in range(count)])
    farm.start_manager()
    begin = time.time()
    farm.wait(count, 900)
    lost, doubled, logs, left, problems = farm.verdict(moments)
    reports = farm.reports()
    begun = [report["registered"] for report in reports]
    together = max(
        sum(1 for other in reports if other["registered"] <= moment < other["ended"]) for moment in begun) if begun else 0
    print(f"{len(reports)} sessions, {together} of them at once, {sum(report['lines'] for report in reports)} lines; "
          f"lost {lost}, doubled {doubled}, logs with gaps or doubles {logs}, left in the queue {left}, "
          f"agents with trouble {problems}")
    farm.say_cost(time.time() - begin)
    farm.stop()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--binaries", required=True)
    options.add_argument("--engine", action="append", choices=["sqlite", "postgres"])
    options.add_argument("--slots", type=int, default=20)
    options.add_argument("--large", type=int, default=1000)
    options.add_argument("--seconds", type=float, default=1)
    options.add_argument("--agents", type=int, default=500)
    options.add_argument("--only", choices=["fairness", "sessions"])
    options = options.parse_args()
    print(machine(), flush=True)
    try:
        for engine in options.engine or ["sqlite", "postgres"]:
            for part in ("fairness", "sessions"):
                if options.only not in (None, part):
                    continue
                folder = tempfile.mkdtemp(prefix="farm-bench-")
                if part == "fairness":
                    fairness(folder, options.binaries, engine, options.slots, options.large, options.seconds)
                else:
                    sessions(folder, options.binaries, engine, options.agents, 60, 120)
                stop_all()
                processes.started.clear()
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        stop_all()


if __name__ == "__main__":
    main()
