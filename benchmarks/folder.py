"""How much of the machine does `edgecls run FOLDER` turn into classified images?

The limit is what one thread spends on decoding, fitting and inference, in CPU time, spread over all usable cores. That
is more than they reach where they share a memory bus, or a core of the host: so beside it stands what as many bare
threads in one process reach. In the same rounds, `edgecls run` classifies the folder and a few of its images: the
difference is the images alone, without startup, which benchmarks/cold_start.py measures. On a busy machine CPU time
per image is more reliable than the wall clock, which includes other programs.

The photos are the example image with noise, at sizes as in ImageNet.

    python benchmarks/folder.py [--photos 500] [--rounds 7] [--model my.onnx]...
"""

import argparse
import itertools
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from in_process_limit import rate_of
from measure import byte_compile, machine_facts, write_results
from small_model import write_small_model

from edgecls import image
from edgecls.commands.options import BUNDLED_MODEL
from edgecls.measuring.turns import ratio_of, take_turns
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.opening import load

__all__ = ["write_class_folders", "write_photos"]

IMAGE = Path(__file__).parent.parent / "examples" / "dandelion.jpg"
SIZES = ((500, 375), (375, 500), (500, 333), (500, 500), (640, 480))
LABELS = 5  # of photos that are to be trained on
FEW = 16  # images in the short run that is taken off the long one
THREADS_S = 2.0  # of bare threads in each round
LEAST_S = 4  # a run over less work names the folder several times, so that its start does not blur it


def write_photos(folder: Path, count: int) -> None:
    """Write so many different photos into a folder, called 00000.jpg and so on."""
    rng = np.random.default_rng(0)
    photo = cv2.imdecode(np.frombuffer(IMAGE.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    for index in range(count):
        resized = cv2.resize(photo, SIZES[index % len(SIZES)], interpolation=cv2.INTER_CUBIC).astype(np.int16)
        noisy = np.clip(resized + rng.normal(0, 10, resized.shape), 0, 255).astype(np.uint8)
        _, encoded = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 90])
        (folder / f"{index:05d}.jpg").write_bytes(encoded.tobytes())


def write_class_folders(folder: Path, count: int) -> Path:
    """Write so many photos, a few more if need be, into class folders, and return the folder of these."""
    for label in range(LABELS):
        of_label = folder / f"label {label}"
        of_label.mkdir(parents=True)
        write_photos(of_label, -(-count // LABELS))
    return folder


@dataclass(frozen=True)
class _Spent:
    wall_s: float
    cpu_s: float


def _run(model: Path, paths: list[str]) -> _Spent:
    command = [sys.executable, "-m", "edgecls", "run", *paths, "--model", str(model), "--provider", "cpu"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall_s, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return _Spent(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _cpu_of_one_thread(classifier: Classifier, encoded: list[bytes]) -> float:
    start = time.thread_time()
    for data in encoded:
        _classify(classifier, data)
    return time.thread_time() - start


def _classify(classifier: Classifier, data: bytes) -> object:
    return classifier.probabilities(image.decode_to_fit(data, classifier.card.image)[np.newaxis])


def _measure(model: Path, folder: Path, rounds: int) -> dict[str, object]:
    names = sorted(map(str, folder.iterdir()))
    encoded = [Path(name).read_bytes() for name in names]
    classifier, cores = load(model, "cpu"), usable_cores()
    cpu_s = min(_cpu_of_one_thread(classifier, encoded) for _ in range(2))
    repeats = math.ceil(LEAST_S * cores / cpu_s)
    endless = itertools.cycle(encoded)
    subjects: dict[str, Callable[[], _Spent]] = {
        "limit": lambda: _Spent(0, _cpu_of_one_thread(classifier, encoded)),
        "bare": lambda: _Spent(1 / rate_of(lambda: _classify(classifier, next(endless)), cores, THREADS_S), 0),
        "few": lambda: _run(model, names[:FEW]),
        "all": lambda: _run(model, [str(folder)] * repeats),
    }
    taken = take_turns(subjects, rounds=rounds)
    bare_per_s = [1 / one.wall_s for one in taken["bare"]]
    images = len(names) * repeats - FEW
    cpu_limit = [one.cpu_s / len(names) for one in taken["limit"]]
    limit = [cores / cpu_s for cpu_s in cpu_limit]
    whole = [len(names) * repeats / one.wall_s for one in taken["all"]]
    pairs = list(zip(taken["all"], taken["few"], strict=True))
    reached = [images / (one.wall_s - few.wall_s) for one, few in pairs]
    cpu = [(one.cpu_s - few.cpu_s) / images for one, few in pairs]
    of_limit, of_cpu, of_bare = ratio_of(reached, limit), ratio_of(cpu, cpu_limit), ratio_of(reached, bare_per_s)
    print(
        f"{model.name}, {repeats} times over: limit {statistics.median(limit):.1f}/s, "
        f"edgecls run {statistics.median(reached):.1f}/s "
        f"({statistics.median(whole):.1f}/s with its start): {of_limit} of the limit, "
        f"{of_bare} of {cores} bare threads; "
        f"CPU an image {of_cpu} of the limit's {1000 * statistics.median(cpu_limit):.2f} ms"
    )
    return {
        "model": model.name,
        "photos": len(names),
        "repeats": repeats,
        "limit_per_s": [round(value, 2) for value in limit],
        "run_per_s": [round(value, 2) for value in reached],
        "run_with_start_per_s": [round(value, 2) for value in whole],
        "bare_threads_per_s": [round(value, 2) for value in bare_per_s],
        "of_limit": asdict(of_limit),
        "of_bare_threads": asdict(of_bare),
        "cpu_of_limit": asdict(of_cpu),
    }


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--model", type=Path, action="append", help="instead of the bundled and the small one")
    arguments = parser.parse_args()
    if arguments.photos <= 2 * FEW:
        parser.error(f"--photos must be above {2 * FEW}")
    byte_compile()
    machine = machine_facts()
    print(f"{machine['processor']}, {usable_cores()} cores, {arguments.photos} photos, {arguments.rounds} rounds")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "photos"
        folder.mkdir()
        write_photos(folder, arguments.photos)
        models = arguments.model or [BUNDLED_MODEL, write_small_model(Path(scratch) / "small.onnx")]
        rows = [_measure(model, folder, arguments.rounds) for model in models]
    print(f"wrote {write_results('folder', {'rounds': arguments.rounds, 'rows': rows})}")


if __name__ == "__main__":
    main()
