"""How soon is a taught model usable, and what does serving pay for it meanwhile?

A server is taught five labels with 20 photos each. From Train to the first answer of the new model, with no requests to
serve; and the latency of requests by wrk over 8 connections, which keep all cores busy, with and without a training.

    python benchmarks/teaching.py PHOTOS [--rounds 3] [--seconds 10]

PHOTOS is a folder with a folder of photos for each of at least five labels.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from measure import byte_compile, write_results
from server_process import free_port, serving
from wrk_load import run_load

from edgecls.image_files import find_images
from edgecls.runtime.machine.cores import usable_cores

LABELS, PHOTOS, CONNECTIONS = 5, 20, 8


def _ask(url: str, body: bytes | None = None) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=120) as answer:
        return json.load(answer)


def _await_training(url: str) -> dict[str, Any]:
    while (state := _ask(f"{url}/teach"))["training"]["state"] == "running":
        time.sleep(0.05)
    if state["training"]["state"] != "finished":
        sys.exit(f"the training {state['training']}")
    return dict(state)


def _usable_s(url: str, photo: bytes) -> float:
    """Return how long it takes from Train to the first answer of the new model."""
    start = time.perf_counter()
    _ask(f"{url}/teach/training", b"")
    version = _await_training(url)["versions"][-1]["number"]
    _ask(f"{url}/teach/versions/{version}/try", photo)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    byte_compile()
    folders = sorted(path for path in options.photos.iterdir() if path.is_dir())[:LABELS]
    photo = find_images(folders[0])[PHOTOS].read_bytes()
    rounds = []
    with tempfile.TemporaryDirectory() as scratch:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "edgecls", "serve", "--provider", "cpu", "--port", str(port)]
        command += ["--teach", f"{scratch}/taught"]
        with serving(command, f"{url}/predict", photo, "image/jpeg"):
            for folder in folders:
                for path in find_images(folder)[:PHOTOS]:
                    _ask(f"{url}/teach/images?label={quote(folder.name)}", path.read_bytes())
            for _ in range(options.rounds):
                usable_s = _usable_s(url, photo)
                alone = run_load(
                    f"{url}/predict", photo, "image/jpeg", connections=CONNECTIONS, seconds=options.seconds
                )
                _ask(f"{url}/teach/training", b"")
                training = run_load(
                    f"{url}/predict", photo, "image/jpeg", connections=CONNECTIONS, seconds=options.seconds
                )
                lasted = _ask(f"{url}/teach")["training"]["state"] == "running"
                last = _await_training(url)["versions"][-1]
                rounds.append(
                    {
                        "usable_s": usable_s,
                        "alone": asdict(alone),
                        "training": asdict(training),
                        "training_lasted": lasted,
                        "training_s": last["duration_s"],
                        "training_cpu_s": last["cpu_s"],
                        "load_average": os.getloadavg()[0],
                        "p99_ratio": training.p99_ms / alone.p99_ms,
                    }
                )
                print(json.dumps(rounds[-1]))
    results = {
        "rounds": options.rounds,
        "cores": usable_cores(),
        "labels": LABELS,
        "photos": PHOTOS,
        "connections": CONNECTIONS,
        "seconds": options.seconds,
        "each": rounds,
        "training_cpu_s": statistics.median(one["training_cpu_s"] for one in rounds),
        "usable_s": statistics.median(one["usable_s"] for one in rounds),
        "p99_ratio": statistics.median(one["p99_ratio"] for one in rounds),
    }
    print(f"usable after {results['usable_s']:.1f} s, p99 {results['p99_ratio']:.2f} times that without a training")
    write_results("teaching", results)


if __name__ == "__main__":
    main()
