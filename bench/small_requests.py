"""Small requests: GET /v2/, HEAD blob, manifests by tag and digest. Ours with a bearer token, the others without."""
from load import Table, alternating, median, wrk

CONFIG = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
PACED_CONNECTIONS = 64


def prepare(side):
    """Pushes an image; answers the path of each measured request."""
    layer = bytes(range(256)) * 16
    config_digest, layer_digest, empty = side.push(CONFIG), side.push(layer), side.push(b"")
    if hasattr(side, "root"):
        # nginx sends what a registry sends: the manifest's bytes.
        manifest = side.registry_manifest
        side.write("latest", manifest[1])
        side.write(manifest[0], manifest[1])
        digest = manifest[0]
    else:
        digest, body = side.put_manifest((config_digest, len(CONFIG)), (layer_digest, len(layer)))
        side.manifest = (digest, body)
    return {
        "GET /v2/": ("/v2/", None), "HEAD blob": (side.blob_path(empty), "head.lua"),
        "GET manifest by tag": (side.manifest_path("latest"), None),
        "GET manifest by digest": (side.manifest_path(digest), None)}


def measure(sides, rounds, seconds):
    ours = sides[0]
    paths = {}
    for side in sides:
        if hasattr(side, "root"):
            side.registry_manifest = ours.manifest
        paths[side] = prepare(side)
    table = Table(sides)
    for title in paths[ours]:
        for connections in (10, 500):
            results = alternating(
                sides, rounds,
                lambda side: wrk(side, paths[side][title][0], seconds, connections, script=paths[side][title][1]))
            name = f"{title}, c={connections}"
            for figure in ("req/s", "CPU us/req", "p50 ms", "p99 ms"):
                table.row(name, figure, results)
            if connections == 10 and paths[ours][title][1] is None:
                half_load(ours, paths[ours][title][0], title, median(results[ours], "req/s") / 2, rounds, seconds)


def half_load(side, path, title, wanted, rounds, seconds):
    """wrk has no option for a rate: 64 connections rest between their requests so that together they make about half of
    what 10 busy ones did."""
    pause = max(1, round(PACED_CONNECTIONS / wanted * 1000))
    results = alternating(
        [side], rounds,
        lambda side: wrk(side, path, seconds, PACED_CONNECTIONS, script="paced.lua", arguments=[str(pause)]))
    print(f"{title + ', half load':26}{'p99 ms':12}{median(results[side], 'p99 ms'):18.2f}   "
          f"at {median(results[side], 'req/s'):.0f} req/s, {wanted:.0f} wanted", flush=True)
