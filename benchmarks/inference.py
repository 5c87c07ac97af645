"""What does `Classifier.probabilities` add to a run of onnxruntime on the same tensor?

The baseline is the onnxruntime session below the classifier, called directly. Calls take turns one by one, and each
round compares the medians. A tiny network shows what edgecls adds to a call; the bundled one, its share.

    python benchmarks/inference.py [--rounds 9] [--batches 1,32] [--model my.onnx]...
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from measure import byte_compile, machine_facts, write_results
from small_model import write_small_model, write_tiny_model

from edgecls.commands.options import BUNDLED_MODEL
from edgecls.measuring.turns import median_of, ratio_of, time_rounds
from edgecls.modelfile import INPUT_NAME, OUTPUT_NAME
from edgecls.runtime.opening import load

SECONDS_A_ROUND = 0.4
LEAST_CALLS = 5  # of each, in a round
MOST_CALLS = 2000


def _medians_us(calls: dict[str, Callable[[], object]], count: int) -> dict[str, float]:
    """Call each in turn, so many times, and return the median microseconds of a call."""
    times = time_rounds(calls, rounds=count, warm_up=0)
    return {name: 1e6 * statistics.median(seconds) for name, seconds in times.items()}


def _measure(model: Path, batch: int, rounds: int) -> dict[str, Any]:
    classifier = load(model, "cpu")
    session = classifier._session._session  # one of its own may lie in memory otherwise, which is a few per cent
    shape = (batch, *classifier.card.image.shape_hwc)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    calls = {
        "edgecls": lambda: classifier.probabilities(pixels),
        "plain": lambda: session.run([OUTPUT_NAME], {INPUT_NAME: pixels}),
    }
    once_s = min(time_rounds({"plain": calls["plain"]}, rounds=3)["plain"])
    count = min(MOST_CALLS, max(LEAST_CALLS, round(SECONDS_A_ROUND / 2 / once_s)))
    _medians_us(calls, count)  # warms up
    medians = [_medians_us(calls, count) for _ in range(rounds)]
    ours, plain = ([taken[name] for taken in medians] for name in ("edgecls", "plain"))
    added = median_of([one - other for one, other in zip(ours, plain, strict=True)])
    ratio = ratio_of(ours, plain)
    row = {
        "model": model.stem,
        "batch": batch,
        "plain_us": statistics.median(plain),
        "added_us": asdict(added),
        "edgecls_over_plain": asdict(ratio),
        "images_per_s": 1e6 * batch / statistics.median(ours),
        "microseconds": {"edgecls": ours, "plain": plain},
    }
    print(
        f"{model.stem:8} batch {batch:<3} plain {row['plain_us']:9.1f} us  edgecls adds {added} us  "
        f"edgecls / plain {ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f})  {row['images_per_s']:.0f}/s",
        flush=True,
    )
    return row


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batches", default="1,32")
    parser.add_argument("--model", type=Path, action="append", help="instead of the bundled, the small and a tiny one")
    arguments = parser.parse_args()
    byte_compile()
    print(f"{machine_facts()['processor']}, 1 thread, {arguments.rounds} rounds")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        made = [write_small_model(folder / "small.onnx"), write_tiny_model(folder / "tiny.onnx")]
        rows = [
            _measure(model, int(batch), arguments.rounds)
            for model in arguments.model or [BUNDLED_MODEL, *made]
            for batch in arguments.batches.split(",")
        ]
    print(f"wrote {write_results('inference', {'rounds': arguments.rounds, 'rows': rows})}")


if __name__ == "__main__":
    main()
