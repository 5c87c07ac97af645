"""Does the memory of streaming mode grow with the dataset?

Trains one epoch with `--cache stream` on some images and on eight times as many (copies of the
same files), each in a process of its own, and reports the largest resident memory until the export
begins. For comparison, the same with the cache in memory, which does grow.

    python benchmarks/streaming_memory.py [--data FOLDER] [--images 500] [--factor 8] [--side 96]
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from itertools import islice, product
from pathlib import Path

from folder import write_class_folders
from measure import byte_compile, machine_facts, write_results

from edgecls.dataset.formats.read import read_dataset

TRAIN = """
import resource, sys
from pathlib import Path
from edgecls.image_spec import ImageSpec
from edgecls.training.config import TrainConfig
from edgecls.training.job import Listener, run_training
side, cache = int(sys.argv[2]), sys.argv[3]
config = TrainConfig(ImageSpec(side, side), arch="simple_cnn", weights="none", epochs=1, cache=cache)
data = Path(sys.argv[1])
unit = 1 if sys.platform == "darwin" else 1024
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
listener = Listener(on_exporting=lambda trained: print(peak()))
run_training(data, data.parent / f"{cache}.onnx", config, listener=listener)
"""


def _copy(data: Path, folder: Path, *, images: int, factor: int) -> int:
    """Make a dataset of some of the images, each copied `factor` times, and return how many there are."""
    found = read_dataset(data).whole
    each = images // len(found.labels)
    count = 0
    for index, label in enumerate(found.labels):
        (folder / label).mkdir(parents=True)
        chosen = islice((path for path, own in zip(found.paths, found.label_ids, strict=True) if own == index), each)
        for path, copy in product(chosen, range(factor)):
            shutil.copyfile(path, folder / label / f"{copy}-{path.name}")
            count += 1
    return count


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a dataset in any form; made if left out")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--factor", type=int, default=8)
    parser.add_argument("--side", type=int, default=96)
    options = parser.parse_args()
    byte_compile()
    machine = machine_facts()
    print(f"{machine['processor']}, {machine['usable_cores']} cores, simple_cnn, {options.side} pixels")
    rows = []
    for factor in (1, options.factor):
        with tempfile.TemporaryDirectory() as name:
            data = Path(name) / "data"
            source = options.data or write_class_folders(Path(name) / "made", options.images)
            count = _copy(source, data, images=options.images, factor=factor)
            for cache in ("stream", "memory"):
                command = [sys.executable, "-c", TRAIN, str(data), str(options.side), cache]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                peak = int(done.stdout.split()[-1])
                rows.append({"images": count, "cache": cache, "peak_bytes": peak})
                print(f"{cache:7} {count:7d} images: {peak / 1e6:7.0f} MB at most")
    print(f"wrote {write_results('streaming_memory', {'side': options.side, 'rows': rows})}")


if __name__ == "__main__":
    main()
