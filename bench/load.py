"""Runs wrk, reads what it prints, and prints figures side by side."""
import os
import re
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
UNITS = {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}


def wrk(side, path, seconds, connections, script=None, threads=1, arguments=(), process=None):
    """What wrk saw on one path, and what it cost the server.

    Answers requests a second, p50 and p99 in milliseconds, megabytes a second, CPU microseconds per request.
    """
    process = process or side.process
    headers = [part for key, value in side.headers.items() for part in ("-H", f"{key}: {value}")]
    lua = ["-s", os.path.join(HERE, script)] if script else []
    before = process.cpu_seconds()
    run = subprocess.run(
        ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "--latency", *headers, *lua,
         f"{side.url}{path}", "--", *arguments], capture_output=True, text=True)
    spent = process.cpu_seconds() - before
    text = run.stdout
    if run.returncode or "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"{side.name} {path}: {text}{run.stderr}")
    requests = int(re.search(r"(\d+) requests in", text).group(1))
    quantiles = {
        quantile: float(value) * UNITS[unit]
        for quantile, value, unit in re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s|m)\b", text)}
    size, unit = re.search(r"Transfer/sec:\s+([\d.]+)([KMG]?)B", text).groups()
    return {
        "req/s": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)), "p50 ms": quantiles["50"],
        "p99 ms": quantiles["99"], "MB/s": float(size) * {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}[unit] / 1e6,
        "CPU us/req": spent / max(requests, 1) * 1e6, "output": text}


def median(results, figure):
    return statistics.median(result[figure] for result in results)


class Table:
    """Medians of alternating rounds, side by side, with the ratios of RegistryLite's figure to the others'."""

    def __init__(self, sides):
        self.sides = sides
        names = "".join(f"{side.name:>18}" for side in sides)
        print(f"{'':26}{'':12}{names}   ratio to " + " and ".join(side.name for side in sides[1:]))

    def row(self, title, figure, results):
        values = [median(results[side], figure) if results.get(side) else None for side in self.sides]
        cells = "".join(f"{value:18.2f}" if value is not None else f"{'–':>18}" for value in values)
        ratios = "  ".join(
            f"{values[0] / value:6.2f}x" if value else f"{'–':>7}" for value in values[1:])
        print(f"{title:26}{figure:12}{cells}   {ratios}", flush=True)


def alternating(sides, rounds, measure):
    """Measures each side in turn, `rounds` times, so that a change of the machine's mood meets all of them."""
    results = {side: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            results[side].append(measure(side))
    return results
