"""Measures RegistryLite beside Debian's docker-registry and nginx, in alternating rounds; prints, and asserts nothing.

All servers run here, on loopback, with their data in one temporary folder. Machines are shared and noisy: the ratios of
medians and the CPU seconds count, not the absolute figures.
"""
import argparse
import shutil
import tempfile
import time

import blob_transfer
import builds
import collection
import small_requests
from processes import machine, stop_all
from sides import sign_in, start_docker_registry, start_nginx, start_ours

PARTS = ("small", "pull", "push", "images", "memory", "builds", "gc")


def measure(parts, folder, options):
    ours = start_ours(folder, options.binaries)
    theirs, nginx = start_docker_registry(folder), start_nginx(folder)
    sides = [ours, theirs, nginx]
    token = sign_in(ours)
    time.sleep(2)
    print(f"idle memory: {', '.join(f'{side.name} {side.process.resident_mebibytes():.0f} MiB' for side in sides)}")
    if "small" in parts:
        small_requests.measure(sides, options.rounds, options.seconds)
    if "pull" in parts:
        blob_transfer.pulls(sides, options.rounds, options.seconds)
    if "push" in parts:
        blob_transfer.pushes(sides, options.rounds)
    if "images" in parts:
        # docker-registry never syncs: ours is measured as it is, and without syncs for equal durability.
        unsynced = start_ours(folder, options.binaries, name="unsynced", without_sync=True)
        sign_in(unsynced)
        blob_transfer.images([ours, theirs], options.rounds)
        blob_transfer.images([unsynced, theirs], options.rounds)
    if "memory" in parts:
        for side in (ours, theirs):
            blob_transfer.many_pushes(side)
    if "builds" in parts:
        builds.measure(ours, token, folder, options.binaries, options.rounds)
    if "gc" in parts:
        collection.measure(folder, options.binaries, options.rounds)
    print(f"peak memory: {', '.join(f'{side.name} {side.process.peak_mebibytes():.0f} MiB' for side in sides)}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--binaries", required=True, help="the folder with the release build")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=int, default=3, help="of each measurement on small requests")
    arguments.add_argument("--only", action="append", choices=PARTS, help="a part; without it all of them")
    options = arguments.parse_args()
    folder = tempfile.mkdtemp(prefix="buildman-bench-")
    print(f"{machine()}; medians of {options.rounds} rounds")
    try:
        measure(options.only or PARTS, folder, options)
        print(machine())
    finally:
        stop_all()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
