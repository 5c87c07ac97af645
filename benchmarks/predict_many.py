"""How much of the machine does `Classifier.predict_many` turn into classified images?

The limit is that of benchmarks/in_process_limit.py, taken before and after each round: on a GPU the smaller one of what
all cores decode and what the GPU classifies in batches. In each round a classifier works through a list of photos as it
is opened without more, and one in batches, as `edgecls tune` would have it.

    python benchmarks/predict_many.py [--model my.onnx] [--provider cpu] [--batch 64] [--rounds 5] [--seconds 3]
"""

import argparse
import itertools
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from folder import write_photos
from in_process_limit import measure_limit
from measure import byte_compile, machine_facts, write_results

from edgecls.commands.options import BUNDLED_MODEL
from edgecls.errors import ImageError
from edgecls.measuring.turns import median_of, ratio_of
from edgecls.modelfile import read_model
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.opening import load, open_classifier
from edgecls.runtime.setting import Setting

PHOTOS = 64


def _per_s(classifier: Classifier, photos: list[Path], seconds: float) -> float:
    """Return images a second, over at least so many seconds."""
    start, done = time.perf_counter(), 0
    endless = itertools.cycle(photos)
    for outcome in classifier.predict_many(endless):
        if isinstance(outcome.result, ImageError):
            raise outcome.result
        done += 1
        if time.perf_counter() - start > seconds:
            break
    return done / (time.perf_counter() - start)


def _measure(model: Path, provider: Provider, photos: list[Path], options: argparse.Namespace) -> dict[str, Any]:
    batched = Setting(provider, max(usable_cores(), 2 * options.batch), 1, options.batch)
    ways = {
        "as opened": load(model, provider),
        f"batches of {options.batch}": open_classifier(read_model(model), provider, setting=batched),
    }
    limits: list[float] = []
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for index in range(options.rounds + 1):
        before = measure_limit(model, photos[0], seconds=options.seconds / 2, provider=provider.value)
        found = {name: _per_s(classifier, photos, options.seconds) for name, classifier in ways.items()}
        after = measure_limit(model, photos[0], seconds=options.seconds / 2, provider=provider.value)
        if index == 0:
            continue  # warms up
        limits.append((before + after) / 2)
        for name, rate in found.items():
            rates[name].append(rate)
    rows = {}
    for name in ways:
        rows[name] = {
            "limit_per_s": asdict(median_of(limits)),
            "per_s": asdict(median_of(rates[name])),
            "of_limit": asdict(ratio_of(rates[name], limits)),
        }
        print(
            f"{name:14} {median_of(rates[name]).value:9.1f}/s, limit {median_of(limits).value:9.1f}/s: "
            f"{ratio_of(rates[name], limits)} of it",
            flush=True,
        )
    return rows


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=BUNDLED_MODEL)
    parser.add_argument("--provider", type=Provider, default=Provider.CPU)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    byte_compile()
    print(f"{machine_facts()['processor']}, {usable_cores()} cores, {options.rounds} rounds of {options.seconds:g} s")
    with tempfile.TemporaryDirectory() as scratch:
        write_photos(Path(scratch), PHOTOS)
        rows = _measure(options.model, options.provider, sorted(Path(scratch).iterdir()), options)
    name = "predict_many" + (f"_{options.provider}" if options.provider is not Provider.CPU else "")
    results = {"model": options.model.name, "rounds": options.rounds, "seconds": options.seconds, "rows": rows}
    print(f"wrote {write_results(name, results)}")


if __name__ == "__main__":
    main()
