"""Garbage collection: how many blobs a second it frees, and what somebody who pulls meanwhile notices of it."""
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from blob_transfer import Layers, wrk_until_done
from load import wrk
from sides import USER, registry_token, sign_in, start_ours, start_postgres
from small_requests import PACED_CONNECTIONS, prepare

IMAGES = 4000
LAYER_BYTES = 4096
# Between the requests of each foreground connection, in milliseconds: a registry that is used, and not at its limit.
PAUSE = "40"
SECONDS = 2


def freed(side):
    answer, text = side.request("GET", "/metrics")
    assert answer.status == 200, (answer.status, text)
    found = re.search(rb"^quay_gc_storage_blobs_deleted_total (\S+)", text, re.MULTILINE)
    return float(found.group(1)) if found else 0


def foreground(side, path):
    return wrk(side, path, SECONDS, PACED_CONNECTIONS, script="paced.lua", arguments=[PAUSE])


def make_garbage(side, api_token, repository):
    """Images that nothing reaches from one moment to the next: their repository is deleted."""
    full_name, used = f"{USER}/{repository}", (side.repository, side.headers)
    side.repository = full_name
    side.headers = {**side.headers, "Authorization": "Bearer " + registry_token(side, f"repository:{full_name}:pull,push")}
    with Layers(IMAGES, LAYER_BYTES) as layers:
        wrk_until_done(side, [layers.folder, full_name, str(IMAGES), "10"], 10)
    side.repository, side.headers = used
    return lambda: side.request(
        "DELETE", f"/api/v1/repository/{full_name}", headers={"Authorization": f"Bearer {api_token}"})


def collect(side, path, delete):
    """Deletes the repository, and pulls while its blobs go. Answers blobs a second and what the pulls met."""
    before = freed(side)
    answer, text = delete()
    assert answer.status == 204, (answer.status, text)
    while freed(side) == before:
        time.sleep(0.01)
    began, first = time.time(), freed(side)
    with ThreadPoolExecutor(1) as pool:
        pulls = pool.submit(foreground, side, path)
        last, moment = first, began
        while time.time() < moment + 3:
            time.sleep(0.02)
            now = freed(side)
            if now != last:
                last, moment = now, time.time()
        result = pulls.result()
    return (last - first) / max(moment - began, 0.001), moment - began, result


def measure(folder, binaries, rounds):
    for engine in ("SQLite", "PostgreSQL"):
        database = start_postgres(folder)[1] if engine == "PostgreSQL" else None
        side = start_ours(
            folder, binaries, database=database, name=f"gc-{engine}", settings="GARBAGE_COLLECTION_FREQUENCY: 1\n")
        token = sign_in(side)
        path = prepare(side)["GET manifest by tag"][0]
        quiet, rates, busy = [], [], []
        for number in range(rounds):
            delete = make_garbage(side, token, f"garbage{number}")
            quiet.append(foreground(side, path))
            rate, seconds, result = collect(side, path, delete)
            rates.append(rate)
            busy.append(result)
            if seconds < SECONDS:
                print(f"{engine}: freeing took {seconds:.1f} s, less than the {SECONDS} s of the pulls", flush=True)
        middle = statistics.median
        calm, loaded = (middle(one["p99 ms"] for one in results) for results in (quiet, busy))
        print(f"{engine:11} freed {middle(rates):6.0f} blobs/s   p99 of pulls {calm:.2f} ms before, {loaded:.2f} ms meanwhile "
              f"({loaded / calm:.2f}x), at {middle(one['req/s'] for one in busy):.0f} req/s", flush=True)
        side.process.stop()
