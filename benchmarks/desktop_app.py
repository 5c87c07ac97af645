"""How long does the desktop app take to start, and does its memory grow with the images?

Opens the window without a screen, each time in a process of its own: with the sample image for the start, the median of
several; then with folders of made-up images, which are all recognised and scrolled through from top to bottom.

    python benchmarks/desktop_app.py [--images 1000,10000] [--starts 5]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import byte_compile, machine_facts, write_results

from edgecls import image

SIDE_HW = (240, 320)
PATTERNS = 40  # images that differ; the files are copies of them

WINDOW = """
import json, os, sys, time
start_s = float(sys.argv[1])
from edgecls.desktop.display import check_display
check_display()
from PySide6.QtCore import QEventLoop, QTimer
from edgecls.desktop.app import make_app, make_window
from edgecls.desktop.shared.settings import Settings

def turn(ms=20):
    loop = QEventLoop()
    QTimer.singleShot(ms, loop.quit)
    loop.exec()

def memory():
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

app = make_app()
window = make_window(app, Settings(), model=None, paths=sys.argv[2:])
window.show()
turn(0)
shown_s = time.time() - start_s
while window.session.recogniser.classifier is None:
    turn()
ready_s = time.time() - start_s
found = {"shown_s": shown_s, "ready_s": ready_s, "ready_bytes": memory()}
if len(sys.argv) > 2:
    begun_s, longest_s, peak = time.time(), 0.0, 0
    images = window.session.images
    while not images.entries or window.session.waiting or window.session.recogniser.is_busy:
        turned_s = time.time()
        turn()
        longest_s = max(longest_s, time.time() - turned_s - 0.02)
        peak = max(peak, memory())
    found |= {"recognised_s": time.time() - begun_s, "longest_turn_s": longest_s, "recognised_bytes": peak}
    bar = window.classify.grid.verticalScrollBar()
    for step in range(201):
        bar.setValue(bar.maximum() * step // 200)
        turn()
        peak = max(peak, memory())
    found |= {"images": len(images.entries), "scrolled_bytes": peak}
print(json.dumps(found), flush=True)
os._exit(0)
"""


def _write_images(folder: Path, count: int) -> None:
    """Write JPEGs with coarse coloured noise."""
    rng = np.random.default_rng(5)
    height, width = SIDE_HW
    coarse = rng.integers(0, 256, (PATTERNS, height // 20, width // 20, 3), dtype=np.uint8)
    encoded = [image.encode_jpeg(one.repeat(20, axis=0).repeat(20, axis=1), quality=85) for one in coarse]
    folder.mkdir(parents=True)
    for index in range(count):
        (folder / f"{index:06d}.jpg").write_bytes(encoded[index % PATTERNS])


def _run(home: Path, *paths: Path) -> dict[str, float]:
    """Open a window in a process of its own, and return what it measured."""
    folders = ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    environment = {**os.environ, **dict.fromkeys(folders, str(home)), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", WINDOW, str(time.time()), *map(str, paths)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="1000,10000", help="how many, separated by commas")
    parser.add_argument("--starts", type=int, default=5)
    options = parser.parse_args()
    byte_compile()
    machine = machine_facts()
    load = os.getloadavg()[0]
    print(f"{machine['processor']}, {machine['usable_cores']} cores, load {load:.1f}")
    with tempfile.TemporaryDirectory() as name:
        _run(Path(name) / "home")  # the golden samples are verified once per machine
        starts = [_run(Path(name) / "home") for _ in range(options.starts)]
        shown_s, ready_s = (statistics.median(start[key] for start in starts) for key in ("shown_s", "ready_s"))
        print(f"window after {shown_s:.2f} s, model after {ready_s:.2f} s (medians of {options.starts})")
        rows = []
        for count in map(int, options.images.split(",")):
            folder = Path(name) / f"images-{count}"
            _write_images(folder, count)
            row = _run(Path(name) / f"home-{count}", folder)
            rows.append(row)
            print(
                f"{count:6d} images: {row['recognised_bytes'] / 1e6:.0f} MB recognised, "
                f"{row['scrolled_bytes'] / 1e6:.0f} MB scrolled through, {count / row['recognised_s']:.0f} images/s, "
                f"window busy at most {1000 * row['longest_turn_s']:.0f} ms"
            )
    content = {"load": load, "starts": options.starts, "shown_s": shown_s, "ready_s": ready_s, "rows": rows}
    print(f"wrote {write_results('desktop_app', content)}")


if __name__ == "__main__":
    main()
