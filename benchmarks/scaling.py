"""What do more threads gain, on this machine?

Pictures a second through one `Classifier`, decoding and fitting included, for 1 to twice as many callers as there are
usable cores, with one thread a run; and for a lone caller with 1 to as many threads a run as there are cores. Ratios
are to one caller with one thread, in the same round.

    python benchmarks/scaling.py [--rounds 9] [--seconds 0.5] [--model my.onnx]...
"""

import argparse
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

from edgecls.commands.shared_options import BUNDLED_MODEL
from edgecls.rounds import ratio_of, take_turns
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.opening import load


def _rate(classifier: Classifier, photo: bytes, callers: int, seconds: float) -> float:
    """Return pictures a second of so many callers together."""
    done = [0] * callers
    until_s = time.perf_counter() + seconds

    def call(index: int) -> None:
        while time.perf_counter() < until_s:
            classifier.predict_bytes(photo)
            done[index] += 1

    threads = [threading.Thread(target=call, args=(index,)) for index in range(callers)]
    start_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - start_s)


def _measure(model: Path, photo: bytes, rounds: int, seconds: float) -> list[dict[str, Any]]:
    cores = usable_cores()
    usual = load(model, "cpu")
    wide = {threads: load(model, "cpu", intra_op_threads=threads) for threads in range(2, cores + 1)}
    ways = [(callers, 1) for callers in range(1, 2 * cores + 1)] + [(1, threads) for threads in wide]

    def subject(callers: int, threads: int) -> Callable[[], float]:
        return lambda: _rate(wide.get(threads, usual), photo, callers, seconds)

    rates = take_turns({f"{way}": subject(*way) for way in ways}, rounds=rounds)
    rows = []
    for callers, threads in ways:
        taken = rates[f"{(callers, threads)}"]
        gain = ratio_of(taken, rates["(1, 1)"])
        print(
            f"{model.stem:10} {callers} callers, {threads} threads a run: {statistics.median(taken):8.1f}/s, "
            f"{gain} of one caller with one thread"
        )
        rows.append(
            {
                "model": model.stem,
                "callers": callers,
                "threads": threads,
                "pictures_per_s": round(statistics.median(taken), 1),
                "of_one": asdict(gain),
            }
        )
    return rows


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--model", type=Path, action="append", help="instead of the bundled and the small one")
    arguments = parser.parse_args()
    byte_compile()
    machine = machine_facts()
    print(f"{machine['processor']}, {usable_cores()} cores, {arguments.rounds} rounds of {arguments.seconds:g} s")
    with tempfile.TemporaryDirectory() as scratch:
        write_photos(Path(scratch), 1)
        photo = (Path(scratch) / "00000.jpg").read_bytes()
        models = arguments.model or [BUNDLED_MODEL, write_small_model(Path(scratch) / "small.onnx")]
        rows = [row for model in models for row in _measure(model, photo, arguments.rounds, arguments.seconds)]
    print(f"wrote {write_results('scaling', {'rounds': arguments.rounds, 'rows': rows})}")


if __name__ == "__main__":
    main()
