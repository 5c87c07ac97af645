"""How does throughput scale with threads: more callers, or more threads within a run?

Decoding, fitting and inference of the same photos, from 1 thread to twice the usable cores, as a ratio to one thread
in the same round.

    python benchmarks/scaling.py [--rounds 7] [--seconds 0.6] [--model my.onnx]...
"""

import argparse
import itertools
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from folder import write_photos
from measure import byte_compile, machine_facts, write_results
from small_model import write_small_model

from edgecls.commands.options import BUNDLED_MODEL
from edgecls.measuring.turns import ratio_of, take_turns
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.opening import load

PHOTOS = 20


def _thread_counts() -> list[int]:
    """Return 1, 2, 4 and so on, the usable cores, and twice as many."""
    cores = usable_cores()
    doubling = itertools.takewhile(lambda count: count < cores, (2**power for power in itertools.count()))
    return sorted({1, *doubling, cores, 2 * cores})


def _rate(classifier: Classifier, photos: list[bytes], callers: int, seconds: float) -> Callable[[], float]:
    """Return a function that gives the images a second of so many callers."""

    def run() -> float:
        done = [0] * callers
        end = time.perf_counter() + seconds

        def work(index: int) -> None:
            for photo in itertools.cycle(photos):
                if time.perf_counter() >= end:
                    return
                classifier.predict_bytes(photo)
                done[index] += 1

        threads = [threading.Thread(target=work, args=(index,)) for index in range(callers)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(done) / (time.perf_counter() - start)

    return run


def _measure(model: Path, photos: list[bytes], rounds: int, seconds: float) -> list[dict[str, Any]]:
    plans = [("callers", count) for count in _thread_counts()]
    plans += [("threads in a run", count) for count in _thread_counts() if 1 < count <= usable_cores()]
    shared = load(model, "cpu")
    subjects = {
        f"{count} {kind}": _rate(shared, photos, count, seconds)
        if kind == "callers"
        else _rate(load(model, "cpu", intra_op_threads=count), photos, 1, seconds)
        for kind, count in plans
    }
    rates = take_turns(subjects, rounds=rounds)
    rows = []
    for kind, count in plans:
        taken = rates[f"{count} {kind}"]
        ratio = ratio_of(taken, rates["1 callers"])
        per_s = statistics.median(taken)
        print(f"{model.stem:8} {count} {kind:17} {per_s:8.1f}/s  {ratio} of one thread", flush=True)
        row = {"model": model.stem, "kind": kind, "threads": count, "per_s": per_s, "of_one_thread": asdict(ratio)}
        rows.append({**row, "rates": taken})
    return rows


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.6)
    parser.add_argument("--model", type=Path, action="append", help="instead of the bundled and the small one")
    arguments = parser.parse_args()
    byte_compile()
    print(f"{machine_facts()['processor']}, {usable_cores()} cores, {arguments.rounds} rounds")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "photos"
        folder.mkdir()
        write_photos(folder, PHOTOS)
        photos = [path.read_bytes() for path in sorted(folder.iterdir())]
        rows = []
        for model in arguments.model or [BUNDLED_MODEL, write_small_model(Path(scratch) / "small.onnx")]:
            rows += _measure(model, photos, arguments.rounds, arguments.seconds)
    print(f"wrote {write_results('scaling', {'rounds': arguments.rounds, 'rows': rows})}")


if __name__ == "__main__":
    main()
