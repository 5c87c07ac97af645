"""What does a cluster cost, and what does it bring?

The local command against `--on ray` on a cluster of this machine with one worker and with two, over the same images:
the whole command, and the images a second between its first and its last part. Then the listing of many paths, with
its memory. On a machine with two cores, the program, the services of Ray and two workers share them.

    python benchmarks/ray_scaling.py [--images 4000] [--paths 1000000]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from edgecls.distributed.job import Progress, chunks_of
from edgecls.distributed.output import SeenImages
from edgecls.distributed.sources import list_images
from edgecls.image import encode_png

WAYS: dict[str, list[str]] = {
    "local, 1 thread": ["--threads", "1", "--format", "json"],
    "ray, 1 worker": ["--on", "ray", "--workers", "1", "--format", "json"],
    "local, 2 threads": ["--threads", "2", "--format", "json"],
    "ray, 2 workers": ["--on", "ray", "--workers", "2", "--format", "json"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--paths", type=int, default=1_000_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for line in (*_commands(Path(folder), wanted.images), _listing(Path(folder), wanted.paths)):
            print(json.dumps(line), flush=True)


def _commands(folder: Path, count: int) -> list[dict[str, object]]:
    images = folder / "images"
    images.mkdir()
    first = images / "000000.png"
    first.write_bytes(encode_png(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)))
    for number in range(1, count):
        os.link(first, images / f"{number:06d}.png")
    lines: list[dict[str, object]] = []
    for way, options in WAYS.items():
        output = folder / way.replace(" ", "-")
        where = ["-o", str(output), "--part-rows", "100"] if "ray" in way else []
        start_s = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "edgecls", "run", str(images), *options, *where],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        whole_s = time.perf_counter() - start_s
        line: dict[str, object] = {"way": way, "images": count, "seconds": round(whole_s, 2)}
        if "ray" in way:
            times_s = sorted(part.stat().st_mtime for part in output.glob("part-*"))
            line["images_per_s_once_running"] = round((count - 100) / (times_s[-1] - times_s[0]), 1)
        else:
            line["images_per_s"] = round(count / whole_s, 1)
        lines.append(line)
    return lines


def _listing(folder: Path, count: int) -> dict[str, object]:
    listed = folder / "list.txt"
    with open(listed, "w", encoding="utf-8") as stream:
        stream.writelines(f"s3://photos/{number % 1000:03d}/{number:09d}.jpg\n" for number in range(count))
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen, progress = SeenImages(), Progress()
    start_s = time.perf_counter()
    for _ in chunks_of(list_images([str(listed)]), seen, progress):
        pass
    seconds = time.perf_counter() - start_s
    seen.close()
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
    return {"paths": progress.listed, "seconds": round(seconds, 2), "peak_grew_by_mib": round(grown_mib, 1)}


if __name__ == "__main__":
    main()
