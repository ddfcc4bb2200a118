"""Writes a large registry's rows straight into a database that RegistryLite has migrated.

100,000 repositories with 1,000,000 tags in 1,000 organizations, every second one public; and `admin/big` with 200,000 tags
and 2,000,000 rows of history. Manifests are small and reach no blobs: lists never look at those.
"""
import hashlib
import io
import json
import sqlite3
import subprocess
import time
import uuid

START = 1_700_000_000_000
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


class Counts:
    def __init__(self, repositories=100_000, tags=10, big_tags=200_000, history=10, organizations=1000):
        self.repositories, self.tags, self.big_tags = repositories, tags, big_tags
        self.history, self.organizations = history, organizations


class SQLite:
    """Through Python's own driver, in one transaction."""

    def __init__(self, path):
        self.link = sqlite3.connect(path, isolation_level=None)
        self.link.execute("PRAGMA synchronous = OFF")
        self.link.execute("PRAGMA cache_size = -200000")
        self.link.execute("BEGIN IMMEDIATE")

    def number(self, sql):
        return self.link.execute(sql).fetchone()[0] or 0

    def has_column(self, table, column):
        return self.number(f"SELECT COUNT(*) FROM pragma_table_info('{table}') WHERE name = '{column}'") == 1

    def write(self, table, columns, rows):
        marks = ", ".join("?" * len(columns))
        self.link.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)

    def finish(self):
        self.link.execute("COMMIT")
        self.link.execute("ANALYZE")
        self.link.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.link.close()


class Postgres:
    """Through psql's COPY."""

    def __init__(self, address):
        self.address = address

    def _psql(self, *arguments, input=None):
        return subprocess.run(
            ["psql", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.address, *arguments], input=input, check=True,
            capture_output=True, text=True).stdout.strip()

    def number(self, sql):
        return int(self._psql("-c", sql) or 0)

    def has_column(self, table, column):
        return self.number(
            f"SELECT COUNT(*) FROM information_schema.columns WHERE table_name = '{table}' AND column_name = '{column}'") == 1

    def write(self, table, columns, rows):
        child = subprocess.Popen(
            ["psql", "-q", "-v", "ON_ERROR_STOP=1", self.address, "-c",
             f"COPY {table} ({', '.join(columns)}) FROM STDIN"], stdin=subprocess.PIPE)
        pipe = io.TextIOWrapper(child.stdin, encoding="utf-8", write_through=False)
        for row in rows:
            pipe.write("\t".join(self._cell(value) for value in row) + "\n")
        pipe.close()
        assert child.wait() == 0, table

    @staticmethod
    def _cell(value):
        if value is None:
            return "\\N"
        if isinstance(value, bytes):
            return "\\\\x" + value.hex()
        return str(value)

    def finish(self):
        # Numbers were given by hand: the next ones come after them.
        for table in ("account", "repository", "manifest", "tag"):
            self._psql("-c", f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT MAX(id) FROM {table}))")
        self._psql("-c", "VACUUM ANALYZE")


def manifests(first, repositories):
    for offset, repository in enumerate(repositories):
        body = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "annotations": {"n": str(first + offset)}}).encode()
        yield (first + offset, repository, "sha256:" + hashlib.sha256(body).hexdigest(), MANIFEST_TYPE, body, START)


def seed(database, counts, log=print):
    """Needs the user `admin`; answers nothing. The database's numbers go on behind those that are there."""
    began = time.time()
    admin = database.number("SELECT id FROM account WHERE name = 'admin'")
    account = database.number("SELECT MAX(id) FROM account") + 1
    repository = database.number("SELECT MAX(id) FROM repository") + 1
    manifest = database.number("SELECT MAX(id) FROM manifest") + 1
    tag = database.number("SELECT MAX(id) FROM tag") + 1
    each = counts.repositories // counts.organizations

    database.write(
        "account", ("id", "uuid", "name", "kind", "created_ms"),
        ((account + n, str(uuid.UUID(int=n + 1)), f"org{n:04d}", "organization", START) for n in range(counts.organizations)))
    columns = ("id", "uuid", "namespace_id", "name", "visibility", "state", "badge_token", "created_ms")
    database.write(
        "repository", columns,
        ((repository + n, f"seed-{n}", account + n // each, f"app{n:06d}", "public" if n % 2 else "private", 0, "b", START)
         for n in range(counts.repositories)))
    big = repository + counts.repositories
    database.write("repository", columns, [(big, "seed-big", admin, "big", "private", 0, "b", START)])
    log(f"repositories after {time.time() - began:.0f} s", flush=True)

    columns = ("id", "repository_id", "digest", "media_type", "body", "created_ms")
    database.write("manifest", columns, manifests(manifest, range(repository, repository + counts.repositories)))
    big_manifest = manifest + counts.repositories
    database.write("manifest", columns, manifests(big_manifest, [big] * 1000))
    columns = ("id", "repository_id", "name", "manifest_id", "lifetime_start_ms", "lifetime_end_ms", "hidden")
    marks_current = database.has_column("tag", "is_current")

    def rows(periods):
        return ((*row, 0 if row[5] else 1) for row in periods) if marks_current else periods

    if marks_current:
        columns += ("is_current",)
    database.write(
        "tag", columns,
        rows((tag + n, repository + n // counts.tags, f"v{n % counts.tags}", manifest + n // counts.tags, START + n, None, 0)
             for n in range(counts.repositories * counts.tags)))
    log(f"tags after {time.time() - began:.0f} s", flush=True)
    tag += counts.repositories * counts.tags

    def history():
        # In the order of time: every tag moves once in each period, and the last period is alive.
        for period in range(counts.history):
            for n in range(counts.big_tags):
                start = START + period * 10_000_000 + n * 10
                end = None if period == counts.history - 1 else start + 10_000_000
                row = period * counts.big_tags + n
                yield (tag + row, big, f"build-{n:06d}", big_manifest + (row % 1000), start, end, 0)

    database.write("tag", columns, rows(history()))
    log(f"history after {time.time() - began:.0f} s", flush=True)
    database.finish()
    log(f"seeded in {time.time() - began:.0f} s", flush=True)
